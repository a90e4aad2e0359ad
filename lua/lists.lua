--- lists: functions that collect their results in a list, made to collect them in a table of ours.
-- In: a function of the user's. Out: one that does the same, but takes the table that it is given
-- where the other makes one; nothing where somebody could notice. A table for each line is what
-- such a function costs most.
-- Nobody does if the function makes one table, once in a call; does nothing with it but append by
-- `list[#list + 1] = value`, ask for `#list` and return it; and nobody else gets it. Then it has no
-- holes, so that its length does not depend on what was in it before.

local bytecode = require("gleamflow.bytecode")
local with_upvalue = require("gleamflow.remake").with_upvalue
local jit_util = require("jit.util")
local funcinfo, funck = jit_util.funcinfo, jit_util.funck
local instructions, touches, target = bytecode.instructions, bytecode.touches, bytecode.target
local op, is_patched = bytecode.op, bytecode.is_patched

local ipairs, getfenv, setfenv = ipairs, getfenv, setfenv
local setupvalue = debug.setupvalue

local M = {}

-- Where `list[#list + 1] = value` begins that ends at `pc`; the value may come between.
local function begin_of_append(f, code, pc, slot)
	local index = code[pc].c
	for at = pc - 1, 2, -1 do
		local i = code[at]
		if target(at, i) then
			return nil
		elseif i.op == op.ADDVN and i.a == index then
			local length = code[at - 1]
			local is_next = i.b == index and funck(f, i.c) == 1
			local is_length = length.op == op.LEN and length.a == index and length.c == slot
			return is_next and is_length and at - 1 or nil
		elseif touches(i, index) then
			return nil
		end
	end
end

-- Whether the instruction at `pc` leaves the list a list, and to the function.
local function is_harmless(f, code, pc, slot, jumped_to)
	local i = code[pc]
	if i.op == op.LEN then
		return i.a ~= slot
	elseif i.op == op.IST or i.op == op.ISF or i.op == op.RET1 then
		return true
	elseif i.op == op.TSETV and i.b == slot and i.a ~= slot and i.c ~= slot then
		local from = begin_of_append(f, code, pc, slot)
		for at = from and from + 1 or pc, pc do
			if not from or jumped_to[at] then
				return false
			end
		end
		return true
	end
	return not touches(i, slot)
end

-- Where a function makes the one list that it may return, and in which slot.
local function place_of_list(f)
	local info = funcinfo(f)
	if info.isvararg or info.children or info.upvalues ~= 0 then
		return nil
	end
	local code, jumped_to = instructions(f), {}
	local made
	for pc, i in ipairs(code) do
		if is_patched[i.op] or (i.op == op.TNEW and made) then
			return nil
		elseif i.op == op.TNEW then
			made = pc
		end
		local to = target(pc, i)
		if to then
			jumped_to[to] = true
			if made and to <= made then
				return nil
			end
		end
	end
	local slot = made and code[made].a
	for pc = made and made + 1 or 1, #code do
		if not made or not is_harmless(f, code, pc, slot, jumped_to) then
			return nil
		end
	end
	return made, slot
end

-- One for all tasks, so that its traces serve them all.
local remade = bytecode.by_prototype(function(f)
	local pc, slot = place_of_list(f)
	return pc and with_upvalue(f, pc, slot)
end)

--- The function that takes the table, and give(table), if there is such a function. The table must
-- be empty whenever it is called.
function M.reusing(f)
	local made = remade(f)
	if not made then
		return nil
	end
	return setfenv(made, getfenv(f)), function(list)
		setupvalue(made, 1, list)
	end
end

return M
