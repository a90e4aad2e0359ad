--- pure: whether calling a function of the user's twice is as good as calling it once.
-- In: a function. Out: is_pure(f), true where its bytecode shows that it changes nothing but its own
-- locals, calls no function of the user's, and takes nothing that is another one each time. What it
-- is not sure of is not pure.

local bytecode = require("gleamflow.bytecode")
local jit_util = require("jit.util")
local funcinfo, funcbc, funck = jit_util.funcinfo, jit_util.funcbc, jit_util.funck
local band, rshift = bit.band, bit.rshift
local instructions, op = bytecode.instructions, bytecode.op

local M = {}

-- What an operand is, and the metamethod of a store (lj_bc.h, BCMode; lj_obj.h, MMDEF).
local UPVALUE, NEWINDEX = 5, 1

local pure_globals = {}
for name in
	("string math bit tonumber tostring type select error assert str null tables emit count"):gmatch(
		"%a+"
	)
do
	pure_globals[name] = true
end
local other_each_time = { random = true, randomseed = true }

local function check(f)
	if funcinfo(f).children then
		return false
	end
	for pc, i in ipairs(instructions(f)) do
		local _, mode = funcbc(f, pc)
		local name = (i.op == op.GGET or i.op == op.TGETS) and funck(f, -i.c - 1)
		if
			i.mode_a == UPVALUE
			or i.mode_c == UPVALUE
			or band(rshift(mode, 11), 31) == NEWINDEX
			or i.op == op.GGET and not pure_globals[name]
			or other_each_time[name]
		then
			return false
		end
	end
	return true
end

M.is_pure = bytecode.by_prototype(check)

return M
