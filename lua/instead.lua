--- instead: what functions call in the place of `..`, `tonumber` and `string.format`, so that they may
-- be given lazy texts (`lua/line.lua`).
-- Out: concat(n) and call(name, n), kinds of sites: a helper, and whether that makes a text; nothing
-- where there is none. A helper does for all values what the instruction does; one for a call gets the
-- called function first. Where that is an error, the whole row is done again by the function as the
-- user wrote it (`state.again`), which then says what is wrong and where.
-- A function that user code has put in the place of one of the two is called; of what it gives, the
-- first value counts.

local ffi = require("ffi")
local native = require("gleamflow.native")
local lazy = require("gleamflow.line")
local arithmetic = require("gleamflow.arithmetic")
local addresses = require("gleamflow.addresses")
local state = require("gleamflow.state")

local type, pcall, error, loadstring = type, pcall, error, loadstring
local gsub, table_concat = string.gsub, table.concat
local own_tonumber, own_format = tonumber, addresses.format
local format_add, formats = native.format_add, state.formats
local string, setmetatable, rawget, rawset = string, setmetatable, rawget, rawset
local is_text, real = native.is_text, arithmetic.real

local M = {}

-- More operands or arguments than this are left as they are.
local MOST = 12

--- Ends the call; the handler of errors has the row done again.
local function again()
	error(state.AGAIN, 0)
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
local function written(text, n, ...)
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
	return loadstring(text, "=lua/instead.lua")(...)
end

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

-- A number as `..` writes it.
local function number(x)
	return x .. ""
end

-- What the functions below are given.
local given = {
	is_text = is_text,
	real = real,
	again = again,
	number = number,
	take = lazy.take,
	most = lazy.most_bytes,
	new_text = ffi.typeof("gleamflow_text"),
	copy = ffi.copy,
	ffi_string = ffi.string,
	cast = ffi.cast,
	bytes_of = ffi.typeof("const uint8_t *"),
	formats = formats,
	fill = native.format_fill,
	id_of = format_ids,
	own = own_format,
}

local PLAIN_CONCAT = [[
local real = (...).real
return function({names})
	{each
	a{i} = real(a{i})
	each}
	return {joined}
end]]

local CONCAT = [[
local given, plainly = ...
local type, is_text, new_text, ffi_string = type, given.is_text, given.new_text, given.ffi_string
local take, copy, most, number = given.take, given.copy, given.most, given.number
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
	elseif is_text(a{i}) then
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

local function new_concat(n)
	local plain = written(PLAIN_CONCAT, n, given)

	local function plainly(...)
		local ok, result = pcall(plain, ...)
		if ok then
			return result
		end
		return again()
	end

	return written(CONCAT, n, given, plainly)
end

-- `tonumber` of one value.
local function to_number(f, v)
	if f == own_tonumber and is_text(v) then
		return arithmetic.number(v)
	elseif type(f) ~= "function" then
		again()
	end
	return f(real(v))
end

local FORMAT = [[
local given, plainly = ...
local type, is_text, new_text, ffi_string = type, given.is_text, given.new_text, given.ffi_string
local take, copy, most, cast, bytes_of = given.take, given.copy, given.most, given.cast, given.bytes_of
local formats, values, fill, id_of = given.formats, given.formats.values, given.fill, given.id_of
local own = given.own
return function(f, format{and_names})
	local id = f == own and id_of[format]
	if not id then
		return plainly(f, format{and_names})
	end
	local flows = 0
	{each
	local k{i} = type(a{i})
	if is_text(a{i}) then
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

local function new_format(n)
	return written(FORMAT, n, given, written(PLAIN_FORMAT, n, given))
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

return M
