--- arithmetic: `+ - * / % ^` with texts that are no strings, as Lua has them for strings.
-- In: a metatable. Out: the metamethods in it. What is no number is an error of the row, which is done
-- again (`state.again`) with real strings.

local ffi = require("ffi")
local native = require("gleamflow.native")
local state = require("gleamflow.state")

local ffi_string, text_number, is_text = ffi.string, native.text_number, native.is_text
local tonumber, type, error, pcall = tonumber, type, error, pcall
local next, loadstring, gsub = next, loadstring, string.gsub

local M = {}

--- The number that a text is, as `tonumber` has it; nil if it is none.
function M.number(text)
	local number = text_number(text.bytes, text.size)
	if number == number then
		return number
	end
	return tonumber(ffi_string(text.bytes, text.size))
end

--- A value that nobody can tell from a string.
function M.real(v)
	return is_text(v) and ffi_string(v.bytes, v.size) or v
end

local real = M.real

local OPERATION = [[
local number_of, plainly = ...
local function plain(a, b)
	return a {op} b
end
return function(a, b)
	local x, y = number_of(a), number_of(b)
	if x and y then
		return x {op} y
	end
	return plainly(plain, a, b)
end]]

local function negated(v)
	return -v
end

-- Nothing where it is none: another operand may know what to do with it.
local function number_of(v)
	if is_text(v) then
		return M.number(v)
	elseif type(v) == "number" then
		return v
	end
	return type(v) == "string" and tonumber(v)
end

-- What strings give.
local function plainly(operation, a, b)
	local ok, result = pcall(operation, real(a), real(b))
	if ok then
		return result
	end
	return error(state.AGAIN, 0)
end

function M.add(meta)
	for name, operator in
		next,
		{ __add = "+", __sub = "-", __mul = "*", __div = "/", __mod = "%%", __pow = "^" }
	do
		local text = gsub(OPERATION, "{op}", operator)
		meta[name] = loadstring(text, "=lua/arithmetic.lua")(number_of, plainly)
	end
	function meta.__unm(v)
		local x = number_of(v)
		return x and -x or plainly(negated, v)
	end
end

return M
