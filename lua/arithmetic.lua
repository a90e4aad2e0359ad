--- arithmetic: `+ - * / % ^` with texts that are no strings, as Lua has them for strings.
-- In: a metatable, and how one of its texts is told from other values. Out: the metamethods in it. What
-- is no number is an error of the row, which is done again (`state.again`) with real strings.

local ffi = require("ffi")
local native = require("gleamflow.native")
local state = require("gleamflow.state")

local ffi_string, text_number = ffi.string, native.text_number
local tonumber, error, next, loadstring = tonumber, error, next, loadstring

local M = {}

--- The number that a text is, as `tonumber` has it; nil if it is none.
function M.number(text)
	local number = text_number(text.bytes, text.size)
	if number == number then
		return number
	end
	return tonumber(ffi_string(text.bytes, text.size))
end

local OPERATION = [[
local number_of = ...
return function(a, b)
	a, b = number_of(a), number_of(b)
	return a %s b
end]]

function M.add(meta, is_text)
	local function number_of(v)
		local number
		if is_text(v) then
			number = M.number(v)
		else
			number = tonumber(v)
		end
		return number or error(state.AGAIN, 0)
	end

	for name, operator in
		next,
		{ __add = "+", __sub = "-", __mul = "*", __div = "/", __mod = "%", __pow = "^" }
	do
		meta[name] = loadstring(OPERATION:format(operator), "=lua/arithmetic.lua")(number_of)
	end
	function meta.__unm(v)
		return -number_of(v)
	end
end

return M
