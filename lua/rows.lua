--- rows: what `unpack_rows` gives: a list of rows, told apart from a list of values.
-- In: a list of lists. Out: a value that flat_map takes, and that also works in a `for` loop.

local state = require("gleamflow.state")
local order = require("gleamflow.order")

local type, rawget = type, rawget
local spread = require("gleamflow.frame").spread
local debug_getmetatable, setmetatable = debug.getmetatable, setmetatable
local null = state.null

local format = string.format

local M = {}

local Rows = {}

--- The columns of one row of the list, with nil for `null`, and their number.
function M.columns(row, i)
	if type(row) ~= "table" then
		error(format("unpack_rows: expected a list as row %d, got %s", i, type(row)), 0)
	end
	local is_list, n = order.is_list(row)
	if not is_list or n == 0 then
		error(
			format(
				"unpack_rows: expected a list of at least one column as row %d, got %s",
				i,
				n == 0 and "an empty table" or "a table with holes or other keys"
			),
			0
		)
	end
	local columns = row
	for c = 1, n do
		if rawget(row, c) == null then
			columns = {}
			for j = 1, n do
				local v = rawget(row, j)
				if v ~= null then
					columns[j] = v
				end
			end
			break
		end
	end
	return columns, n
end

function Rows:__call()
	local i = self.at + 1
	if i <= #self.list then
		self.at = i
		local columns, n = M.columns(rawget(self.list, i), i)
		return spread(columns, n)
	end
end

--- Marks a list of lists as rows.
function M.unpack_rows(list)
	if type(list) ~= "table" then
		error("unpack_rows: expected a list of rows, got " .. type(list), 2)
	end
	local is_list = order.is_list(list)
	if not is_list then
		error("unpack_rows: expected a list of rows, got a table with holes or other keys", 2)
	end
	return setmetatable({ list = list, at = 0 }, Rows)
end

Rows.__metatable = false

--- The list behind what `unpack_rows` gave, or nothing.
function M.list(v)
	return debug_getmetatable(v) == Rows and rawget(v, "list") or nil
end

return M
