--- combine: the end of a segment that folds rows of equal keys before the exchange.
-- In: the step's number, the key columns, and `list` of the frames tail. Out: run(row…),
-- finish(), set(f), clear(). Rows out have the keys first; rows of one key keep their order.
-- Invariant: what is flushed when depends on the rows alone, never on memory or time.

local codec = require("gleamflow.codec")
local order = require("gleamflow.order")
local keys_of = require("gleamflow.keys").of
local state = require("gleamflow.state")
local clear_table = require("table.clear")

local select, type, next, tonumber = select, type, next, tonumber
local copy = codec.copy

local MOST_KEYS = 65536
local MOST_COST = 4 * 1048576
local KEY_COST = 32

-- Entries of `simple` that are no value themselves.
local NIL, WIDE = {}, {}

local M = {}

function M.new(template, id, columns, list)
	local progress = state.progress
	local one, many, unequal, set = template("fold").new(id)
	local key_columns = #columns
	local is_key = {}
	for i = 1, key_columns do
		is_key[columns[i]] = true
	end
	-- Whether a row of `key, value` is nothing else: the common case.
	local key_first = key_columns == 1 and columns[1] == 1
	local keyless = key_columns == 0

	-- One value column, by a key that is a string or a plain number.
	local simple = {}
	-- Rows of another width by the same keys, and rows of any other key by its bytes.
	-- An entry is { [1..n] = values, n = n, keys = the key columns as first seen }.
	local wide, odd = {}, {}
	-- The simple keys and the odd entries as they came. Rows leave in this order, because cut points
	-- are samples by position, and the order of a table depends on which strings a VM has seen.
	local seen = {}
	local count, cost = 0, 0

	local row = {}

	local function put_entry(entry)
		for i = 1, key_columns do
			row[i] = entry.keys[i]
		end
		for i = 1, entry.n do
			row[key_columns + i] = entry[i]
		end
		list(row, key_columns + entry.n)
	end

	local function flush()
		progress.step = id
		for i = 1, count do
			local k = seen[i]
			local v = simple[k]
			if v == nil then
				put_entry(k)
			elseif v == WIDE then
				put_entry(wide[k])
			else
				if v == NIL then
					v = nil
				end
				if keyless then
					row[1] = v
					list(row, 1)
				else
					row[1], row[2] = k, v
					list(row, 2)
				end
			end
		end
		clear_table(seen)
		clear_table(simple)
		clear_table(wide)
		clear_table(odd)
		clear_table(row)
		count, cost = 0, 0
	end

	local function added(bytes, k)
		count = count + 1
		seen[count] = k
		cost = cost + KEY_COST + bytes
	end

	local function check()
		if count >= MOST_KEYS or cost >= MOST_COST then
			flush()
		end
	end

	-- A value that is no number or string, which need no copy.
	local function own(v, column)
		local size
		v, size = copy(v, column, 0)
		cost = cost + size
		return v
	end

	local function add_simple(k, v, bytes)
		if type(v) == "string" then
			cost = cost + #v
		elseif type(v) ~= "number" then
			v = own(v, key_columns + 1)
		end
		local old = simple[k]
		if old == nil then
			added(bytes, k)
		elseif old == WIDE then
			unequal(wide[k].n, 1)
		else
			if old == NIL then
				old = nil
			end
			v = one(old, v)
		end
		if v == nil then
			v = NIL
		end
		simple[k] = v
		check()
	end

	local function add_entry(entries, k, bytes, keys, values, n)
		local entry = entries[k]
		for i = 1, n do
			local v = values[i]
			if type(v) == "string" then
				cost = cost + #v
			elseif type(v) ~= "number" then
				values[i] = own(v, key_columns + i)
			end
		end
		if entry == nil then
			values.n, values.keys = n, keys
			entries[k] = values
			added(bytes, entries == odd and values or k)
		elseif entry.n ~= n then
			unequal(entry.n, n)
		else
			many(entry, values, n)
		end
		check()
	end

	local function is_simple(k)
		return type(k) == "string"
			or (type(k) == "number" and k > -9007199254740992 and k < 9007199254740992)
	end

	local function general(total, ...)
		local given = { ... }
		local values, n = {}, 0
		for i = 1, total do
			if not is_key[i] then
				n = n + 1
				values[n] = given[i]
			end
		end
		local k = given[columns[1]]
		if keyless then
			k = 0
		elseif key_columns == 1 and type(k) == "cdata" and order.is_integer(k) then
			-- An int64 is the same key as the number of its value.
			local x = tonumber(k)
			if is_simple(x) then
				k = x
			end
		end
		if (key_columns == 1 or keyless) and is_simple(k) then
			local bytes = type(k) == "string" and #k or 8
			if n == 1 then
				return add_simple(k, values[1], bytes)
			end
			local old = simple[k]
			if old == nil then
				simple[k] = WIDE
			elseif old ~= WIDE then
				unequal(1, n)
			end
			return add_entry(wide, k, bytes, { k }, values, n)
		end
		progress.step = id
		local keys = {}
		for i = 1, key_columns do
			local v = given[columns[i]]
			if type(v) == "table" then
				v = copy(v, columns[i], 0)
			end
			keys[i] = v
		end
		k = keys_of(given, columns, key_columns)
		return add_entry(odd, k, #k, keys, values, n)
	end

	local function run(...)
		if key_first and select("#", ...) == 2 then
			local k, v = ...
			if type(k) == "string" then
				return add_simple(k, v, #k)
			elseif type(k) == "number" and is_simple(k) then
				return add_simple(k, v, 8)
			end
		end
		return general(select("#", ...), ...)
	end

	local function clear()
		clear_table(seen)
		clear_table(simple)
		clear_table(wide)
		clear_table(odd)
		clear_table(row)
		count, cost = 0, 0
	end

	return run, flush, set, clear
end

return M
