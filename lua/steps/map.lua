--- map: replaces each row by what the user's function returns for it.
-- In: the step's number and the continuation. Out: run(row…), set(f) for each task, and run(x) for
-- rows of one column: see filter. What it may do: see `lua/segment.lua`.
-- Loaded afresh for each step: a trace takes a second call of one prototype for recursion.

local state = require("gleamflow.state")
local select = select

local M = {
	replaces_row = true,
	takes_line = true,
	keeps_result = true,
	may_emit = true,
	inline = "state.to = next_step pass(%s)",
}

function M.new(id, next_step)
	local progress = state.progress
	local f

	-- No value at all drops the row; `return nil` is a row of one nil.
	local function pass(...)
		if select("#", ...) ~= 0 then
			return next_step(...)
		end
	end

	local function run(...)
		progress.step = id
		state.to = next_step
		return pass(f(...))
	end

	local function run_one(x)
		progress.step = id
		state.to = next_step
		return pass(f(x))
	end

	return run, function(g)
		f = g
	end, run_one
end

return M
