--- calls: what a function calls, as its bytecode shows.
-- In: what `lua/uses.lua` knows of a function: `f`, the list of its instructions, and `counted`, those of
-- them that it has changed by place. Out: how a call is found from what it takes, what is called, and
-- that it gives one value.

local bytecode = require("gleamflow.bytecode")
local patterns = require("gleamflow.patterns")
local funck = require("jit.util").funck
local target, op = bytecode.target, bytecode.op
local rawget, select, gsub = rawget, select, string.gsub
local SHIFT = bytecode.SHIFT

local M = {}

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
-- Those that give one value, as long as nobody has put others in their place.
local own = {
	match = patterns.functions.match,
	sub = string.sub,
	lower = string.lower,
	upper = string.upper,
	len = string.len,
}
local string, string_meta = string, debug.getmetatable("")

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

--- The place of the instruction that set a slot last before `pc`, whichever way led there.
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

--- The last argument of a call.
local function last_argument(call)
	return call.a + SHIFT + call.c - 2
end

--- Whether an instruction calls with a number of arguments that is known.
local function is_call(i)
	return i.op == op.CALL or i.op == op.CALLT
end

--- That the call at `pc` gives one value: so does what takes all that it gives, if it stands behind it,
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

--- The place of the call where the move at `pc` makes a slot its receiver.
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

--- The name of what is called at `pc`: a global, or a function of `string`, by its table or as a method
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

M.set_before, M.last_argument, M.is_call = set_before, last_argument, is_call
M.gives_one, M.receiver_call, M.called_name = gives_one, receiver_call, called_name

return M
