--- keys: the canonical bytes of key columns: equal bytes exactly where keys are equal.
-- In: a row as a list and the numbers of its key columns. Out: a string. 1 = 1.0 = -0.0,
-- NaN = NaN, text "1" ~= 1, integers beyond 2^53 by value, tables by content.

local ffi = require("ffi")
local native = require("gleamflow.native")
local codec = require("gleamflow.codec")
local order = require("gleamflow.order")
local state = require("gleamflow.state")

local type, rawget, istype, ffi_string = type, rawget, ffi.istype, ffi.string
local int64, uint64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
local key_clear, key_tag, key_size = native.key_clear, native.key_tag, native.key_size
local key_number, key_string = native.key_number, native.key_string
local key_int, key_uint = native.key_int, native.key_uint
local key_bytes, key_count = native.key_bytes, native.key_count
local key, null = state.key, state.null

-- Tags 3 to 5 belong to numbers and are written by Rust.
local NIL, FALSE, TRUE, ARRAY, MAP = 0, 1, 2, 7, 8

local format = string.format

local M = {}

local add

local function add_table(t, column, depth)
	if depth > 100 then
		error(format("column %d is nested deeper than 100, or holds itself", column), 0)
	end
	local list, n = order.is_list(t)
	if list then
		key_tag(key, ARRAY)
		key_size(key, n)
		for i = 1, n do
			add(rawget(t, i), column, depth)
		end
		return
	end
	local keys = order.sorted_keys(t)
	key_tag(key, MAP)
	key_size(key, #keys)
	for i = 1, #keys do
		add(keys[i], column, depth)
		add(rawget(t, keys[i]), column, depth)
	end
end

function add(v, column, depth)
	local kind = type(v)
	if kind == "string" then
		key_string(key, v, #v)
	elseif kind == "number" then
		key_number(key, v)
	elseif kind == "nil" or v == null then
		key_tag(key, NIL)
	elseif kind == "boolean" then
		key_tag(key, v and TRUE or FALSE)
	elseif kind == "table" then
		add_table(v, column, depth + 1)
	elseif kind == "cdata" and istype(int64, v) then
		key_int(key, v)
	elseif kind == "cdata" and istype(uint64, v) then
		key_uint(key, v)
	else
		codec.refuse(column, v, depth > 0)
	end
end

local MISSING = "there is no column %d: the row has %d column%s\n\n"
	.. "hint: `pad(%d)` makes rows at least %d columns wide"

--- What is said of a column that a row of `total` columns does not have.
function M.missing_text(column, total)
	return format(MISSING, column, total, total == 1 and "" or "s", column, column)
end

--- Throws for a row of `total` columns without one of `columns[1..n]`: said as `row/missing.rs` says
-- it.
function M.missing(columns, n, total)
	for i = 1, n do
		local column = columns[i]
		if column > total then
			error(M.missing_text(column, total), 0)
		end
	end
end

--- The bytes of the columns `columns[1..n]` of the list `row`.
function M.of(row, columns, n)
	key_clear(key)
	for i = 1, n do
		add(row[columns[i]], columns[i], 0)
	end
	return ffi_string(key_bytes(key), key_count(key))
end

return M
