--- accumulate: the end of a segment that steps a state for each key before the exchange.
-- In: the step's number, the key columns, and the frames tail's `list`. Out: those of a tail. Rows out
-- are the keys, then the state, in the order in which keys came.
-- Invariant: what is flushed when depends on the rows alone, never on memory or time.

local codec = require("gleamflow.codec")
local keys_file = require("gleamflow.keys")
local state = require("gleamflow.state")
local clear_table = require("table.clear")

local abs, select, tonumber, type = math.abs, select, tonumber, type
local is_integer = require("gleamflow.order").is_integer
local copy = codec.copy
local keys_of, missing = keys_file.of, keys_file.missing

local MOST_KEYS = 65536
-- A state may grow with each of its rows; of these this much is taken in.
local MOST_COST = 8 * 1048576
local ROW_COST = 32

local M = {}

function M.new(template, id, columns, tail)
	local progress = state.progress
	local accumulator = template("accumulator")
	local of = accumulator.new(id)
	local init, step, put = of.init, of.step, of.put
	local list = tail.list
	local key_columns = #columns
	local first = columns[1]
	local last_key = 0
	for i = 1, key_columns do
		last_key = columns[i] > last_key and columns[i] or last_key
	end
	-- The place of a key: by itself, or by its bytes. By place: the key, or the list of key columns;
	-- and the state.
	local places, odd_places, keys, states = {}, {}, {}, {}
	local count, cost = 0, 0
	local row = {}

	local function clear()
		clear_table(places)
		clear_table(odd_places)
		clear_table(keys)
		clear_table(states)
		clear_table(row)
		count, cost = 0, 0
	end

	local function flush()
		progress.step = id
		for place = 1, count do
			local key = keys[place]
			if type(key) == "table" then
				for i = 1, key_columns do
					row[i] = key[i]
				end
			else
				row[1] = key
			end
			row[key_columns + 1] = states[place]
			put(list, row, key_columns + 1)
		end
		clear()
	end

	local function add(key)
		local s = init()
		count = count + 1
		keys[count], states[count] = key, s
		return count
	end

	local function odd_place(...)
		local given, key = { ... }, {}
		local bytes = keys_of(given, columns, key_columns)
		local place = odd_places[bytes]
		if place == nil then
			for i = 1, key_columns do
				key[i] = copy(given[columns[i]], columns[i], 0)
			end
			place = add(key)
			odd_places[bytes] = place
		end
		return place
	end

	local function key_of(...)
		if first == 1 then
			return (...)
		end
		return (select(first, ...))
	end

	local function measure(a, b, c, d)
		cost = cost + ROW_COST
		if type(a) == "string" then
			cost = cost + #a
		end
		if type(b) == "string" then
			cost = cost + #b
		end
		if type(c) == "string" then
			cost = cost + #c
		end
		if type(d) == "string" then
			cost = cost + #d
		end
	end

	local function run(...)
		if last_key > 1 and select("#", ...) < last_key then
			progress.step = id
			missing(columns, key_columns, select("#", ...))
		end
		local place
		if key_columns == 1 then
			local key = key_of(...)
			if type(key) == "cdata" and is_integer(key) then
				-- An int64 is the same key as the number of its value.
				local x = tonumber(key)
				key = abs(x) <= 2 ^ 53 and x or key
			end
			if type(key) == "string" or type(key) == "number" and key == key then
				place = places[key]
				if place == nil then
					place = add(key)
					places[key] = place
				end
			end
		elseif key_columns == 0 then
			place = count == 0 and add({}) or 1
		end
		if not place then
			progress.step = id
			place = odd_place(...)
		end
		states[place] = step(states[place], ...)
		measure(...)
		if count >= MOST_KEYS or cost >= MOST_COST then
			flush()
		end
	end

	return run, flush, of.set, clear, accumulator.check
end

return M
