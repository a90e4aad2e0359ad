--- accumulate: the loop over keys and states, sorted by key, that merges the states of each key and
-- passes on what the user's function makes of the last one.
-- In: the port, whose `marks` have their lowest bit set at the first row of a key; the continuation;
-- and the segment, whose head has the key columns, which come first. Out: those of a head.

local frame = require("gleamflow.frame")
local state = require("gleamflow.state")

local select = select
local spread = frame.spread
local band = bit.band
local columns_of, stop_of = frame.columns, frame.stop_of

local M = {}

function M.new(port, next_step, segment, template)
	local progress = state.progress
	local id, keys = segment.head.id, #segment.head.keys
	local accumulator = template("accumulator")
	local of = accumulator.new(id)
	local merge, end_state = of.merge, of.finish
	local columns, key = {}, {}
	local acc, is_open = nil, false

	local function wide(...)
		local row, n = {}, select("#", ...)
		for i = 1, keys do
			row[i] = key[i]
		end
		for i = 1, n do
			row[keys + i] = (select(i, ...))
		end
		if keys + n > 0 then
			return next_step(spread(row, keys + n))
		end
	end

	local function pass(...)
		if keys == 1 then
			return next_step(key[1], ...)
		end
		return wide(...)
	end

	local function end_group()
		if is_open then
			is_open = false
			pass(end_state(acc))
		end
	end

	local function push()
		local bytes, size, marks = port.bytes, port.size, port.marks
		local at, row = 0, 0
		while at < size do
			progress.row = row
			progress.step = id
			local first = band(marks[row], 1) ~= 0
			row = row + 1
			local stop = stop_of(bytes, at, size)
			columns_of(bytes, at + 4, stop, columns)
			at = stop
			if first then
				end_group()
				for i = 1, keys do
					key[i] = columns[i]
				end
				acc, is_open = columns[keys + 1], true
			else
				acc = merge(acc, columns[keys + 1])
			end
		end
	end

	local function clear()
		columns, key, acc, is_open = {}, {}, nil, false
	end

	return {
		push = push,
		finish = end_group,
		set = of.set,
		clear = clear,
		check = accumulator.check,
	}
end

return M
