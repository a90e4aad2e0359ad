--- for_each: calls the user's function with each row and passes the row on unchanged.
-- In: the step's number and the continuation. Out: run(row…), and set(f) for each task.

local state = require("gleamflow.state")

local M = { may_emit = true }

function M.new(id, next_step)
	local progress = state.progress
	local f

	local function run(...)
		progress.step = id
		state.to = next_step
		f(...)
		return next_step(...)
	end

	return run, function(g)
		f = g
	end
end

return M
