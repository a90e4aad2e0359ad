--- scan: the loop over encoded rows that folds each into what came of those before it in its group,
-- and passes on what there is then.
-- In: the port, whose `marks` have their lowest bit set at the first row of a key; the continuation;
-- and the segment, whose head has the key columns. Out: those of a head.

local frame = require("gleamflow.frame")
local state = require("gleamflow.state")
local value = require("gleamflow.codec").value

local spread = frame.spread
local band = bit.band
local columns_of, stop_of = frame.columns, frame.stop_of

local M = {}

function M.new(port, next_step, segment, template)
	local progress = state.progress
	local id, keys = segment.head.id, segment.head.keys
	local key_columns = #keys
	-- Rows of which these are all columns are dealt with without lists.
	local keyless, key_first = key_columns == 0, key_columns == 1 and keys[1] == 1
	local is_key = {}
	for i = 1, key_columns do
		is_key[keys[i]] = true
	end
	local fold = template("fold").new(id)
	local one, two, many, unequal = fold.one, fold.two, fold.many, fold.unequal
	-- What there is of the open group, and how many values (-1: no group is open).
	local acc, second, width = nil, nil, -1
	local columns, values, all, row = {}, {}, {}, {}

	local function fold_one(first, v)
		if first then
			acc, width = v, 1
		elseif width ~= 1 then
			unequal(width, 1)
		else
			acc = one(acc, v)
		end
		return acc
	end

	local function fold_two(first, v, w)
		if first then
			acc, second, width = v, w, 2
		elseif width ~= 2 then
			unequal(width, 2)
		else
			acc, second = two(acc, second, v, w)
		end
		return acc, second
	end

	local function general(first, total)
		local n = 0
		for i = 1, total do
			if not is_key[i] then
				n = n + 1
				values[n] = columns[i]
			end
		end
		for i = 1, key_columns do
			row[i] = columns[keys[i]]
		end
		if not first and n ~= width then
			unequal(width, n)
		end
		if n == 1 then
			row[key_columns + 1] = fold_one(first, values[1])
		elseif n == 2 then
			row[key_columns + 1], row[key_columns + 2] = fold_two(first, values[1], values[2])
		else
			if first then
				for i = 1, n do
					all[i] = values[i]
				end
			else
				many(all, values, n)
			end
			width = n
			for i = 1, n do
				row[key_columns + i] = all[i]
			end
		end
		return next_step(spread(row, key_columns + n))
	end

	local function push()
		local bytes, size, marks = port.bytes, port.size, port.marks
		local at, index = 0, 0
		while at < size do
			progress.row = index
			progress.step = id
			local first = band(marks[index], 1) ~= 0 or width < 0
			index = index + 1
			local from, stop = at + 4, stop_of(bytes, at, size)
			local a, b, c
			local n = 1
			a, at = value(bytes, from, stop, 0)
			if at < stop then
				b, at = value(bytes, at, stop, 0)
				n = 2
				if at < stop then
					c, at = value(bytes, at, stop, 0)
					n = 3
				end
			end
			if at < stop then
				at = stop
				general(first, columns_of(bytes, from, stop, columns))
			elseif keyless and n == 1 then
				next_step(fold_one(first, a))
			elseif keyless and n == 2 then
				next_step(fold_two(first, a, b))
			elseif key_first and n == 2 then
				next_step(a, fold_one(first, b))
			elseif key_first and n == 3 then
				next_step(a, fold_two(first, b, c))
			else
				columns[1], columns[2], columns[3] = a, b, c
				general(first, n)
			end
		end
	end

	local function clear()
		acc, second, width = nil, nil, -1
		columns, values, all, row = {}, {}, {}, {}
	end

	return { push = push, set = fold.set, clear = clear }
end

return M
