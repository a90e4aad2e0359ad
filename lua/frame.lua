--- frame: the parts of reading frames that all heads share.
-- In: the bytes of a block and a place in them. Out: where a frame stops, and its columns as
-- values or in a list.

local value = require("gleamflow.codec").value
local unpack, error = unpack, error

local format = string.format

-- LuaJIT's own limit is near, and depends on what is on its stack.
local MOST_ARGUMENTS = 7900
local MOST_NAMED = 200

--- `most`: a function takes no more columns.
local M = { most = MOST_ARGUMENTS }

--- The columns 1..n of a list as values.
function M.spread(columns, n)
	if n > MOST_ARGUMENTS then
		error(
			format(
				"%d columns are more than a Lua function takes: at most %d, of which %d can have names\n\nhint: `select` keeps some of them without Lua, and a table in one column holds any number",
				n,
				MOST_ARGUMENTS,
				MOST_NAMED
			),
			0
		)
	end
	return unpack(columns, 1, n)
end

--- Where the frame that begins at `at` stops.
function M.stop_of(bytes, at, size)
	local stop = at + 4
	if stop < size then
		stop = stop
			+ bytes[at]
			+ bytes[at + 1] * 256
			+ bytes[at + 2] * 65536
			+ bytes[at + 3] * 16777216
	end
	if stop > size or stop == at + 4 then
		error("damaged row: a frame is empty or goes over its block", 0)
	end
	return stop
end

--- All columns of a row of which two have been read.
function M.rest(bytes, at, stop, a, b)
	local columns, n = { a, b }, 2
	while at < stop do
		n = n + 1
		columns[n], at = value(bytes, at, stop, 0)
	end
	return M.spread(columns, n)
end

--- The columns behind `at` into a list; their number.
function M.columns(bytes, at, stop, columns)
	local n = 0
	while at < stop do
		n = n + 1
		columns[n], at = value(bytes, at, stop, 0)
	end
	return n
end

return M
