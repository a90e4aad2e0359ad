--- lines: the loop over a block of text lines, each line one string column.
-- In: the port, whose `ends` are the places of the line feeds, and the steps before the first
-- one that changes rows. Out: push(), which gives each row to the continuation.
-- A step gets the lazy line where its code allows. What a flat_map at the end of them leaves open,
-- matches or a list of ours, is taken here.

local tune = require("jit.opt").start
local state = require("gleamflow.state")
local lists = require("gleamflow.lists")
local receiver = require("gleamflow.receiver")
local lazy = require("gleamflow.line")
local words_of = require("gleamflow.words")

local type = type
local line, next_match, walk, text_of_line = lazy.line, lazy.next_match, lazy.walk, lazy.text
local text_of_match = words_of.text
local null = state.null

-- A longer list of ours is not kept.
local MOST_KEPT = 1024

local M = {}

--- Gives `run` a real string, unless `set`'s last function takes the lazy line. What a map returns
-- may be kept by the steps behind it, so its iterators are of strings.
function M.adapt(kind, run, set)
	local fits = false

	return function(x)
		if type(x) == "cdata" and not fits then
			return run(text_of_line(x))
		end
		return run(x)
	end, function(f)
		fits = receiver.fits(f, kind ~= "map")
		set(f)
	end
end

--- The end of steps that keep the line: a real string for what follows.
function M.string(run)
	return function(x)
		if type(x) == "cdata" then
			return run(text_of_line(x))
		end
		return run(x)
	end
end

-- A trace keeps to the way on which it was recorded. At LuaJIT's own 56 rounds all words are new to
-- what follows; later most have come before. Other loops must not wait: while those inside a function
-- are not compiled, LuaJIT tries the function itself in vain, and at last never again.
local own_rounds, late_rounds = "hotloop=56", "hotloop=2000"
local rounds = own_rounds

local function compile_after(wanted)
	if rounds ~= wanted then
		rounds = wanted
		tune(wanted)
	end
end

--- A flat_map that leaves open what a line gives: open(line) gives the first and the end of what
-- take(at) takes.
function M.open_items(id, next_step, flat_map)
	local progress = state.progress
	local _, set_run, spread = flat_map.new(id, next_step)
	local f
	-- Where the function collects in a list: ours, and what makes it collect in that.
	local list, give = {}, nil
	local is_long, is_list = false, false

	local function new_list()
		list, is_long = {}, false
		if give then
			give(list)
		end
	end

	local function open(line)
		progress.step = id
		state.to = next_step
		if is_long then
			new_list()
		end
		local first, invariant, control = f(line)
		is_list = first == list
		if is_list then
			local size = #list
			is_long = size > MOST_KEPT
			return 0, size
		elseif list[1] ~= nil then
			new_list()
		end
		if first == next_match then
			return walk[0], walk[1]
		end
		spread(first, invariant, control)
		return 0, 0
	end

	local function take(at)
		if not is_list then
			return text_of_match(at)
		end
		local item = list[at + 1]
		list[at + 1] = nil
		if item == null then
			return nil
		end
		return item
	end

	return open,
		function(g)
			local collecting
			collecting, give = lists.reusing(g)
			f = collecting or g
			new_list()
			set_run(g)
			if g then
				compile_after(receiver.returns_matches(g) and late_rounds or own_rounds)
			end
		end,
		take
end

--- Each line goes to `run`, which passes on what comes of it. The loop begins at line `row`, 0
-- where it is not given.
function M.new(port, run)
	local progress = state.progress

	return function(row)
		lazy.open(port)
		row = row or 0
		local bytes, ends = port.bytes, port.ends
		local from = row > 0 and ends[row - 1] + 1 or 0
		for i = row, port.rows - 1 do
			local stop = ends[i]
			progress.row = i
			port.from, port.stop = from, stop
			line.bytes, line.size, line.row = bytes + from, stop - from, i
			from = stop + 1
			run(line)
		end
	end
end

--- Each line goes to `open`; what it leaves open goes to `next_step`.
function M.flat(port, open, take, next_step, id)
	local progress = state.progress

	return function()
		lazy.open(port)
		local bytes, ends, rows = port.bytes, port.ends, port.rows
		local from, row = 0, 0
		local at, last = 0, 0
		while true do
			while at < last do
				progress.step = id
				local item = take(at)
				at = at + 1
				next_step(item)
			end
			if row == rows then
				break
			end
			local stop = ends[row]
			progress.row = row
			line.bytes, line.size, line.row = bytes + from, stop - from, row
			row = row + 1
			from = stop + 1
			at, last = open(line)
			at, last = at or 0, last or 0
		end
	end
end

return M
