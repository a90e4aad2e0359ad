--- lines: the end of a segment whose rows are lines of its input, unchanged.
-- In: the port, whose `from` and `stop` are the place of the line that has come through, and
-- `flush`. Out: run(), which copies that line.

local native = require("gleamflow.native")
local state = require("gleamflow.state")

local keep_line = native.keep_line

local M = {}

function M.new(port, flush)
	local progress = state.progress

	return function()
		if keep_line(port) ~= 0 then
			flush()
		end
		progress.emitted = progress.emitted + 1
	end
end

return M
