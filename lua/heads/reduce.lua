--- reduce: the loop over encoded rows sorted by key, folded where their first columns are equal.
-- In: the port, whose `marks` have their lowest bit set at the first row of a key; the continuation;
-- and the segment, whose head has the key columns, which come first. Out: push(), finish(), set(f), clear(). A key may go on in the next
-- block, so the last row is kept until then. Keys are those of the group's first row.

local frame = require("gleamflow.frame")
local state = require("gleamflow.state")
local value = require("gleamflow.codec").value

local spread = frame.spread
local band = bit.band
local columns_of, stop_of = frame.columns, frame.stop_of

local M = {}

function M.new(port, next_step, segment, template)
	local progress = state.progress
	local id, keys = segment.head.id, #segment.head.keys
	local fold = template("fold").new(id)
	local one, two, many, unequal = fold.one, fold.two, fold.many, fold.unequal
	-- The open group: its key columns, its values, and how many (-1: no group is open).
	local key, acc, width = {}, {}, -1
	local columns, values = {}, {}

	local function pass()
		local n = width
		width = -1
		if keys == 1 and n == 1 then
			return next_step(key[1], acc[1])
		elseif keys == 1 and n == 2 then
			return next_step(key[1], acc[1], acc[2])
		end
		local row = {}
		for i = 1, keys do
			row[i] = key[i]
		end
		for i = 1, n do
			row[keys + i] = acc[i]
		end
		return next_step(spread(row, keys + n))
	end

	local function start(n)
		if width >= 0 then
			pass()
		end
		for i = 1, keys do
			key[i] = columns[i]
		end
		width = n
		for i = 1, n do
			acc[i] = columns[keys + i]
		end
	end

	local function add(n)
		if n ~= width then
			unequal(width, n)
		elseif n == 1 then
			acc[1] = one(acc[1], columns[keys + 1])
		elseif n == 2 then
			acc[1], acc[2] = two(acc[1], acc[2], columns[keys + 1], columns[keys + 2])
		else
			for i = 1, n do
				values[i] = columns[keys + i]
			end
			many(acc, values, n)
		end
	end

	-- Rows of one key column and one value column, without lists.
	local function pair(first, k, v)
		if first then
			if width >= 0 then
				pass()
			end
			key[1], acc[1], width = k, v, 1
		elseif width ~= 1 then
			unequal(width, 1)
		else
			acc[1] = one(acc[1], v)
		end
	end

	-- Rows of one key column and two value columns, without lists.
	local function triple(first, k, v, w)
		if first then
			if width >= 0 then
				pass()
			end
			key[1], acc[1], acc[2], width = k, v, w, 2
		elseif width ~= 2 then
			unequal(width, 2)
		else
			acc[1], acc[2] = two(acc[1], acc[2], v, w)
		end
	end

	local function push()
		local bytes, size, marks = port.bytes, port.size, port.marks
		local at, row = 0, 0
		while at < size do
			progress.row = row
			progress.step = id
			local first = band(marks[row], 1) ~= 0 or width < 0
			row = row + 1
			local from, stop = at + 4, stop_of(bytes, at, size)
			local a, b, c
			local n = 1
			local tag = bytes[from]
			at = from + tag - 159
			-- The key of a later row is not asked for: a short string is passed over.
			if first or keys ~= 1 or tag < 160 or tag > 191 or at > stop then
				a, at = value(bytes, from, stop, 0)
			end
			if keys == 1 and at < stop then
				b, at = value(bytes, at, stop, 0)
				n = 2
				if at < stop then
					c, at = value(bytes, at, stop, 0)
					n = 3
				end
			end
			if at == stop and n == 2 then
				pair(first, a, b)
			elseif at == stop and n == 3 then
				triple(first, a, b, c)
			else
				-- From the start of the frame again: uncommon widths.
				at = stop
				n = columns_of(bytes, from, stop, columns) - keys
				if first then
					start(n)
				else
					add(n)
				end
			end
		end
	end

	local function finish()
		if width >= 0 then
			pass()
		end
	end

	local function clear()
		width = -1
		key, acc, columns, values = {}, {}, {}, {}
	end

	return { push = push, finish = finish, set = fold.set, clear = clear }
end

return M
