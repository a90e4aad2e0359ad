--- branch: puts whether the user's function gives something true in front of each row.
-- In: the step's number and the continuation. Out: run(row…), and set(f) for each task.

local state = require("gleamflow.state")

local M = {}

function M.new(id, next_step)
	local progress = state.progress
	local f

	local function run(...)
		progress.step = id
		state.to = false
		return next_step(f(...) and true or false, ...)
	end

	return run, function(g)
		f = g
	end
end

return M
