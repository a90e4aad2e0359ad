--- remake: a function of the user's made again, with one of its instructions another one.
-- In: a function without upvalues, the place of an instruction, and the slot that it sets. Out: one
-- that sets the slot to an upvalue instead; nothing where that cannot be done.
-- The contract: the function is dumped, its dump rewritten and loaded, and LuaJIT verifies nothing
-- of what it loads: a byte in a wrong place is memory overwritten, not an error. So the format may be
-- no other than the one known here (version 2, lj_bcdump.h, with debug information), of which only
-- these parts are touched: the sizes, the one instruction, the upvalues and their names. That the
-- LuaJIT at hand has this format is seen before the first function is remade: functions of ours that
-- were rewritten must be, byte for byte, what it dumps of the same ones written with an upvalue. Else
-- none is remade.

local byte, char, sub, rep, dump = string.byte, string.char, string.sub, string.rep, string.dump
local concat, unpack, loadstring, pcall = table.concat, unpack, loadstring, pcall
local ipairs = ipairs
local op = require("gleamflow.bytecode").op

local M = {}

-- The upvalue's.
local NAME = "list"

local function read_uleb(s, at)
	local value, factor = 0, 1
	repeat
		local b = byte(s, at)
		value = value + b % 128 * factor
		factor = factor * 128
		at = at + 1
	until b < 128
	return value, at
end

local function uleb(value)
	local s = ""
	while value >= 128 do
		s = s .. char(value % 128 + 128)
		value = (value - value % 128) / 128
	end
	return s .. char(value)
end

local function rewrite(dumped, pc, slot)
	if sub(dumped, 1, 4) ~= "\27LJ\2" then
		return nil
	end
	local flags, at = read_uleb(dumped, 5)
	local is_stripped = flags % 4 >= 2
	if is_stripped or flags % 2 == 1 then
		return nil
	end
	local name_size
	name_size, at = read_uleb(dumped, at)
	local head = sub(dumped, 1, at + name_size - 1)
	local _, begin = read_uleb(dumped, at + name_size)
	local upvalues = byte(dumped, begin + 3)
	local counts = {}
	at = begin + 4
	for nth = 1, 6 do
		counts[nth], at = read_uleb(dumped, at)
	end
	local _, _, size, debug_size, _, lines = unpack(counts)
	if upvalues ~= 0 or lines >= 65536 then
		return nil
	end
	local names_at = #dumped - debug_size + size * (lines < 256 and 1 or 2)
	counts[4] = debug_size + #NAME + 1
	for nth = 1, 6 do
		counts[nth] = uleb(counts[nth])
	end
	local body = concat({
		sub(dumped, begin, begin + 2),
		"\1",
		concat(counts),
		sub(dumped, at, at + 4 * pc - 5),
		char(op.UGET, slot, 0, 0),
		sub(dumped, at + 4 * pc, at + 4 * size - 1),
		-- Which upvalue it is: the first one of the function around it.
		"\0\0",
		sub(dumped, at + 4 * size, names_at - 1),
		NAME,
		"\0",
		sub(dumped, names_at, -2),
	})
	return head .. uleb(#body) .. body .. "\0"
end

-- Of functions whose sizes take one byte, and two.
local function is_known_format()
	local append = "list[#list + 1] = line .. 'text' .. 1.5 "
	for _, text in ipairs({ append, rep("\n", 300) .. rep(append, 30) }) do
		text = text .. "return list end"
		local plain = loadstring("return function(line) local list = {} " .. text, "=remake")()
		local model = loadstring(
			"local list return function() return function(line) local list = list "
				.. text
				.. " end",
			"=remake"
		)()()
		if rewrite(dump(plain), 1, 1) ~= dump(model) then
			return false
		end
	end
	return true
end

local seen, works = false, false

--- Whether functions can be remade.
function M.works()
	if not seen then
		local called, is_known = pcall(is_known_format)
		seen, works = true, called and is_known
	end
	return works
end

--- The function with an upvalue, which is nil, in the place of what the instruction at `pc` gives.
function M.with_upvalue(f, pc, slot)
	local rewritten = M.works() and rewrite(dump(f), pc, slot)
	return rewritten and loadstring(rewritten)
end

return M
