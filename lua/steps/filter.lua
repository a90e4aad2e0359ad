--- filter: passes on the rows for which the user's function gives something true.
-- In: the step's number and the continuation. Out: run(row…), and set(f) for each task.

local state = require("gleamflow.state")

local M = {}

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

	return run, function(g)
		f = g
	end
end

return M
