--- instead: what a function calls in the place of `..`, `tonumber` and `string.format`, so that it may
-- be given lazy texts (`lua/line.lua`).
-- In: a function without upvalues, and what to call in the place of which of its instructions. Out:
-- remade(f, …), the function that does; concat(n) and call(name, n), kinds of sites, nothing
-- where there is none. What is called does for all values what the instruction does. Where that is an
-- error, the whole row is done again by the function as the user wrote it (`state.again`), which then
-- says what is wrong and where.
-- A function that user code has put in the place of one of the two is called; of what it gives, the
-- first value counts.

local ffi = require("ffi")
local native = require("gleamflow.native")
local lazy = require("gleamflow.line")
local arithmetic = require("gleamflow.arithmetic")
local addresses = require("gleamflow.addresses")
local bytecode = require("gleamflow.bytecode")
local remake = require("gleamflow.remake")
local state = require("gleamflow.state")
local funcinfo = require("jit.util").funcinfo

local type, select, pcall, error = type, select, pcall, error
local ipairs, next, getfenv, setfenv, loadstring = ipairs, next, getfenv, setfenv, loadstring
local setupvalue, istype, ffi_string = debug.setupvalue, ffi.istype, ffi.string
local char, gsub, table_concat = string.char, string.gsub, table.concat
local sort, max = table.sort, math.max
local own_tonumber, own_format = tonumber, addresses.format
local format_add, format_fill, formats = native.format_add, native.format_fill, state.formats
local string, setmetatable, rawget, rawset = string, setmetatable, rawget, rawset
local lazy_text = ffi.typeof("gleamflow_text")
local op, SHIFT = bytecode.op, bytecode.SHIFT

local M = {}

-- More operands or arguments than this are left as they are.
local MOST = 12
-- No instruction names a slot above this.
local LAST_SLOT = 255

--- Ends the call; the handler of errors has the row done again.
local function again()
	error(state.AGAIN, 0)
end

local function real(v)
	if type(v) == "cdata" and istype(lazy_text, v) then
		return ffi_string(v.bytes, v.size)
	end
	return v
end

local function names(n)
	local list = {}
	for i = 1, n do
		list[i] = "a" .. i
	end
	return list
end

-- A function from a text in which the names of n values are filled in, and their number `{n}`; what is
-- between `{each` and `each}` is repeated for the number `{i}` of each of them.
local function written(text, n, given)
	local list = names(n)
	text = gsub(text, "{each(.-)each}", function(part)
		local parts = {}
		for i = 1, n do
			parts[i] = gsub(part, "{i}", i)
		end
		return table_concat(parts)
	end)
	text = gsub(text, "{names}", table_concat(list, ", "))
	text = gsub(text, "{and_names}", ", " .. table_concat(list, ", "))
	text = gsub(text, "{n}", n)
	text = gsub(text, "{joined}", table_concat(list, " .. "))
	return loadstring(text, "=lua/instead.lua")(given)
end

local PLAIN_CONCAT = [[
local real = ...
return function({names})
	{each
	a{i} = real(a{i})
	each}
	return {joined}
end]]

