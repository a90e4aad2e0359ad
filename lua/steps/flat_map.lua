--- flat_map: passes on each row of the iterator or list that the user's function returns.
-- In: the step's number and the continuation. Out: run(row…), set(f) for each task, and
-- spread(…), which passes on what a call of the function has returned.
-- The user's iterator runs between the rows, so each call of it sets the step and `emit` again.

local state = require("gleamflow.state")
local rows = require("gleamflow.rows")
local debug_getmetatable = debug.getmetatable

local spread = require("gleamflow.frame").spread

local type, next, rawget = type, next, rawget
local null = state.null

local M = {}

function M.new(id, next_step)
	local progress = state.progress
	local f

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
				n == 0
						and "expected an iterator, a list or nothing, got a table that is no list"
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
			local columns, n = rows.columns(list[i], i)
			next_step(spread(columns, n))
		end
	end

	local function spread(first, invariant, control)
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

	local function run(...)
		progress.step = id
		state.to = next_step
		return spread(f(...))
	end

	return run, function(g)
		f = g
	end, spread
end

return M
