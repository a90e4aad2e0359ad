--- combine: the end of a segment that folds rows of equal keys before the exchange.
-- In: the step's number, the key columns, and the frames tail's `list` and `pair`. Out: run(row…),
-- finish(), set(f), clear(). Rows out have the keys first; rows of one key keep their order.
-- Each key has a place, in the order in which keys came, and its values stand in one table per
-- column at that place. Rows leave in this order, because cut points are samples by position, and
-- the order of a table depends on which strings a VM has seen.
-- Invariant: what is flushed when depends on the rows alone, never on memory or time.

local ffi = require("ffi")
local codec = require("gleamflow.codec")
local order = require("gleamflow.order")
local keys_file = require("gleamflow.keys")
local keys_of, missing = keys_file.of, keys_file.missing
local state = require("gleamflow.state")
local words = require("gleamflow.words")
local clear_table = require("table.clear")

local select, type, tonumber, max = select, type, tonumber, math.max
local copy, cast = codec.copy, ffi.cast
local bytes_pointer = ffi.typeof("const uint8_t *")
local hint = words.hint

local MOST_KEYS = 65536
local MOST_COST = 4 * 1048576
local KEY_COST = 32
-- So many rows pass by when the keys of a whole table came but once or so.
local ROWS_ALONE = 4 * MOST_KEYS

-- Stands for a nil, which would be a hole.
local NIL = {}

local M = {}

