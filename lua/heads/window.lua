--- window: calls the user's function with windows of so many neighbouring rows of a group.
-- In: the port, whose `marks` have their lowest bit set at the first row of a key; the continuation;
-- and the segment, whose head has the key columns and is told the size of a window and the step from
-- one to the next. Out: those of a head. The rows of a window are in a ring of lists.

local frame = require("gleamflow.frame")
local state = require("gleamflow.state")

local tonumber = tonumber
local spread = frame.spread
local band = bit.band
local columns_of, stop_of = frame.columns, frame.stop_of

local M = {}

function M.new(port, next_step, segment, template)
	local progress = state.progress
	local head = segment.head
	local id, keys = head.id, head.keys
	local size, step = tonumber(head.arguments[1]), tonumber(head.arguments[2])
	local bounds = template("bounds").new(next_step, keys)
	local give, set_key = bounds.give, bounds.key
	local f
	-- Rows by their place in the ring, and how many columns each has.
	local ring, widths = {}, {}
	-- The rows of the open group; where its next window begins; up to where rows are in one before.
	local count, first, covered = 0, 1, 0
	-- Of the window that is read: the row that was given last, the place behind it, and its end.
	local at, place, last = 0, 1, 0

	local function rows()
		if at >= last then
			return nil
		end
		local columns, n = ring[place], widths[place]
		place = place == size and 1 or place + 1
		at = at + 1
		local i = at - first + 1
		if n == 1 then
			return i, columns[1]
		elseif n == 2 then
			return i, columns[1], columns[2]
		elseif n == 3 then
			return i, columns[1], columns[2], columns[3]
		elseif n == 4 then
			return i, columns[1], columns[2], columns[3], columns[4]
		end
		return i, spread(columns, n)
	end

	local function window()
		at, place, last = first - 1, (first - 1) % size + 1, count
		covered = count
		progress.step = id
		state.to = false
		give(first, last, f(rows))
		at = last
		first = first + step
	end

	local function end_group()
		if first <= count and covered < count then
			window()
		end
	end

	local function push()
		local bytes, block, marks = port.bytes, port.size, port.marks
		local from, row = 0, 0
		while from < block do
			progress.row = row
			progress.step = id
			local begins = band(marks[row], 1) ~= 0
			row = row + 1
			local stop = stop_of(bytes, from, block)
			if begins then
				end_group()
				progress.step = id
				count, first, covered = 0, 1, 0
			end
			count = count + 1
			if count >= first then
				local slot = (count - 1) % size + 1
				local columns = ring[slot]
				if not columns then
					columns = {}
					ring[slot] = columns
				end
				widths[slot] = columns_of(bytes, from + 4, stop, columns)
				if begins then
					for i = 1, #keys do
						set_key(i, columns[keys[i]])
					end
				end
				if count - first + 1 == size then
					window()
				end
			end
			from = stop
		end
	end

	local function clear()
		ring, widths = {}, {}
		count, first, covered = 0, 1, 0
		at, place, last = 0, 1, 0
	end

	local function set(g)
		f = g
	end

	return { push = push, finish = end_group, set = set, clear = clear }
end

return M
