--- uses: what a function does with each of its parameters, as its bytecode shows.
-- In: a function of the user's. Out: of(f), nothing where it makes functions, which may use them too, or
-- does what is not understood with `...`; else the number of its parameters `n`, and for each of them
--   NONE      It is never looked at.
--   LAZY      It is nothing but tested for truth, measured by `#`, calculated with, the receiver of a
--             method, or an operand or argument in `sites`: a lazy text (`lua/line.lua`) serves.
--   RETURNED  The same, or it is returned as it is.
--   VALUE     Anything else, or what is not understood: it must be the real value.
-- `texts` says the same of all texts that are made from each of them: where real ones are not
-- wanted, lazy ones may flow (they are few, since they lie in one room). `varargs`: it looks at other
-- columns by `lua/varargs.lua`. `called` is the function to be called with lazy texts: the user's own,
-- or where it has `sites` the one that `lua/sites.lua` makes of it.
-- foresee(segment) is to be called before: it loads what its functions may need.
-- What is followed is a slot, from where it is set to where it is set anew. Whoever takes texts by
-- another way than these is taken to want real ones.

local bytecode = require("gleamflow.bytecode")
local calls = require("gleamflow.calls")
local state = require("gleamflow.state")
local jit_util = require("jit.util")
local funcinfo, funck = jit_util.funcinfo, jit_util.funck
local instructions, target = bytecode.instructions, bytecode.target
local touches, sets = bytecode.touches, bytecode.sets
local op, is_patched = bytecode.op, bytecode.is_patched
local is_arithmetic = bytecode.is_arithmetic
local set_before, last_argument, is_call = calls.set_before, calls.last_argument, calls.is_call
local gives_one, receiver_call, called_name =
	calls.gives_one, calls.receiver_call, calls.called_name
local max, ipairs, next, getfenv = math.max, ipairs, next, getfenv

local VAR = bytecode.VAR
local NONE, LAZY, RETURNED, VALUE = 0, 1, 2, 3

local M = { NONE = NONE, LAZY = LAZY, RETURNED = RETURNED, VALUE = VALUE }

-- What makes functions again; false where no function needs that.
local instead, varargs, sites = false, false, false

-- So many texts at once have room: see `lua/line.lua`.
local MOST_TEXTS = 8

local SHIFT = bytecode.SHIFT

-- Whether a slot is among those that an instruction returns.
local function is_returned(i, slot)
	return i.op == op.RET1 and i.a == slot
		or i.op == op.RET and i.a <= slot and slot < i.a + i.c - 1
		or i.op == op.RETM and i.a <= slot
end

-- Whether what is in a slot is a number or text, or nothing: a table's own arithmetic would get the
-- lazy text on its right.
local function is_plain(self, pc, slot)
	if slot < self.params and not self.is_set[slot] then
		return true
	end
	local at = not self.loops and set_before(self, pc, slot)
	local i = at and self.list[at]
	if not i then
		return false
	elseif is_arithmetic[i.op] then
		return (i.mode_b ~= VAR or is_plain(self, at, i.b))
			and (i.mode_c ~= VAR or is_plain(self, at, i.c))
	end
	return i.op == op.KSHORT or i.op == op.KNUM or i.op == op.KSTR
end

local follow

-- What becomes of what the instruction at `pc` leaves in a slot, and of all texts that are made of it.
local function use_of_value(self, pc, slot)
	local i = self.list[pc]
	if i.op == op.CALLT or i.op == op.CALLMT then
		return RETURNED
	elseif (i.op == op.CALL or i.op == op.CALLM) and i.b ~= 2 then
		local is_returned = i.b == 0 and self.list[pc + 1].op == op.RETM
		return i.b == 1 and NONE or is_returned and RETURNED or VALUE
	elseif self.loops then
		return VALUE
	end
	local use, texts = follow(self, slot, pc + 1)
	return max(use, texts)
end

-- The same for the text that an instruction makes.
local function use_of_made(self, pc)
	if not self.made[pc] then
		self.count = self.count + 1
		self.made[pc] = use_of_value(self, pc, self.list[pc].a)
	end
	return self.made[pc]
end

-- Where a slot is an operand or argument of what another function can do as well: whether that makes
-- a text. Nothing where it is not.
local function site(self, pc, slot)
	local i = self.list[pc]
	local kind
	if not self.may_remake then
		return nil
	elseif i.op == op.CAT and i.b <= slot and slot <= i.c then
		kind = instead.concat(i.c - i.b + 1)
	elseif is_call(i) and i.a + SHIFT <= slot and slot <= last_argument(i) then
		local name = called_name(self, pc)
		kind = instead.is_own(name, getfenv(self.f)) and instead.call(name, i.c - 1)
		if kind then
			gives_one(self, pc)
		end
		kind = (i.op == op.CALLT or i.b == 1 or i.b == 2) and kind
	end
	if not kind then
		return nil
	end
	self.sites[pc] = kind
	return kind.makes_text
end

