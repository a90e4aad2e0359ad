--- columns: the loop over a block of text lines whose columns are separated by TAB.
-- In: the port, whose `ends` are the places of TABs and line feeds, and the continuation. Out:
-- push(). A TAB at the end of a line makes a last empty column.

local ffi = require("ffi")
local state = require("gleamflow.state")

local ffi_string = ffi.string
local spread = require("gleamflow.frame").spread

local LF = 10

local M = {}

function M.new(port, next_step)
	local progress = state.progress

	local function push()
		local bytes, ends = port.bytes, port.ends
		local from, i, row = 0, 0, 0
		local rows = port.rows
		while row < rows do
			progress.row = row
			row = row + 1
			local stop = ends[i]
			i = i + 1
			local a = ffi_string(bytes + from, stop - from)
			from = stop + 1
			if bytes[stop] == LF then
				next_step(a)
			else
				stop = ends[i]
				i = i + 1
				local b = ffi_string(bytes + from, stop - from)
				from = stop + 1
				if bytes[stop] == LF then
					next_step(a, b)
				else
					local columns, n = { a, b }, 2
					repeat
						stop = ends[i]
						i = i + 1
						n = n + 1
						columns[n] = ffi_string(bytes + from, stop - from)
						from = stop + 1
					until bytes[stop] == LF
					next_step(spread(columns, n))
				end
			end
		end
	end

	return { push = push }
end

return M