local CONCAT = [[
local given = ...
local type, istype, lazy_text, plainly = type, given.istype, given.lazy_text, given.plainly
local take, new_text, copy, most = given.take, given.new_text, given.copy, given.most
local ffi_string, number = given.ffi_string, given.number
return function({names})
	local size, flows = 0, 0
	{each
	local k{i} = type(a{i})
	if k{i} == "number" then
		a{i} = number(a{i})
		k{i} = "string"
	end
	if k{i} == "string" then
		size = size + #a{i}
	elseif k{i} == "cdata" and istype(lazy_text, a{i}) then
		size = size + a{i}.size
		if a{i}.flows ~= 0 then
			flows = 1
		end
	else
		return plainly({names})
	end
	each}
	if size > most then
		return plainly({names})
	end
	local into = take(size)
	local at = into
	{each
	if k{i} == "string" then
		copy(at, a{i}, #a{i})
		at = at + #a{i}
	else
		copy(at, a{i}.bytes, a{i}.size)
		at = at + a{i}.size
	end
	each}
	if flows == 0 then
		return ffi_string(into, size)
	end
	return new_text(into, size, 0, 0, 1)
end]]

-- A number as `..` writes it.
local function number(x)
	return x .. ""
end

local function new_concat(n)
	local plain = written(PLAIN_CONCAT, n, real)

	local function plainly(...)
		local ok, result = pcall(plain, ...)
		if ok then
			return result
		end
		return again()
	end

	return written(CONCAT, n, {
		istype = istype,
		lazy_text = lazy_text,
		plainly = plainly,
		take = lazy.take,
		new_text = lazy_text,
		copy = ffi.copy,
		most = lazy.most_bytes,
		ffi_string = ffi_string,
		number = number,
	})
end

-- `tonumber` of one value.
local function to_number(f, v)
	if f == own_tonumber and type(v) == "cdata" and istype(lazy_text, v) then
		return arithmetic.number(v)
	elseif type(f) ~= "function" then
		again()
	end
	return f(real(v))
end

local FORMAT = [[
local given = ...
local type, istype, lazy_text = type, given.istype, given.lazy_text
local take, new_text, copy, most = given.take, given.new_text, given.copy, given.most
local ffi_string, cast, bytes_of = given.ffi_string, given.cast, given.bytes_of
local formats, values, fill, id_of = given.formats, given.formats.values, given.fill, given.id_of
local plainly, own = given.plainly, given.own
return function(f, format{and_names})
	local id = f == own and id_of[format]
	if not id then
		return plainly(f, format{and_names})
	end
	local flows = 0
	{each
	local k{i} = type(a{i})
	if k{i} == "cdata" and istype(lazy_text, a{i}) then
		values[{i} - 1].bytes, values[{i} - 1].size = a{i}.bytes, a{i}.size
		if a{i}.flows ~= 0 then
			flows = 1
		end
	elseif k{i} == "string" then
		values[{i} - 1].bytes, values[{i} - 1].size = cast(bytes_of, a{i}), #a{i}
	elseif k{i} == "number" then
		values[{i} - 1].bytes, values[{i} - 1].number = nil, a{i}
	else
		return plainly(f, format{and_names})
	end
	each}
	if fill(formats, id, {n}) == 0 then
		return plainly(f, format{and_names})
	end
	local size = formats.size
	if flows == 0 or size > most then
		return ffi_string(formats.text, size)
	end
	local into = take(size)
	copy(into, formats.text, size)
	return new_text(into, size, 0, 0, 1)
end]]

local PLAIN_FORMAT = [[
local given = ...
local type, real, again = type, given.real, given.again
return function(f, format{and_names})
	if type(f) ~= "function" then
		again()
	end
	{each
	a{i} = real(a{i})
	each}
	return f(real(format){and_names})
end]]

-- By format: its number, false where it has none. A program that makes formats may make any number of
-- them.
local MOST_FORMATS, formats_known = 256, 0
local format_ids = setmetatable({}, {
	__index = function(ids, text)
		if type(text) ~= "string" then
			return false
		end
		local id = format_add(formats, text, #text)
		if id == 0 then
			id = false
		end
		if formats_known < MOST_FORMATS then
			formats_known = formats_known + 1
			rawset(ids, text, id)
		end
		return id
	end,
})

local function new_format(n)
	return written(FORMAT, n, {
		istype = istype,
		lazy_text = lazy_text,
		take = lazy.take,
		new_text = lazy_text,
		copy = ffi.copy,
		most = lazy.most_bytes,
		ffi_string = ffi_string,
		cast = ffi.cast,
		bytes_of = ffi.typeof("const uint8_t *"),
		formats = formats,
		fill = format_fill,
		id_of = format_ids,
		plainly = written(PLAIN_FORMAT, n, { real = real, again = again }),
		own = own_format,
	})
end

-- A kind of site, made when it is first asked for.
local function kinds(new)
	local known = {}

	return function(n)
		if n < 1 or n > MOST then
			return nil
		end
		known[n] = known[n] or new(n)
		return known[n]
	end
end

--- `..` of so many operands.
M.concat = kinds(function(n)
	return { helper = new_concat(n), makes_text = true }
end)

local named = {
	tonumber = kinds(function(n)
		return n == 1 and { helper = to_number, makes_text = false } or nil
	end),
	["string.format"] = kinds(function(n)
		-- The format is one of them.
		return n > 1 and { helper = new_format(n - 1), makes_text = true } or nil
	end),
}

--- Whether what functions in an environment call by this name is what is known by it here.
function M.is_own(name, env)
	if name == "tonumber" then
		return env.tonumber == own_tonumber
	end
	return name == "string.format"
		and env.string == string
		and rawget(string, "format") == own_format
end

--- A call of a global or field of this name with so many arguments.
function M.call(name, n)
	local of_name = named[name]
	return of_name and of_name(n)
end

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
		if place then
			base, free = place.slot, place.slot + place.n
		else
			local from, n = taken(list[pc])
			base, free = from + n, from + n
		end

		if base + SHIFT + MOST + 1 > LAST_SLOT then
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
	state.remade[made] = true
	return setfenv(made, getfenv(f))
end

return M
