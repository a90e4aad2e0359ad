--- filter: passes on the rows for which the user's function gives something true.
-- In: the step's number and the continuation. Out: run(row…), set(f) for each task, and run(x) for
-- rows of one column: a trace that begins in the user's function cannot go back to one that takes
-- any number. What it may do: see `lua/segment.lua`.

local state = require("gleamflow.state")

local M = {
	keeps_line = true,
	takes_line = true,
	inline = "state.to = false if %s then",
}

function M.new(id, next_step)
	local progress = state.progress
	local f

	local function run(...)
		progress.step = id
		state.to = false
		if f(...) then
			return next_step(...)
		end
	end

	local function run_one(x)
		progress.step = id
		state.to = false
		if f(x) then
			return next_step(x)
		end
	end

	return run, function(g)
		f = g
	end, run_one
end

return M
