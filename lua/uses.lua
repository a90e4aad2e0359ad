--- uses: what a function does with each of its parameters, as its bytecode shows.
-- In: a function of the user's. Out: of(f), nothing where it takes any number of arguments or makes
-- functions, which may use them too; else the number of its parameters `n`, and for each of them
--   NONE      It is never looked at.
--   LAZY      It is nothing but tested for truth, measured by `#`, or the receiver of a method: a lazy
--             text (`lua/line.lua`) serves.
--   RETURNED  The same, or it is returned as it is.
--   VALUE     Anything else, or what is not understood: it must be the real value.
-- `flows`: all texts that methods make for it are used so too. A lazy text may then give lazy
-- ones, which nobody sees but who writes them. `keeps_texts`: the same, or it makes none. They are
-- few, since they lie in one room.
-- What is followed is a slot, from where it is set to where it is set anew. Whoever takes texts by
-- another way than these is taken to want real ones.

local bytecode = require("gleamflow.bytecode")
local state = require("gleamflow.state")
local jit_util = require("jit.util")
local funcinfo, funck = jit_util.funcinfo, jit_util.funck
local instructions, target = bytecode.instructions, bytecode.target
local touches, sets = bytecode.touches, bytecode.sets
local op, is_argument, is_patched = bytecode.op, bytecode.is_argument, bytecode.is_patched
local max, ipairs = math.max, ipairs

local NONE, LAZY, RETURNED, VALUE = 0, 1, 2, 3

local M = { NONE = NONE, LAZY = LAZY, RETURNED = RETURNED, VALUE = VALUE }

-- The methods of a lazy text: true where they make texts.
local makes_text = {
	find = false,
	byte = false,
	len = false,
	match = true,
	sub = true,
	lower = true,
	upper = true,
	gsub = true,
}
-- So many texts at once have room: see `lua/line.lua`.
local MOST_TEXTS = 8

local SHIFT = bytecode.SHIFT

-- The last argument of a call.
local function last_argument(call)
	return call.a + SHIFT + call.c - 2
end

-- The place of the call where the move at `pc` makes a slot its receiver.
local function receiver_call(self, pc)
	local list = self.list
	local move, get = list[pc], list[pc + 1]
	local slot = move.c
	if
		not get
		or get.op ~= op.TGETS
		or get.b ~= slot
		or get.a ~= move.a - SHIFT
		or makes_text[funck(self.f, -get.c - 1)] == nil
	then
		return nil
	end
	local at = pc + 2
	while list[at] and is_argument[list[at].op] do
		if list[at].op == op.MOV and list[at].c == slot then
			return nil
		end
		at = at + 1
	end
	local call = list[at]
	if not call or call.a ~= get.a or (call.op ~= op.CALL and call.op ~= op.CALLT) then
		return nil
	end
	return at, makes_text[funck(self.f, -get.c - 1)]
end

-- Whether a slot is among those that an instruction returns.
local function is_returned(i, slot)
	return i.op == op.RET1 and i.a == slot
		or i.op == op.RET and i.a <= slot and slot < i.a + i.c - 1
		or i.op == op.RETM and i.a <= slot
end

local follow

-- A method has been called, which may have made a text: whether that flows.
local function follow_result(self, pc)
	local list = self.list
	local call = list[pc]
	self.texts = self.texts + 1
	if call.op == op.CALLT or call.b == 1 then
		return
	elseif call.b == 0 then
		local after = list[pc + 1]
		if not (after and after.op == op.RETM) then
			self.flows = false
		end
	elseif call.b ~= 2 or follow(self, call.a, pc + 1) == VALUE then
		self.flows = false
	end
end

-- What becomes of a slot from `pc` on.
function follow(self, slot, pc)
	local list = self.list
	local use, joined_at = NONE, 0
	while pc <= #list do
		local i = list[pc]
		joined_at = max(joined_at, target(pc, i) or 0)
		local this = NONE
		if i.op == op.MOV and i.c == slot then
			local call, makes = receiver_call(self, pc)
			if call then
				this = LAZY
				if makes and not self.seen[call] then
					self.seen[call] = true
					follow_result(self, call)
				end
				-- The method is looked up in it as well.
				pc = pc + 1
				i = list[pc]
			else
				-- In a loop what comes before may see the copy as well.
				this = self.loops and VALUE or follow(self, i.a, pc + 1)
			end
		elseif is_returned(i, slot) then
			this = RETURNED
		elseif (i.op == op.LEN or i.op == op.IST or i.op == op.ISF) and i.c == slot then
			this = LAZY
		elseif
			not sets(i, slot)
			and not (i.op == op.CALL and i.a + SHIFT <= slot and last_argument(i) < slot)
		then
			if touches(i, slot) then
				return VALUE
			end
		end
		use = max(use, this)
		if use == VALUE then
			return VALUE
		end
		local is_set = sets(i, slot) or i.op == op.CALL and i.a <= slot and last_argument(i) < slot
		-- Where a jump leads behind this, the slot may still be what it was.
		if is_set and joined_at <= pc then
			return use
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
	local self = {
		f = f,
		list = list,
		params = info.params,
		is_set = {},
		seen = {},
		texts = 0,
		loops = false,
		flows = true,
	}
	for pc, i in ipairs(list) do
		if is_patched[i.op] then
			return nil
		end
		local to = target(pc, i)
		if to and to <= pc then
			self.loops, self.flows = true, false
		end
		for parameter = 0, info.params - 1 do
			self.is_set[parameter] = self.is_set[parameter]
				or i.mode_a == bytecode.DST and i.a == parameter
		end
	end
	local uses = { n = info.params }
	for parameter = 1, info.params do
		-- One that is set somewhere is no longer what was given.
		uses[parameter] = self.is_set[parameter - 1] and VALUE or follow(self, parameter - 1, 1)
	end
	uses.keeps_texts = self.flows and self.texts <= MOST_TEXTS
	uses.flows = uses.keeps_texts and self.texts > 0
	return uses
end

M.of = bytecode.by_prototype(state.plain and function() end or look)

return M
