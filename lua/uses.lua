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
-- columns by `lua/varargs.lua`. `called` is the function
-- to be called with lazy texts: the user's own, or where it has `sites` the one that
-- `lua/instead.lua` makes of it.
-- What is followed is a slot, from where it is set to where it is set anew. Whoever takes texts by
-- another way than these is taken to want real ones.

local bytecode = require("gleamflow.bytecode")
local instead = require("gleamflow.instead")
local varargs = require("gleamflow.varargs")
local patterns = require("gleamflow.patterns")
local state = require("gleamflow.state")
local jit_util = require("jit.util")
local funcinfo, funck = jit_util.funcinfo, jit_util.funck
local instructions, target = bytecode.instructions, bytecode.target
local touches, sets = bytecode.touches, bytecode.sets
local op, is_patched = bytecode.op, bytecode.is_patched
local is_arithmetic = bytecode.is_arithmetic
local getfenv, rawget = getfenv, rawget
local max, ipairs, next, select, gsub = math.max, ipairs, next, select, string.gsub

local VAR = bytecode.VAR
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

-- Those that give one value, as long as nobody has put others in their place.
local own = {
	match = patterns.functions.match,
	sub = string.sub,
	lower = string.lower,
	upper = string.upper,
	len = string.len,
}
local string, string_meta = string, debug.getmetatable("")

local SHIFT = bytecode.SHIFT

-- Whether a jump from before `at` leads behind it, up to `pc`.
local function is_passed_by(list, at, pc)
	for from = 1, at - 1 do
		local to = target(from, list[from])
		if to and to > at and to <= pc then
			return true
		end
	end
	return false
end

-- The place of the instruction that set a slot last before `pc`, whichever way led there.
local function set_before(self, pc, slot)
	for at = pc - 1, 1, -1 do
		local i = self.list[at]
		if i.a == slot and i.mode_a == bytecode.DST then
			return not is_passed_by(self.list, at, pc) and at or nil
		elseif i.a <= slot and i.mode_a == bytecode.BASE then
			return nil
		end
	end
	return nil
end

-- The last argument of a call.
local function last_argument(call)
	return call.a + SHIFT + call.c - 2
end

local function is_call(i)
	return i.op == op.CALL or i.op == op.CALLT
end

-- That the call at `pc` gives one value: so does what takes all that it gives, if it stands behind it,
-- take one. The list then says what the function does, if not how.
local function gives_one(self, pc)
	local list = self.list
	local call, after = list[pc], list[pc + 1]
	if call.op ~= op.CALL or call.b ~= 0 then
		return
	end
	local counted = { op = op.CALL, a = after.a, b = after.b, c = after.c + 2 }
	counted.mode_a, counted.mode_b, counted.mode_c = after.mode_a, after.mode_b, after.mode_c
	if after.op == op.CALLMT then
		counted.op = op.CALLT
	elseif after.op == op.RETM then
		counted.op = op.RET
	elseif after.op ~= op.CALLM then
		return
	end
	call.b = 2
	list[pc + 1] = counted
	self.counted[pc], self.counted[pc + 1] = call, counted
end

-- Whether a method gives one value, whatever it is called with.
local function has_one_result(self, name, pc)
	if rawget(string, name) ~= own[name] or rawget(string_meta, "__index") ~= string then
		return false
	elseif name == "match" then
		-- Its pattern stands behind its receiver.
		local pattern = self.list[pc - 1]
		local call = self.list[pc]
		local text = pattern.op == op.KSTR
			and set_before(self, pc, call.a + SHIFT + 1) == pc - 1
			and call.c == 3
			and funck(self.f, -pattern.c - 1)
		return text and select(2, gsub(text, "%(", "")) <= 1
	end
	return name == "sub" or name == "lower" or name == "upper" or name == "len"
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
	-- What comes between makes the arguments, above the called method's slot.
	for at = pc + 2, #list do
		local call = list[at]
		if call.a == get.a and call.mode_a == bytecode.BASE then
			local name = funck(self.f, -get.c - 1)
			if is_call(call) and has_one_result(self, name, at) then
				gives_one(self, at)
			end
			return is_call(call) and at or nil, makes_text[name]
		end
	end
	return nil
end

-- The name of what is called at `pc`: a global, or a function of `string`, by its table or as a method
-- of a text that stands there.
local function called_name(self, pc)
	local at = set_before(self, pc, self.list[pc].a)
	local i = at and self.list[at]
	if not i then
		return nil
	elseif i.op == op.GGET then
		return funck(self.f, -i.c - 1)
	elseif i.op == op.TGETS then
		local from = set_before(self, at, i.b)
		local of = from and self.list[from]
		local is_string = of
			and (of.op == op.KSTR or of.op == op.GGET and funck(self.f, -of.c - 1) == "string")
		return is_string and "string." .. funck(self.f, -i.c - 1) or nil
	end
	return nil
end

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

-- What becomes of the text that the instruction at `pc` makes, and of all that are made of it.
local function use_of_made(self, pc)
	local known = self.made[pc]
	if known then
		return known
	end
	local list = self.list
	local i = list[pc]
	self.count = self.count + 1
	local use
	if i.op == op.CALLT then
		use = RETURNED
	elseif is_call(i) and i.b ~= 2 then
		local after = list[pc + 1]
		use = i.b == 1 and NONE or i.b == 0 and after and after.op == op.RETM and RETURNED or VALUE
	elseif self.loops then
		use = VALUE
	else
		local texts
		use, texts = follow(self, i.a, pc + 1)
		use = max(use, texts)
	end
	self.made[pc] = use
	return use
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
	local last, hows = self.list[place.at], {}
	for nth = 1, place.n do
		local use = VALUE
		if last.op == op.CALLMT then
			use = RETURNED
		elseif last.op == op.CALLM and last.b ~= 2 then
			local after = self.list[place.at + 1]
			use = last.b == 0 and after.op == op.RETM and RETURNED or VALUE
		elseif not self.loops then
			local texts
			use, texts = follow(self, place.slot + nth - 1, place.at + 1)
			use = max(use, texts)
		end
		hows[nth] = use == VALUE and varargs.REAL
			or use == RETURNED and varargs.RETURNED
			or varargs.LAZY
		self.count = self.count + (place.kind == "column" and 1 or 0)
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
		local site_of = self.sites[pc]
		for nth = 1, too_many and place.n or 0 do
			site_of.hows[nth] = varargs.REAL
		end
		site_of.helper = varargs.helper(place, site_of.hows)
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
	local places = info.isvararg and varargs.find(list, f) or {}
	if info.isvararg and next(places) == nil then
		return nil
	end
	for _, i in ipairs(list) do
		if is_patched[i.op] then
			return nil
		end
	end
	local uses, seen = look_at(f, list, info, places, info.upvalues == 0)
	if next(seen.sites) then
		uses.called = instead.remade(f, list, seen.sites, seen.counted)
		if not uses.called then
			uses = not uses.varargs and look_at(f, instructions(f), info, {}, false) or nil
		end
	end
	return uses
end

M.of = bytecode.by_prototype(state.plain and function() end or look)

return M