-- What becomes of a slot from `pc` on, and of the texts that are made of it.
function follow(self, slot, pc)
	local list = self.list
	local use, texts, joined_at = NONE, NONE, 0
	while pc <= #list do
		local i = list[pc]
		joined_at = max(joined_at, target(pc, i) or 0)
		local this = NONE
		local is_set = sets(i, slot)
		local makes = site(self, pc, slot)
		if i.op == op.MOV and i.c == slot then
			local call, call_makes = receiver_call(self, pc)
			if call then
				this = LAZY
				if call_makes then
					texts = max(texts, use_of_made(self, call))
				end
				-- The method is looked up in it as well.
				pc = pc + 1
				i = list[pc]
				is_set = i.a == slot
			elseif self.loops then
				-- In a loop what comes before may see the copy as well.
				this = VALUE
			else
				local of_copy
				this, of_copy = follow(self, i.a, pc + 1)
				texts = max(texts, of_copy)
			end
		elseif makes ~= nil then
			this = LAZY
			if makes then
				texts = max(texts, use_of_made(self, pc))
			end
			-- What it takes are temporaries.
			is_set = true
		elseif is_returned(i, slot) then
			this = RETURNED
		elseif (i.op == op.LEN or i.op == op.IST or i.op == op.ISF) and i.c == slot then
			this = LAZY
		elseif is_arithmetic[i.op] then
			if
				i.c == slot
				and i.mode_b == VAR
				and i.mode_c == VAR
				and not is_plain(self, pc, i.b)
			then
				return VALUE, NONE
			end
			this = touches(i, slot) and not is_set and LAZY or NONE
			is_set = i.a == slot
		elseif i.op == op.CALL and i.a <= slot and last_argument(i) < slot then
			is_set = true
		elseif not is_set and touches(i, slot) then
			return VALUE, NONE
		end
		use = max(use, this)
		if use == VALUE then
			return VALUE, NONE
		end
		-- Where a jump leads behind this, the slot may still be what it was.
		if is_set and joined_at <= pc then
			return use, texts
		end
		pc = pc + 1
	end
	return use, texts
end

-- How each column is given that `...` is asked for at a place.
local function hows_of(self, place)
	local hows = {}
	for nth = 1, place.kind == "column" and place.n or 0 do
		local use = use_of_value(self, place.at, place.slot + nth - 1)
		hows[nth] = use == VALUE and varargs.REAL
			or use == RETURNED and varargs.RETURNED
			or varargs.LAZY
		self.count = self.count + 1
	end
	return hows
end

local function look_at(f, list, info, places, may_remake)
	local self = {
		f = f,
		list = list,
		may_remake = may_remake,
		params = info.params,
		is_set = {},
		sites = {},
		counted = {},
		made = {},
		count = 0,
		loops = false,
	}
	local is_set = self.is_set
	for pc, i in ipairs(list) do
		local to = target(pc, i)
		self.loops = self.loops or (to ~= nil and to <= pc)
		if i.mode_a == bytecode.DST then
			is_set[i.a] = true
		end
	end
	local uses = { n = info.params, texts = {}, called = nil, varargs = next(places) ~= nil }
	for parameter = 1, info.params do
		-- One that is set somewhere is no longer what was given.
		if is_set[parameter - 1] then
			uses[parameter], uses.texts[parameter] = VALUE, NONE
		else
			uses[parameter], uses.texts[parameter] = follow(self, parameter - 1, 1)
		end
	end
	for pc, place in next, places do
		self.sites[pc] = { place = place, hows = hows_of(self, place) }
	end
	local too_many = self.count > MOST_TEXTS
	for pc, place in next, places do
		local hows = self.sites[pc].hows
		for nth = 1, too_many and #hows or 0 do
			hows[nth] = varargs.REAL
		end
		self.sites[pc].helper = varargs.helper(place, hows)
	end
	for parameter = 1, too_many and info.params or 0 do
		if uses.texts[parameter] ~= NONE then
			uses.texts[parameter] = VALUE
		end
	end
	return uses, self
end

local function look(f)
	local info = funcinfo(f)
	if info.children then
		return nil
	end
	local list = instructions(f)
	local places = info.isvararg and varargs and varargs.find(list, f) or {}
	if info.isvararg and next(places) == nil then
		return nil
	end
	for _, i in ipairs(list) do
		if is_patched[i.op] then
			return nil
		end
	end
	local uses, seen = look_at(f, list, info, places, sites and info.upvalues == 0)
	if next(seen.sites) then
		uses.called = sites.remade(f, list, seen.sites, seen.counted)
		if not uses.called then
			uses = not uses.varargs and look_at(f, instructions(f), info, {}, false) or nil
		end
	end
	return uses
end

-- Whether a function, or one inside it, does what another one can do instead.
local function has_sites(f)
	local found = false
	for _, i in ipairs(instructions(f)) do
		found = found
			or i.op == op.CAT
			or i.op == op.VARG
			or i.op == op.GGET and funck(f, -i.c - 1) == "tonumber"
			or i.op == op.TGETS and funck(f, -i.c - 1) == "format"
	end
	if not found and funcinfo(f).children then
		bytecode.each_child(f, function(child)
			found = found or has_sites(child)
		end)
	end
	return found
end

--- To be called before user code runs, since it loads files of ours.
function M.foresee(segment)
	for _, codes in ipairs({ segment.steps, segment.shared }) do
		for _, code in ipairs(codes) do
			if not sites and not state.plain and has_sites(code.chunk) then
				instead = require("gleamflow.instead")
				varargs = require("gleamflow.varargs")
				sites = require("gleamflow.sites")
			end
		end
	end
end

M.of = bytecode.by_prototype(state.plain and function() end or look)

return M
