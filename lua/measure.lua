--- measure: a column whose numbers never decrease, by which rows are put into windows.
-- In: the number of the column. Out: of(bytes, at, stop), its value in the row of columns that begins
-- at `at`, and difference(a, b) of two such values. Integers beyond 2^53 are compared exactly.

local ffi = require("ffi")
local codec = require("gleamflow.codec")
local missing_text = require("gleamflow.keys").missing_text
local order = require("gleamflow.order")
local refuse = require("gleamflow.failure").refuse

local abs, format, tonumber, type = math.abs, string.format, tonumber, type
local istype, int64, uint64 = ffi.istype, ffi.typeof("int64_t"), ffi.typeof("uint64_t")
-- From here on integers are compared as doubles.
local TOO_LARGE = uint64(2 ^ 63)
local value, is_integer = codec.value, order.is_integer

local M = {}

-- Where the value ends that begins at `at`; short texts are not made.
local function pass(bytes, at, stop)
	local tag = bytes[at]
	if tag < 0x80 or tag >= 0xe0 then
		return at + 1
	elseif tag >= 0xa0 and tag < 0xc0 then
		return at + tag - 159
	elseif tag == 0xcb then
		return at + 9
	elseif tag == 0xd9 then
		return at + 2 + bytes[at + 1]
	end
	local _, to = value(bytes, at, stop, 0)
	return to
end

local function refuse_value(column, v)
	if type(v) == "number" then
		refuse(format("column %d is NaN, which has no place among numbers", column))
	elseif type(v) == "string" then
		local hint = "\n\nhint: `numbers(%d)` reads text as numbers"
		refuse(format("column %d is text, and a number is wanted" .. hint, column, column))
	end
	local what = v == nil and "nil" or "a " .. type(v)
	refuse(format("column %d is %s, and a number is wanted", column, what))
end

function M.new(column)
	local function of(bytes, at, stop)
		for before = 1, column - 1 do
			at = pass(bytes, at, stop)
			if at >= stop then
				refuse(missing_text(column, before))
			end
		end
		local v = value(bytes, at, stop, 0)
		if type(v) == "number" and v == v then
			return v
		elseif is_integer(v) then
			return istype(uint64, v) and v >= TOO_LARGE and tonumber(v) or int64(v)
		end
		refuse_value(column, v)
	end

	local function difference(a, b)
		if type(a) == "number" and type(b) == "number" then
			return a - b
		end
		local rounded = tonumber(a) - tonumber(b)
		if abs(rounded) < 2 ^ 53 and a % 1 == 0 and b % 1 == 0 then
			return tonumber(int64(a) - int64(b))
		end
		return rounded
	end

	--- How much the column has grown since it was `last`.
	local function growth(v, last)
		local grown = difference(v, last)
		if grown < 0 then
			local hint = "\n\nhint: `sort(%d)` before it brings rows into that order"
			refuse(format("column %d is less than in the row before" .. hint, column, column))
		end
		return grown
	end

	return { of = of, difference = difference, growth = growth }
end

return M
