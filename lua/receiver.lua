--- receiver: whether a function uses its argument only in ways that a lazy line also serves.
-- In: a function of the user's. Out: fits(f, may_return), true where its bytecode shows that the
-- argument is nothing but tested for truth, measured by `#`, or the receiver of a method of
-- `lua/line.lua`; that `line:lower()` is only such a receiver too; and that an iterator of
-- `line:gmatch` is walked by a `for`, one at a time, or, where who calls the function takes it at
-- once (`may_return`), returned. Whatever is not understood does not fit.

local bytecode = require("gleamflow.bytecode")
local jit_util = require("jit.util")
local funcinfo, funck = jit_util.funcinfo, jit_util.funck
local instructions, touches, target = bytecode.instructions, bytecode.touches, bytecode.target
local op, is_argument, is_patched = bytecode.op, bytecode.is_argument, bytecode.is_patched

local M = {}

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

-- Whether the iterator that the call at `pc` leaves is walked, or returned, and nothing else. Notes
-- that it is returned.
local function iterator_stays(list, pc, seen)
	local call = list[pc]
	for later = pc + 1, #list do
		local i = list[later]
		local to = target(later, i)
		if to and to <= pc then
			return false
		end
	end
	if call.op == op.CALLT then
		seen.returned = true
		return true
	elseif call.b == 4 then
		local to = list[pc + 1].op == op.JMP and target(pc + 1, list[pc + 1])
		local walk = to and list[to]
		if not walk or walk.op ~= op.ITERC or walk.a ~= call.a + 3 then
			return false
		end
		seen.counts = true
		for inside = pc + 2, to - 1 do
			seen.counts = seen.counts and not touches(list[inside], walk.a)
		end
		return true
	elseif call.b == 2 then
		for later = pc + 1, #list do
			local i = list[later]
			local is_test = (i.op == op.IST or i.op == op.ISF) and i.c == call.a
			local is_return = i.op == op.RET1 and i.a == call.a
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
		not (move and get and move.op == op.MOV and move.c == receiver)
		or get.op ~= op.TGETS
		or get.b ~= receiver
		or get.a ~= move.a - bytecode.SHIFT
	then
		return nil
	end
	local name = funck(f, -get.c - 1)
	if not methods[name] then
		return nil
	end
	local at = pc + 2
	while list[at] and is_argument[list[at].op] do
		if list[at].op == op.MOV and list[at].c == receiver then
			return nil
		end
		at = at + 1
	end
	local call = list[at]
	if not call or (call.op ~= op.CALL and call.op ~= op.CALLT) or call.a ~= get.a then
		return nil
	elseif name == "gmatch" then
		seen.iterators = seen.iterators + 1
		if seen.iterators > 1 or not iterator_stays(list, at, seen) then
			return nil
		end
	elseif name == "lower" or name == "upper" then
		if call.op ~= op.CALL or call.b ~= 2 then
			return nil
		end
		-- The next call must take its slot, so that nothing else can find it there.
		local following = list[at + 2]
		return following and following.a == call.a and method_call(f, list, at + 1, call.a, seen)
	end
	return at
end

-- What a function is: it does not fit; it fits, it does and looks at no match of its iterator, or it
-- does and returns its iterator.
local UNFIT, FIT, COUNTS, RETURNS = 1, 2, 3, 4

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
		elseif i.op == op.MOV and i.c == 0 then
			pc = method_call(f, list, pc, 0, seen)
			if not pc then
				return UNFIT
			end
		elseif
			not ((i.op == op.LEN and i.a ~= 0 or i.op == op.IST or i.op == op.ISF) and i.c == 0)
		then
			if touches(i, 0) then
				return UNFIT
			end
		end
		pc = pc + 1
	end
	return seen.returned and RETURNS or seen.counts and COUNTS or FIT
end

local what = bytecode.by_prototype(check)

function M.fits(f, may_return)
	local result = what(f)
	return result == FIT or result == COUNTS or (may_return and result == RETURNS)
end

--- Whether a function that fits looks at none of the matches of its `gmatch`.
function M.counts_matches(f)
	return what(f) == COUNTS
end

--- Whether a function that fits returns the iterator of a `gmatch`.
function M.returns_matches(f)
	return what(f) == RETURNS
end

return M
