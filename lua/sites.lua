--- sites: a function made again that calls other functions in the place of some of its instructions.
-- In: a function without upvalues, its instructions, and by place what to call there: kinds of
-- `lua/instead.lua`, or functions of `lua/varargs.lua` with the `place` that they found. Out: the other
-- function; nothing where that cannot be done.

local bytecode = require("gleamflow.bytecode")
local remake = require("gleamflow.remake")
local state = require("gleamflow.state")
local funcinfo = require("jit.util").funcinfo

local ipairs, next, getfenv, setfenv = ipairs, next, getfenv, setfenv
local char, sort, max, setupvalue = string.char, table.sort, math.max, debug.setupvalue
local op, SHIFT = bytecode.op, bytecode.SHIFT

local M = {}

-- No instruction names a slot above this.
local LAST_SLOT = 255

local function word(operation, a, d)
	return char(operation, a, d % 256, (d - d % 256) / 256)
end

local function word_of_three(operation, a, b, c)
	return char(operation, a, c, b)
end

local JUMP_BIAS = 32768

-- Where what an instruction takes begins, and how much that is.
local function taken(i)
	if i.op == op.CAT then
		return i.b, i.c - i.b + 1
	end
	return i.a + SHIFT, i.c - 1
end

-- Appends the call that stands for the instruction `i`: the helper gets the called function, if it is
-- a call, and what that gets. How many slots it takes.
local function append_call(append, i, upvalue, base)
	local is_call = i.op ~= op.CAT
	local from, n = taken(i)
	local to = base + SHIFT
	append(word(op.UGET, base, upvalue))
	if is_call then
		append(word(op.MOV, to, i.a))
		to = to + 1
	end
	for k = 0, n - 1 do
		append(word(op.MOV, to + k, from + k))
	end
	local given = to + n - (base + SHIFT)
	if i.op == op.CALLT then
		append(word(op.CALLT, base, given + 1))
	else
		append(word_of_three(op.CALL, base, is_call and i.b or 2, given + 1))
		if not is_call or i.b == 2 then
			append(word(op.MOV, i.a, base))
		end
	end
	return SHIFT + given + 1
end

-- Puts a call without arguments, or of the called function itself, where `...` is read.
local function put_call(words, append, list, pc, place, upvalue)
	local slot, last = place.slot, list[place.at]
	if place.kind == "all" then
		words[pc - 1], words[pc] = word(op.UGET, slot, upvalue), word_of_three(op.CALL, slot, 2, 1)
		words[pc + 1] = word(op.JMP, slot + 1, JUMP_BIAS)
	elseif place.at == pc then
		append(word(op.UGET, slot, upvalue))
		append(word_of_three(op.CALL, slot, place.n + 1, 1))
	else
		-- The place of what `select` was to select.
		words[pc - 1], words[pc] = word(op.MOV, slot + SHIFT, slot), word(op.UGET, slot, upvalue)
		words[pc + 1] = last.op == op.CALLM and word_of_three(op.CALL, slot, last.b, 2)
			or word(op.CALLT, slot, 2)
	end
end

local function edit_of(f, list, sites, counted)
	local slots = funcinfo(f).stackslots
	local edit =
		{ words = {}, appended = {}, lines = {}, upvalues = {}, frame = 0, is_fixed = true }
	local places, upvalues, helpers = {}, {}, {}
	for pc, i in next, counted do
		edit.words[pc] = i.op == op.CALL and word_of_three(i.op, i.a, i.b, i.c)
			or word(i.op, i.a, i.c)
	end
	for pc in next, sites do
		places[#places + 1] = pc
	end
	sort(places)
	for _, pc in ipairs(places) do
		local helper = sites[pc].helper
		if not upvalues[helper] then
			upvalues[helper] = #helpers
			helpers[#helpers + 1] = helper
			edit.upvalues[#helpers] = { "instead", remake.CONSTANT }
		end

		local function append(ins)
			edit.appended[#edit.appended + 1] = ins
			edit.lines[#edit.lines + 1] = pc
		end

		-- The first slot that is free, before and after the call: the JIT takes it that slots are filled
		-- one after the other, and that those from a jump's on are not looked at behind it.
		local place, base, free = sites[pc].place, nil, nil
		local n = 1
		if place then
			base, free = place.slot, place.slot + place.n
		else
			local from
			from, n = taken(list[pc])
			base, free = from + n, from + n
		end
		-- The called function, and perhaps the one that was to be called, before what it gets.
		if base + SHIFT + n + 1 > LAST_SLOT then
			return nil
		end

		local function jump(at, to, slot)
			return word(op.JMP, slot, to - at - 1 + JUMP_BIAS)
		end

		local before, more = #edit.appended, SHIFT + 2
		if place then
			put_call(edit.words, append, list, pc, place, upvalues[helper])
		else
			more = append_call(append, list[pc], upvalues[helper], base)
		end
		if #edit.appended > before then
			edit.words[pc] = jump(pc, #list + before + 1, base)
			append(jump(#list + #edit.appended + 1, pc + 1, free))
		end
		edit.frame = max(edit.frame, base + more - slots)
	end
	return edit, helpers
end

--- The function with calls in the place of its sites, and the instructions in `counted` as they are
-- in the list.
function M.remade(f, list, sites, counted)
	local edit, helpers = edit_of(f, list, sites, counted)
	local made = edit and remake.with(f, edit)
	if not made or funcinfo(made).isvararg then
		return nil
	end
	for nth, helper in ipairs(helpers) do
		setupvalue(made, nth, helper)
	end
	state.remade[made] = f
	return setfenv(made, getfenv(f))
end

return M
