--- flat_map: passes on each row of the iterator or list that the user's function returns.
-- In: the step's number and the continuation. Out: run(row…), and set(f) for each task. What it may
-- do, and `open`: see `lua/segment.lua`.
-- The user's iterator runs between the rows, so each call of it sets the step and `emit` again.

local tune = require("jit.opt").start
local state = require("gleamflow.state")
local rows = require("gleamflow.rows")
local lists = require("gleamflow.lists")
local receiver = require("gleamflow.receiver")
local lazy = require("gleamflow.line")
local debug_getmetatable = debug.getmetatable

local type, next, rawget, error = type, next, rawget, error
local next_match, walk = lazy.next_match, lazy.walk
local text_of_match = require("gleamflow.words").text
local spread_row = require("gleamflow.frame").spread
local null = state.null

-- A longer list of ours is not kept.
local MOST_KEPT = 1024

local M = { replaces_row = true, takes_line = true, may_emit = true }

--- Gives a function that passes on what a call of the user's function has returned.
function M.spreader(id, next_step)
	local progress = state.progress

	local function row(first, ...)
		if first ~= nil then
			next_step(first, ...)
		end
		return first
	end

	local function drain(iterator, invariant, control)
		repeat
			progress.step = id
			state.to = next_step
			control = row(iterator(invariant, control))
		until control == nil
	end

	local function each(list)
		local n = #list
		local count = 0
		for _ in next, list do
			count = count + 1
		end
		if count ~= n then
			error(
				n == 0 and "expected an iterator, a list or nothing, got a table that is no list"
					or "expected a list, got a table with holes or other keys",
				0
			)
		end
		for i = 1, n do
			local v = rawget(list, i)
			if v == null then
				v = nil
			end
			next_step(v)
		end
	end

	local function each_row(list)
		for i = 1, #list do
			local columns, n = rows.columns(rawget(list, i), i)
			next_step(spread_row(columns, n))
		end
	end

	return function(first, invariant, control)
		local kind = type(first)
		if kind == "function" then
			return drain(first, invariant, control)
		elseif kind == "nil" then
			return
		elseif kind == "table" then
			local list = rows.list(first)
			if list then
				return each_row(list)
			end
			local meta = debug_getmetatable(first)
			if meta == nil or rawget(meta, "__call") == nil then
				return each(first)
			end
			return drain(first, invariant, control)
		end
		if first == null then
			return
		end
		local meta = debug_getmetatable(first)
		if type(meta) == "table" and rawget(meta, "__call") ~= nil then
			return drain(first, invariant, control)
		end
		error("expected an iterator, a list or nothing, got " .. kind, 0)
	end
end

function M.new(id, next_step)
	local progress = state.progress
	local spread = M.spreader(id, next_step)
	local f

	local function run(...)
		progress.step = id
		state.to = next_step
		return spread(f(...))
	end

	return run, function(g)
		f = g
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

--- One that leaves open what a line gives: open(line) gives the first and the end of what take(at)
-- takes. Out: open, set(f) for each task, take.
function M.open(id, next_step)
	local progress = state.progress
	local spread = M.spreader(id, next_step)
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
			if g then
				compile_after(receiver.returns_matches(g) and late_rounds or own_rounds)
			end
		end,
		take
end

return M
