--- lines: the loop over a block of text lines, each line one string column.
-- In: the port, whose `ends` are the places of the line feeds. Out: push(), which gives each row
-- to the continuation. Rust has looked for the line feeds before.

local ffi = require("ffi")
local state = require("gleamflow.state")

local ffi_string = ffi.string

local M = {}

function M.new(port, next_step)
	local progress = state.progress

	return function()
		local bytes, ends = port.bytes, port.ends
		local from = 0
		for i = 0, port.rows - 1 do
			local stop = ends[i]
			progress.row = i
			next_step(ffi_string(bytes + from, stop - from))
			from = stop + 1
		end
	end
end

return M
