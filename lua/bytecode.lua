--- bytecode: the instructions of the user's functions, for who looks at what one can do.
-- In: a function. Out: its instructions, the numbers of the operations that are asked for, what an
-- instruction has to do with a slot, and where it jumps. That temporaries lie above locals, which
-- keep their slots, is how LuaJIT compiles. The numbers of operations are learnt from functions that
-- contain them.

local jit_util = require("jit.util")
local funcinfo, funcbc, funck = jit_util.funcinfo, jit_util.funcbc, jit_util.funck
local band, rshift = bit.band, bit.rshift
local type, next = type, next

local M = {}

-- What an operand is (lj_bc.h, BCMode), as far as slots and jumps go.
local DST, BASE, VAR, RBASE, JUMP = 1, 2, 3, 4, 13
M.DST, M.BASE, M.VAR = DST, BASE, VAR
local is_slot = { [DST] = true, [BASE] = true, [VAR] = true, [RBASE] = true }

local function decode(f, pc)
	local ins, mode = funcbc(f, pc)
	local b = band(rshift(mode, 3), 15)
	local wide = b == 0
	return {
		op = band(ins, 255),
		a = band(rshift(ins, 8), 255),
		b = not wide and rshift(ins, 24) or nil,
		c = wide and rshift(ins, 16) or band(rshift(ins, 16), 255),
		mode_a = band(mode, 7),
		mode_b = b,
		mode_c = band(rshift(mode, 7), 15),
	}
end

--- The instructions behind the header.
function M.instructions(f)
	local list = {}
	for pc = 1, funcinfo(f).bytecodes - 1 do
		list[pc] = decode(f, pc)
	end
	return list
end

local instructions = M.instructions

local op = {}
-- Puts a value into an argument's slot and can call nothing.
local is_argument = {}
-- Loops whose target the JIT has overwritten.
local is_patched = {}
do
	local any = nil
	local list = instructions(function(line)
		return line:x("text", 1, 1.5, true, any)
	end)
	op.MOV, op.TGETS, op.CALLT = list[1].op, list[2].op, list[#list].op
	-- How far above the called method's slot the receiver's is.
	M.SHIFT = list[1].a - list[2].a
	for pc = 3, #list - 1 do
		is_argument[list[pc].op] = true
	end
	is_argument[op.MOV] = true
	op.UGET = list[#list - 1].op
	list = instructions(function(line)
		-- selene: allow(empty_loop)
		for _ in line:x() do
		end
	end)
	op.CALL, op.JMP, op.ITERC, op.RET0 = list[3].op, list[4].op, list[5].op, list[#list].op
	is_patched[list[6].op + 2] = true
	list = instructions(function(line)
		-- selene: allow(empty_loop)
		for _ = 1, line do
		end
		while line do
			line = 1
		end
	end)
	is_patched[list[5].op + 2] = true
	for pc = 6, #list do
		if list[pc].mode_a == RBASE and list[pc].mode_c == JUMP and list[pc].op ~= op.JMP then
			is_patched[list[pc].op + 2] = true
		end
	end
	list = instructions(function(line)
		return #line
	end)
	op.LEN, op.RET1 = list[1].op, list[2].op
	op.RET = instructions(function(a, b)
		return b, a
	end)[3].op
	op.ISF = instructions(function(line)
		if line then
			return
		end
	end)[1].op
	op.IST = instructions(function(line)
		if not line then
			return
		end
	end)[1].op
	list = instructions(function(value)
		local list = {}
		list[#list + 1] = value
	end)
	op.TNEW, op.ADDVN, op.TSETV = list[1].op, list[3].op, list[4].op
end

op.RETM = (function()
	local list = instructions(function(a)
		return 1, a:x()
	end)
	return list[#list].op
end)()
op.CALLM = instructions(function(a, b)
	local c = a(b())
	return c
end)[4].op
op.CALLMT = instructions(function(a, b)
	return a(b())
end)[4].op
do
	local list = instructions(function(...)
		return { ... }
	end)
	op.VARG, op.TSETM = list[2].op, list[3].op
end
op.KSHORT = instructions(function()
	return 1
end)[1].op
op.KNUM = instructions(function()
	return 1.5
end)[1].op
op.CAT = instructions(function(a, b)
	return a .. b
end)[3].op
op.KSTR = instructions(function()
	return "text"
end)[1].op
op.GGET = instructions(function()
	return tostring
end)[1].op

-- Takes numbers, or texts that read as one.
local is_arithmetic = {}
for _, i in
	next,
	instructions(function(a, b)
		return a + b, a - b, a * b, a / b, a % b, a ^ b, -a
	end)
do
	is_arithmetic[i.op] = true
end
for _, i in
	next,
	instructions(function(a)
		return a + 1, a - 1, a * 2, a / 2, a % 2, 1 + a, 1 - a, 2 * a, 2 / a, 2 % a
	end)
do
	is_arithmetic[i.op] = true
end
is_arithmetic[op.RET] = nil

M.op, M.is_argument, M.is_patched = op, is_argument, is_patched
M.is_arithmetic = is_arithmetic

--- Calls `act` with each function that stands directly in another.
function M.each_child(f, act)
	local at = -1
	while true do
		local constant = funck(f, at)
		if constant == nil then
			return
		elseif type(constant) == "proto" then
			act(constant)
		end
		at = at - 1
	end
end

--- The function that gives what `look` found of a function of the user's, at which it looks once and
-- before it has run; nil where it found nothing.
function M.by_prototype(look)
	local known = {}

	return function(f)
		local proto = type(f) == "function" and funcinfo(f).proto
		if not proto then
			return nil
		end
		local found = known[proto]
		if found == nil then
			found = look(f) or false
			known[proto] = found
		end
		return found or nil
	end
end

--- Where an instruction jumps, if it does.
function M.target(pc, i)
	return i.mode_c == JUMP and pc + 1 + i.c - 32768 or nil
end

-- Whether operands of an instruction are of the slot, or of one below that a range may begin at.
local function is_of(slot, at, mode)
	return is_slot[mode] and (at == slot or (at < slot and (mode == BASE or mode == RBASE)))
end

--- Whether the instruction has to do with the slot, or with one above that a range may begin at.
function M.touches(i, slot)
	if i.op == op.RET0 or i.op == op.JMP or (i.mode_a == RBASE and i.mode_c == JUMP) then
		return false
	end
	return is_of(slot, i.a, i.mode_a)
		or is_of(slot, i.b, i.mode_b)
		or is_of(slot, i.c, i.mode_c)
		or false
end

--- Whether the instruction sets the slot, and has nothing else to do with it.
function M.sets(i, slot)
	return i.mode_a == DST
		and i.a == slot
		and not is_of(slot, i.b, i.mode_b)
		and not is_of(slot, i.c, i.mode_c)
end

return M
