--- side_tables: `tables` of user code: `tables.NAME[key]` and `tables.NAME(key)`.
-- In: from Rust, by `state.tables`, of each table its name, what looks into it, and how many columns
-- it has. Out: the global. `[key]` gives the one other column of the row, `true` where there is none,
-- a list where there are several; `(key)` gives all of them as values. What is not there is nil.
-- A table is a userdata, so that nobody takes it for a table with nothing in it.

local native = require("gleamflow.native")
local codec = require("gleamflow.codec")
local state = require("gleamflow.state")
local ffi = require("ffi")

local type, error, ipairs, setmetatable = type, error, ipairs, setmetatable
local getmetatable, newproxy, loadstring, unpack = getmetatable, newproxy, loadstring, unpack
local concat, format, gsub = table.concat, string.format, string.gsub
local lookup_value, lookup_text = native.lookup_value, native.lookup_text
local row_begin, row_drop, is_text = native.row_begin, native.row_drop, native.is_text
local null, room, put = state.null, state.room, codec.put

local NO_KEY = { ["function"] = true, thread = true, userdata = true }

-- Looks for a key that is neither text nor a number, by its encoding.
local function find_other(lookup, name, key)
	local kind = type(key)
	if kind == "nil" or key == null then
		return 0
	elseif kind == "cdata" and is_text(key) then
		return lookup_text(lookup, key.bytes, key.size)
	elseif NO_KEY[kind] then
		error(format("tables.%s: a %s is no key", name, kind), 3)
	end
	-- One before it may have been refused.
	row_drop(room)
	row_begin(room)
	put(room, 1, key, 0)
	return lookup_value(lookup, room)
end

-- Written out for each table, so that its loops are its own. What a lookup gives: see
-- `src/lua/side_table.rs`.
local FUNCTIONS = [[
local given, lookup, name, others = ...
local type, string, value, null, unpack = type, given.string, given.value, given.null, given.unpack
local text, number, other = given.text, given.number, given.other

local function find(key)
	local kind = type(key)
	if kind == "string" then
		return text(lookup, key, #key)
	elseif kind == "number" then
		return number(lookup, key)
	end
	return other(lookup, name, key)
end

local function index(_, key)
	local found = find(key)
	if found == 0 then
		return nil
	end
	{index}
end

local function call(_, key)
	local found = find(key)
	if found == 0 then
		return nil
	end
	{call}
end

return index, call
]]

local given = {
	string = ffi.string,
	value = codec.value,
	null = null,
	unpack = unpack,
	text = lookup_text,
	number = native.lookup_number,
	other = find_other,
}

local ONE = [[
	if found == 2 then
		return string(lookup.bytes, lookup.size)
	elseif found == 1 then
		return lookup.number
	end
	return (value(lookup.bytes, 0, lookup.size, 0))]]

local MANY = [[
	local p, size, at, list = lookup.bytes, lookup.size, 0, {}
	for i = 1, others do
		list[i], at = value(p, at, size, 0)
		{each}
	end
	return {list}]]

-- More columns than these are read in a loop.
local MOST_WRITTEN = 32

-- What is done with the columns of a row, by `[key]` and by `(key)`.
local function bodies(others)
	if others == 0 then
		return "return true", "return true"
	elseif others == 1 then
		return ONE, ONE
	elseif others > MOST_WRITTEN then
		local fill = "if list[i] == nil then list[i] = null end"
		local many = { each = fill, list = "list" }
		local values = { each = "", list = "unpack(list, 1, others)" }
		return gsub(MANY, "{(%a+)}", many), gsub(MANY, "{(%a+)}", values)
	end
	local read, fill, names = {}, {}, {}
	for i = 1, others do
		read[i] = format("local v%d v%d, at = value(p, at, size, 0)", i, i)
		fill[i] = format("if v%d == nil then v%d = null end", i, i)
		names[i] = "v" .. i
	end
	local columns = "local p, size, at = lookup.bytes, lookup.size, 0 " .. concat(read, " ")
	local list = concat(names, ", ")
	return columns .. " " .. concat(fill, " ") .. " return { " .. list .. " }",
		columns .. " return " .. list
end

local function table_of(name, lookup, columns)
	local index, call = bodies(columns - 1)
	local text = gsub(FUNCTIONS, "{(%a+)}", { index = index, call = call })
	local index_of, call_of =
		loadstring(text, "=lua/side_tables.lua")(given, lookup, name, columns - 1)
	local it = newproxy(true)
	local meta = getmetatable(it)
	meta.__index, meta.__call, meta.__metatable = index_of, call_of, false
	function meta.__newindex()
		error(format("tables.%s: a table is only read", name), 2)
	end
	return it
end

local function refuse_set()
	error("`tables` holds what `with_table` has put there, and nothing else", 2)
end

local tables = {}
for _, of in ipairs(state.tables) do
	tables[of.name] = table_of(of.name, native.lookup(of.address), of.columns)
end

return setmetatable(tables, {
	__index = function(_, name)
		error(state.unknown_table(type(name) == "string" and name or type(name)), 2)
	end,
	__newindex = refuse_set,
	__metatable = false,
})
