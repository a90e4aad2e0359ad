--- frames: the loop over a block of encoded rows.
-- In: the port, the continuation, and the segment, whose first step a damaged row is charged to.
-- Out: push(), which gives each row to the continuation.

local state = require("gleamflow.state")
local frame = require("gleamflow.frame")

local rest, stop_of = frame.rest, frame.stop_of
local value = require("gleamflow.codec").value

local M = {}

function M.new(port, next_step, segment)
	local progress = state.progress
	local first = segment.first_id

	local function push()
		local bytes, size = port.bytes, port.size
		local at, row = 0, 0
		while at < size do
			progress.row = row
			progress.step = first
			row = row + 1
			local stop = stop_of(bytes, at, size)
			local a, b
			a, at = value(bytes, at + 4, stop, 0)
			if at == stop then
				next_step(a)
			else
				b, at = value(bytes, at, stop, 0)
				if at == stop then
					next_step(a, b)
				else
					next_step(rest(bytes, at, stop, a, b))
					at = stop
				end
			end
		end
	end

	return { push = push }
end

return M
