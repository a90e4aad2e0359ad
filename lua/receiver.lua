--- receiver: whether a function uses its argument only in ways that a lazy line also serves.
-- In: a function of the user's. Out: fits(f, may_return), true where its bytecode shows that the
-- argument is nothing but tested for truth, measured by `#`, or the receiver of a method of
-- `lua/line.lua`; that `line:lower()` is only such a receiver too; and that an iterator of
-- `line:gmatch` is walked by a `for`, one at a time, or, where who calls the function takes it at
-- once (`may_return`), returned. Whatever is not understood does not fit.
-- That argument 1 keeps its slot, and that temporaries lie above it, is how LuaJIT compiles. The
-- numbers of operations are learnt from functions that contain them.

local jit_util = require("jit.util")
local funcinfo, funcbc, funck = jit_util.funcinfo, jit_util.funcbc, jit_util.funck
local band, rshift = bit.band, bit.rshift
local type, next = type, next

local M = {}

-- What an operand is (lj_bc.h, BCMode), as far as slots and jumps go.
local DST, BASE, VAR, RBASE, JUMP = 1, 2, 3, 4, 13

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

local function instructions(f)
	local list = {}
	for pc = 1, funcinfo(f).bytecodes - 1 do
		list[pc] = decode(f, pc)
	end
	return list
end

local MOV, TGETS, CALL, CALLT, LEN, IST, ISF, RET0, RET1, JMP, ITERC
-- Puts a value into an argument's slot and can call nothing.
local is_argument = {}
-- How far above the called method's slot the receiver's is.
local SHIFT
-- Loops whose target the JIT has overwritten.
local is_patched = {}
do
	local any = nil
	local list = instructions(function(line)
		return line:x("text", 1, 1.5, true, any)
	end)
	MOV, TGETS, CALLT = list[1].op, list[2].op, list[#list].op
	SHIFT = list[1].a - list[2].a
	for pc = 3, #list - 1 do
		is_argument[list[pc].op] = true
	end
	is_argument[MOV] = true
	list = instructions(function(line)
		-- selene: allow(empty_loop)
		for _ in line:x() do
		end
	end)
	CALL, JMP, ITERC, RET0 = list[3].op, list[4].op, list[5].op, list[#list].op
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
		if list[pc].mode_a == RBASE and list[pc].mode_c == JUMP and list[pc].op ~= JMP then
			is_patched[list[pc].op + 2] = true
		end
	end
	list = instructions(function(line)
		return #line
	end)
	LEN, RET1 = list[1].op, list[2].op
	ISF = instructions(function(line)
		if line then
			return
		end
	end)[1].op
	IST = instructions(function(line)
		if not line then
			return
		end
	end)[1].op
end

local methods = {
	gmatch = true,
	find = true,
	match = true,
	sub = true,
	byte = true,
	len = true,
	lower = true,
	upper = true,
}

local is_slot = { [DST] = true, [BASE] = true, [VAR] = true, [RBASE] = true }

local function target(pc, i)
	return pc + 1 + i.c - 32768
end

-- Whether the instruction has to do with the slot, or with one above that a range may begin at.
local function touches(i, slot)
	if i.op == RET0 or i.op == JMP or (i.mode_a == RBASE and i.mode_c == JUMP) then
		return false
	end
	for operand, mode in next, { a = i.mode_a, b = i.mode_b, c = i.mode_c } do
		local at = i[operand]
		if is_slot[mode] and (at == slot or (at < slot and (mode == BASE or mode == RBASE))) then
			return true
		end
	end
	return false
end

-- Whether the iterator that the call at `pc` leaves is walked, or returned, and nothing else. Notes
-- that it is returned.
local function iterator_stays(list, pc, seen)
	local call = list[pc]
	for later = pc + 1, #list do
		local i = list[later]
		if i.mode_c == JUMP and target(later, i) <= pc then
			return false
		end
	end
	if call.op == CALLT then
		seen.returned = true
		return true
	elseif call.b == 4 then
		local walk = list[pc + 1].op == JMP and list[target(pc + 1, list[pc + 1])]
		return walk and walk.op == ITERC and walk.a == call.a + 3
	elseif call.b == 2 then
		for later = pc + 1, #list do
			local i = list[later]
			local is_test = (i.op == IST or i.op == ISF) and i.c == call.a
			local is_return = i.op == RET1 and i.a == call.a
			if is_return then
				seen.returned = true
			elseif not is_test and touches(i, call.a) then
				return false
			end
		end
		return true
	end
	return false
end

-- The place of the call of a method of the lazy line in `receiver`, where it begins at `pc`.
local function method_call(f, list, pc, receiver, seen)
	local move, get = list[pc], list[pc + 1]
	if
		not (move and get and move.op == MOV and move.c == receiver)
		or get.op ~= TGETS
		or get.b ~= receiver
		or get.a ~= move.a - SHIFT
	then
		return nil
	end
	local name = funck(f, -get.c - 1)
	if not methods[name] then
		return nil
	end
	local at = pc + 2
	while list[at] and is_argument[list[at].op] do
		if list[at].op == MOV and list[at].c == receiver then
			return nil
		end
		at = at + 1
	end
	local call = list[at]
	if not call or (call.op ~= CALL and call.op ~= CALLT) or call.a ~= get.a then
		return nil
	elseif name == "gmatch" then
		seen.iterators = seen.iterators + 1
		if seen.iterators > 1 or not iterator_stays(list, at, seen) then
			return nil
		end
	elseif name == "lower" or name == "upper" then
		if call.op ~= CALL or call.b ~= 2 then
			return nil
		end
		-- The next call must take its slot, so that nothing else can find it there.
		local following = list[at + 2]
		return following and following.a == call.a and method_call(f, list, at + 1, call.a, seen)
	end
	return at
end

-- What a function is: it does not fit, it fits, or it fits and returns an iterator.
local UNFIT, FIT, RETURNS = 1, 2, 3

local function check(f)
	local info = funcinfo(f)
	if info.params ~= 1 or info.isvararg or info.children then
		return UNFIT
	end
	local list = instructions(f)
	local seen = { iterators = 0, returned = false }
	local pc = 1
	while pc <= #list do
		local i = list[pc]
		if is_patched[i.op] then
			return UNFIT
		elseif i.op == MOV and i.c == 0 then
			pc = method_call(f, list, pc, 0, seen)
			if not pc then
				return UNFIT
			end
		elseif not ((i.op == LEN and i.a ~= 0 or i.op == IST or i.op == ISF) and i.c == 0) then
			if touches(i, 0) then
				return UNFIT
			end
		end
		pc = pc + 1
	end
	return seen.returned and RETURNS or FIT
end

-- By prototype, looked at before it has run.
local known = {}

local function what(f)
	local proto = type(f) == "function" and funcinfo(f).proto
	if not proto then
		return UNFIT
	end
	local result = known[proto]
	if result == nil then
		result = check(f)
		known[proto] = result
	end
	return result
end

function M.fits(f, may_return)
	local result = what(f)
	return result == FIT or (may_return and result == RETURNS)
end

--- Whether a function that fits returns the iterator of a `gmatch`.
function M.returns_matches(f)
	return what(f) == RETURNS
end

return M
