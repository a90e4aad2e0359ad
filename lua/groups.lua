--- groups: the rows of encoded blocks, group after group, for a function that asks for them.
-- In: the port, whose `marks` have their lowest bit set at the first row of a key; the step's number;
-- and over(bytes, at, stop), whether a group ends before that row though its key goes on, or nothing.
-- Out: `rows`, the iterator that the user's function gets: the number of a row in its group, then its
-- columns; and run(main), which is told what goes through the groups. For main there are more(), whether
-- there is a row; begin(), at the first row of a group; of that row column(n), look(of), which gives
-- of(bytes, at, stop), and begins_key(); and skip(), which passes over what the function has left.
-- push(), finish() and clear() are those of a head.
-- A group may be longer than a block: main runs in a coroutine of ours, which waits for the next one.

local state = require("gleamflow.state")
local frame = require("gleamflow.frame")
local codec = require("gleamflow.codec")
local failure = require("gleamflow.failure")
local coroutines = require("gleamflow.coroutines")

local xpcall, record = xpcall, failure.record
local band = bit.band
local calls, wait, check = coroutines.calls, coroutines.wait, coroutines.check
local value, stop_of, spread = codec.value, frame.stop_of, frame.spread

local M = {}

-- What follows eight columns, in a list of all.
local function rest(count, bytes, at, stop, ...)
	local columns, n = { ... }, 8
	while at < stop do
		n = n + 1
		columns[n], at = value(bytes, at, stop, 0)
	end
	return count, spread(columns, n)
end

function M.new(port, id, over)
	local progress = state.progress
	-- The block, and the place and the number of its next row.
	local bytes, size, marks = nil, 0, nil
	local at, row = 0, 0
	-- How many rows of the open group have been given.
	local count = 0
	local ended = false
	local thread, main
	coroutines.install()

	local function more()
		while at >= size do
			if ended then
				return false
			end
			local to, step = state.to, progress.step
			wait()
			state.to, progress.step = to, step
		end
		return true
	end

	local function rows()
		if calls.open ~= 0 then
			check()
		end
		if at >= size and not more() then
			return nil
		end
		local stop = stop_of(bytes, at, size)
		progress.row = row
		if count ~= 0 and (band(marks[row], 1) ~= 0 or (over and over(bytes, at + 4, stop))) then
			return nil
		end
		count = count + 1
		row = row + 1
		local from, n = at + 4, count
		at = stop
		local a, b, c, d, e, f, g, h
		a, from = value(bytes, from, stop, 0)
		if from == stop then
			return n, a
		end
		b, from = value(bytes, from, stop, 0)
		if from == stop then
			return n, a, b
		end
		c, from = value(bytes, from, stop, 0)
		if from == stop then
			return n, a, b, c
		end
		d, from = value(bytes, from, stop, 0)
		if from == stop then
			return n, a, b, c, d
		end
		e, from = value(bytes, from, stop, 0)
		if from == stop then
			return n, a, b, c, d, e
		end
		f, from = value(bytes, from, stop, 0)
		if from == stop then
			return n, a, b, c, d, e, f
		end
		g, from = value(bytes, from, stop, 0)
		if from == stop then
			return n, a, b, c, d, e, f, g
		end
		h, from = value(bytes, from, stop, 0)
		return rest(n, bytes, from, stop, a, b, c, d, e, f, g, h)
	end

	local function skip()
		while at < size or more() do
			local stop = stop_of(bytes, at, size)
			if
				count ~= 0 and (band(marks[row], 1) ~= 0 or (over and over(bytes, at + 4, stop)))
			then
				return
			end
			count = count + 1
			row = row + 1
			at = stop
		end
	end

	local function begin()
		count = 0
		progress.row = row
		progress.step = id
	end

	local function column(n)
		local stop = stop_of(bytes, at, size)
		local v, from = nil, at + 4
		for _ = 1, n do
			v, from = value(bytes, from, stop, 0)
		end
		return v
	end

	local function look(of)
		return of(bytes, at + 4, stop_of(bytes, at, size))
	end

	local function begins_key()
		return band(marks[row], 1) ~= 0
	end

	local function protected()
		return xpcall(main, record)
	end

	local function go_on()
		if not thread then
			thread = coroutines.new(protected)
		end
		coroutines.resume(thread)
	end

	local function push()
		bytes, size, marks = port.bytes, port.size, port.marks
		at, row = 0, 0
		go_on()
	end

	local function finish()
		ended = true
		go_on()
	end

	local function clear()
		bytes, size, marks = nil, 0, nil
		at, row, count, ended, thread = 0, 0, 0, false, nil
	end

	return {
		rows = rows,
		more = more,
		begin = begin,
		column = column,
		look = look,
		begins_key = begins_key,
		skip = skip,
		push = push,
		finish = finish,
		clear = clear,
		run = function(f)
			main = f
		end,
	}
end

return M
