--- remake: a function of the user's made again, with other instructions in the place of some.
-- In: a function without upvalues, and an edit:
--   words     By the place of an instruction, the four bytes of another one.
--   appended  Instructions behind the last, which others jump to; and in `lines`, for each of them the
--             place of one that stands in the same line.
--   upvalues  { name, flags } of each upvalue that it gets, nil at first.
--   frame     How many slots it needs more.
--   is_fixed  Whether it takes no more arguments than it has parameters, whatever the other does.
-- Out: the other function; nothing where that cannot be done.
-- The contract: the function is dumped, its dump rewritten and loaded, and LuaJIT verifies nothing
-- of what it loads: a byte in a wrong place is memory overwritten, not an error. So the format may be
-- no other than the one known here (version 2, lj_bcdump.h, with debug information), of which only
-- these parts are touched: the sizes, the instructions, the upvalues and their names, the lines. That
-- the LuaJIT at hand has this format is seen before the first function is remade: functions of ours
-- that were rewritten must be, byte for byte, what it dumps of the same ones written with an upvalue.
-- Else none is remade.

local byte, char, sub, rep, dump = string.byte, string.char, string.sub, string.rep, string.dump
local concat, unpack, loadstring, pcall = table.concat, unpack, loadstring, pcall
local ipairs = ipairs
local op = require("gleamflow.bytecode").op

local M = {}

--- The flags of an upvalue that is set once, before the function is called.
M.CONSTANT = 64
-- What a function is that takes any number of arguments.
local VARARG = 2
-- A frame has no more slots.
local MOST_SLOTS = 250

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

-- The instructions with those of the edit among them, and their lines.
local function edited(edit, code, lines, width)
	local words, of_lines = {}, {}
	for pc = 1, #code / 4 do
		words[pc] = edit.words[pc] or sub(code, 4 * pc - 3, 4 * pc)
	end
	for nth, pc in ipairs(edit.lines) do
		of_lines[nth] = sub(lines, width * (pc - 1) + 1, width * pc)
	end
	return concat(words) .. concat(edit.appended), lines .. concat(of_lines)
end

local function rewrite(dumped, edit)
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
	local kind, params, slots, upvalues = byte(dumped, begin, begin + 3)
	if edit.is_fixed and kind % (2 * VARARG) >= VARARG then
		kind = kind - VARARG
	end
	local counts = {}
	at = begin + 4
	for nth = 1, 6 do
		counts[nth], at = read_uleb(dumped, at)
	end
	local _, _, size, debug_size, _, count_of_lines = unpack(counts)
	slots = slots + edit.frame
	if upvalues ~= 0 or count_of_lines >= 65536 or slots > MOST_SLOTS then
		return nil
	end
	local width = count_of_lines < 256 and 1 or 2
	local code_end, lines_at = at + 4 * size, #dumped - debug_size
	local names_at = lines_at + width * size
	local code, lines =
		edited(edit, sub(dumped, at, code_end - 1), sub(dumped, lines_at, names_at - 1), width)
	local which, names = {}, {}
	for nth, upvalue in ipairs(edit.upvalues) do
		-- Its number among those of the function around it.
		which[nth] = char(nth - 1, upvalue[2])
		names[nth] = upvalue[1] .. "\0"
	end
	names = concat(names)
	counts[3] = #code / 4
	counts[4] = #lines + #names + #dumped - names_at
	for nth = 1, 6 do
		counts[nth] = uleb(counts[nth])
	end
	local body = concat({
		char(kind, params, slots, #which),
		concat(counts),
		code,
		concat(which),
		sub(dumped, code_end, lines_at - 1),
		lines,
		names,
		sub(dumped, names_at, -2),
	})
	return head .. uleb(#body) .. body .. "\0"
end

-- The edit that sets a slot to an upvalue at `pc`.
local function to_upvalue(pc, slot)
	return {
		words = { [pc] = char(op.UGET, slot, 0, 0) },
		appended = {},
		lines = {},
		upvalues = { { "list", 0 } },
		frame = 0,
	}
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
		if rewrite(dump(plain), to_upvalue(1, 1)) ~= dump(model) then
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

--- The function with an edit.
function M.with(f, edit)
	local rewritten = M.works() and rewrite(dump(f), edit)
	return rewritten and loadstring(rewritten)
end

--- The function with an upvalue, which is nil, in the place of what the instruction at `pc` gives.
function M.with_upvalue(f, pc, slot)
	return M.with(f, to_upvalue(pc, slot))
end

return M