function M.new(template, id, columns, tail)
	local progress = state.progress
	local fold = template("fold").new(id)
	local one, two, many, unequal = fold.one, fold.two, fold.many, fold.unequal
	local list, pair = tail.list, tail.pair
	local key_columns = #columns
	local is_key, last_key = {}, 0
	for i = 1, key_columns do
		is_key[columns[i]] = true
		last_key = max(last_key, columns[i])
	end
	-- Whether the key is the first column of a row and its only key.
	local key_first = key_columns == 1 and columns[1] == 1
	local keyless = key_columns == 0
	-- Whether the keys are the first two columns.
	local two_keys = key_columns == 2 and columns[1] == 1 and columns[2] == 2

	-- The place of a key: by itself for strings and plain numbers, by its bytes for any other, and
	-- by the number of its text where `words` has given it one. As long as all keys come by number,
	-- `places` has only those whose number was taken away since, if `some`; else `all`.
	local places, odd_places, some, all = {}, {}, false, false
	-- By the first of two keys and then the second, where both are texts.
	local places_by_two = {}
	local known_size = 4 * (words.most + 1)
	local known_memory = ffi.new("int32_t[?]", words.most + 1)
	local known, numbered = ffi.cast("int32_t *", known_memory), false
	-- By place: the key, or the list of key columns; how many values; the first and second value;
	-- and the list of values where there are none or more.
	local keys, widths, firsts, seconds, others = {}, {}, {}, {}, {}
	local count, cost = 0, 0
	-- Rows of one value since the last flush, and how many are still to pass by.
	local rows, alone = 0, 0
	-- How many values all keys have; -1 where they differ, and `widths` says it.
	local width = 0

	local row = {}

	local function place_all()
		all = true
		for place = 1, count do
			if type(keys[place]) ~= "table" then
				places[keys[place]] = place
			end
		end
	end

	local function clear()
		clear_table(places)
		clear_table(odd_places)
		clear_table(places_by_two)
		clear_table(keys)
		clear_table(widths)
		clear_table(firsts)
		clear_table(seconds)
		clear_table(others)
		clear_table(row)
		if numbered then
			-- This function is what keeps the memory: a pointer does not.
			ffi.fill(known_memory, known_size)
		end
		count, cost, some, all, numbered = 0, 0, false, false, false
		rows = 0
	end

	words.on_forget(function(numbers, n)
		for i = 0, numbered and n - 1 or -1 do
			local place = known[numbers[i]]
			if place ~= 0 then
				known[numbers[i]] = 0
				places[keys[place]] = place
				some = true
			end
		end
	end)

	local function given(v)
		if v == NIL then
			return nil
		end
		return v
	end

	local function flush_place(place)
		local key, n = keys[place], width
		if n < 0 then
			n = widths[place]
		end
		if type(key) == "table" then
			for i = 1, key_columns do
				row[i] = key[i]
			end
		elseif not keyless then
			row[1] = key
		end
		if n == 1 then
			row[key_columns + 1] = given(firsts[place])
		elseif n == 2 then
			row[key_columns + 1], row[key_columns + 2] = given(firsts[place]), given(seconds[place])
		else
			local values = others[place]
			for i = 1, n do
				row[key_columns + i] = values[i]
			end
		end
		list(row, key_columns + n)
	end

	local function flush()
		progress.step = id
		for place = 1, count do
			local key, first = keys[place], firsts[place]
			if width == 1 and type(key) == "string" and type(first) == "number" then
				pair(key, first)
			else
				flush_place(place)
			end
		end
		if rows >= count and rows < count * 1.25 then
			alone = ROWS_ALONE
		end
		clear()
	end

	-- Makes room for a key's values.
	local function add(key, n, bytes)
		if n ~= width then
			if count == 0 then
				width = n
			elseif width >= 0 then
				for place = 1, count do
					widths[place] = width
				end
				width = -1
			end
		end
		count = count + 1
		keys[count] = key
		if width < 0 then
			widths[count] = n
		end
		cost = cost + KEY_COST + bytes
		return count
	end

	local function check()
		if count >= MOST_KEYS or cost >= MOST_COST then
			flush()
		end
	end

	local function kept(v)
		if v == nil then
			return NIL
		end
		return v
	end

	-- What may be kept of a value, which is no number.
	local function own(v, column)
		if type(v) == "string" then
			cost = cost + #v
			return v
		end
		local size
		v, size = copy(v, column, 0)
		cost = cost + size
		return v
	end

	local function check_width(place, n)
		if n ~= width then
			if width >= 0 then
				unequal(width, n)
			elseif widths[place] ~= n then
				unequal(widths[place], n)
			end
		end
	end

	-- The place of a simple key, and whether it is new.
	local function place_by_key(key, n)
		if not all then
			place_all()
		end
		local place = places[key]
		if place == nil then
			place = add(key, n, type(key) == "string" and #key or 8)
			places[key] = place
			return place, 1
		end
		check_width(place, n)
		return place, 0
	end

	-- The same for the text of the hint, which is not touched: it may be far from the processor.
	local function place_by_number(key, n)
		local place = known[hint.id]
		if place ~= 0 then
			check_width(place, n)
			return place, 0
		end
		if some or all then
			place = places[key]
			if place ~= nil then
				known[hint.id] = place
				numbered = true
				check_width(place, n)
				return place, 0
			end
		end
		place = add(key, n, #key)
		known[hint.id] = place
		numbered = true
		if all then
			places[key] = place
		end
		return place, 1
	end

	local function place_of(key, n)
		if type(key) == "string" and cast(bytes_pointer, key) == hint.text then
			return place_by_number(key, n)
		end
		return place_by_key(key, n)
	end

	-- The place of two texts.
	local function place_by_two(k, l, n)
		local inner = places_by_two[k]
		if inner == nil then
			inner = {}
			places_by_two[k] = inner
		end
		local place = inner[l]
		if place == nil then
			place = add({ k, l }, n, #k + #l)
			inner[l] = place
			return place, 1
		end
		check_width(place, n)
		return place, 0
	end

	local function put_one(place, new, v)
		if type(v) ~= "number" then
			v = own(v, key_columns + 1)
		end
		if new == 0 then
			v = one(given(firsts[place]), v)
		end
		firsts[place] = kept(v)
		check()
	end

	local function put_two(place, new, v, w)
		if type(v) ~= "number" then
			v = own(v, key_columns + 1)
		end
		if type(w) ~= "number" then
			w = own(w, key_columns + 2)
		end
		if new == 0 then
			v, w = two(given(firsts[place]), given(seconds[place]), v, w)
		end
		firsts[place], seconds[place] = kept(v), kept(w)
		check()
	end

	local function add_one(key, v)
		if alone > 0 and type(key) == "string" and type(v) == "number" then
			alone = alone - 1
			progress.step = id
			return pair(key, v)
		end
		rows = rows + 1
		local place, new = place_of(key, 1)
		put_one(place, new, v)
	end

	local function add_two(key, v, w)
		local place, new = place_of(key, 2)
		put_two(place, new, v, w)
	end

	local function is_simple(k)
		return type(k) == "string"
			or (type(k) == "number" and k > -9007199254740992 and k < 9007199254740992)
	end

	-- Values of any number, at a place.
	local function add_values(place, new, values, n)
		for i = 1, n do
			if type(values[i]) ~= "number" then
				values[i] = own(values[i], key_columns + i)
			end
		end
		if n == 1 then
			local v = values[1]
			if new == 0 then
				v = one(given(firsts[place]), v)
			end
			firsts[place] = kept(v)
		elseif n == 2 then
			local v, w = values[1], values[2]
			if new == 0 then
				v, w = two(given(firsts[place]), given(seconds[place]), v, w)
			end
			firsts[place], seconds[place] = kept(v), kept(w)
		elseif new == 1 then
			others[place] = values
		else
			many(others[place], values, n)
		end
		check()
	end

	local function general(total, ...)
		if total < last_key then
			progress.step = id
			missing(columns, key_columns, total)
		end
		local columns_given = { ... }
		local values, n = {}, 0
		for i = 1, total do
			if not is_key[i] then
				n = n + 1
				values[n] = columns_given[i]
			end
		end
		local k = columns_given[columns[1]]
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
			local place, new = place_of(k, n)
			return add_values(place, new, values, n)
		end
		if two_keys and type(k) == "string" and type(columns_given[2]) == "string" then
			local place, new = place_by_two(k, columns_given[2], n)
			return add_values(place, new, values, n)
		end
		progress.step = id
		local key = {}
		for i = 1, key_columns do
			local v = columns_given[columns[i]]
			if type(v) == "table" then
				v = copy(v, columns[i], 0)
			end
			key[i] = v
		end
		local bytes = keys_of(columns_given, columns, key_columns)
		local place, new = odd_places[bytes], 0
		if place == nil then
			place, new = add(key, n, #bytes), 1
			odd_places[bytes] = place
		else
			check_width(place, n)
		end
		return add_values(place, new, values, n)
	end

	local function run(...)
		local n = select("#", ...)
		if key_first and (n == 2 or n == 3) then
			local k, v, w = ...
			if not is_simple(k) then
				return general(n, ...)
			elseif n == 2 then
				return add_one(k, v)
			end
			return add_two(k, v, w)
		elseif keyless and n == 1 then
			return add_one(0, (...))
		elseif keyless and n == 2 then
			return add_two(0, ...)
		elseif two_keys and (n == 3 or n == 4) then
			local k, l, v, w = ...
			if type(k) == "string" and type(l) == "string" then
				local place, new = place_by_two(k, l, n - 2)
				if n == 3 then
					return put_one(place, new, v)
				end
				return put_two(place, new, v, w)
			end
		end
		return general(n, ...)
	end

	local function end_task()
		clear()
		alone = 0
	end

	return run, flush, fold.set, end_task
end

return M
