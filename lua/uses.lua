--- uses: what a function does with each of its parameters, as its bytecode shows.
-- In: a function of the user's. Out: of(f), nothing where it takes any number of arguments or makes
-- functions, which may use them too; else the number of its parameters `n`, and for each of them
--   NONE      It is never looked at.
--   LAZY      It is nothing but tested for truth, measured by `#`, or the receiver of a method that
--             a lazy text has too (`lua/line.lua`).
--   RETURNED  The same, or it is returned as it is.
--   VALUE     Anything else, or what is not understood: it must be the real value.

local bytecode = require("gleamflow.bytecode")
local jit_util = require("jit.util")
local funcinfo, funck = jit_util.funcinfo, jit_util.funck
local instructions, touches, target = bytecode.instructions, bytecode.touches, bytecode.target
local op, is_argument, is_patched = bytecode.op, bytecode.is_argument, bytecode.is_patched

local NONE, LAZY, RETURNED, VALUE = 0, 1, 2, 3

local M = { NONE = NONE, LAZY = LAZY, RETURNED = RETURNED, VALUE = VALUE }

-- What a lazy text has that is no line: nothing that looks at whole blocks.
local methods = { find = true, match = true, sub = true, byte = true, len = true }

-- Whether the move at `pc` makes the parameter the receiver of a method call.
local function is_receiver(f, list, pc, parameter)
	local move, get = list[pc], list[pc + 1]
	if
		not get
		or get.op ~= op.TGETS
		or get.b ~= parameter
		or get.a ~= move.a - bytecode.SHIFT
		or not methods[funck(f, -get.c - 1)]
	then
		return false
	end
	local at = pc + 2
	while list[at] and is_argument[list[at].op] do
		if list[at].op == op.MOV and list[at].c == parameter then
			return false
		end
		at = at + 1
	end
	local call = list[at]
	return call ~= nil and (call.op == op.CALL or call.op == op.CALLT) and call.a == get.a
end

-- Whether the move at `pc` puts the parameter among what is returned: nothing sees the slot before
-- the return that takes it.
local function is_returned(list, pc)
	local slot = list[pc].a
	for at = pc + 1, #list do
		local i = list[at]
		if i.op == op.RET then
			return i.a <= slot and slot < i.a + i.c - 1
		elseif target(at, i) or touches(i, slot) then
			return false
		end
	end
	return false
end

-- `jumps`: the instructions to which something jumps.
local function of_parameter(f, list, parameter)
	local use = NONE
	local pc = 1
	while pc <= #list do
		local i = list[pc]
		local this = NONE
		if i.op == op.MOV and i.c == parameter then
			if is_receiver(f, list, pc, parameter) then
				-- The method is looked up in it as well.
				pc = pc + 1
				this = LAZY
			elseif is_returned(list, pc) then
				this = RETURNED
			else
				return VALUE
			end
		elseif i.op == op.RET1 and i.a == parameter then
			this = RETURNED
		elseif
			(i.op == op.LEN and i.a ~= parameter or i.op == op.IST or i.op == op.ISF)
			and i.c == parameter
		then
			this = LAZY
		elseif touches(i, parameter) then
			return VALUE
		end
		if this > use then
			use = this
		end
		pc = pc + 1
	end
	return use
end

local function look(f)
	local info = funcinfo(f)
	if info.isvararg or info.children then
		return nil
	end
	local list = instructions(f)
	for _, i in ipairs(list) do
		if is_patched[i.op] then
			return nil
		end
	end
	local uses = { n = info.params }
	for parameter = 1, info.params do
		uses[parameter] = of_parameter(f, list, parameter - 1)
	end
	return uses
end

M.of = bytecode.by_prototype(look)

return M
