--- pairs: the `pairs` of user code, whose order does not depend on what a VM has seen before.
-- In: a table. Out: what Lua's own gives: an iterator, the table and nil. The list part 1..n comes
-- first, then the other keys in the total order of values. Keys that are tables, functions and the
-- like come last, as LuaJIT has them, which is by their addresses; that is the one exception, and
-- the user is warned of it. They are never compared by what is in them: that may take for ever.

local order = require("gleamflow.order")
local state = require("gleamflow.state")

local type, next, rawget, select, error = type, next, rawget, select, error
local floor = math.floor
local is_integer, sort = order.is_integer, order.sort
local null, warn, progress = state.null, state.warn, state.progress

local M = {}

local WARNING = "pairs: keys that are tables or functions come in an order left to chance"
local HINT = "go through a list, or through keys that are text or numbers, where the order matters"

-- Steps that have given cause to warn.
local warned = {}

-- Iterators made in advance: making a closure is what a trace cannot do.
local pool, free = {}, 0

local function new_walk()
	local walk = { table = false, count = 0, keys = false, at = 0, next = false }

	-- Without a key it begins again, as Lua's does. It knows which one it gave last.
	function walk.next(_, key)
		local t, n = walk.table, walk.count
		local i = key == nil and 1 or walk.at + 1
		while i <= n do
			local v = rawget(t, i)
			if v ~= nil then
				walk.at = i
				return i, v
			end
			i = i + 1
		end
		local keys = walk.keys
		if keys then
			local k = keys[i - n]
			while k ~= nil do
				local v = rawget(t, k)
				if v ~= nil then
					walk.at = i
					return k, v
				end
				i = i + 1
				k = keys[i - n]
			end
		end
		walk.at = i
		return nil
	end

	return walk
end

local function more()
	for i = 1, 64 do
		pool[i] = new_walk()
	end
	return 64
end
jit.off(more, true)

local function has_order(key)
	local kind = type(key)
	return kind == "string"
		or kind == "number"
		or kind == "boolean"
		or key == null
		or kind == "cdata" and is_integer(key)
end

-- The keys outside the list part 1..n, or false.
local function other_keys(t, n)
	local keys, count, without, others = false, 0, nil, 0
	for k in next, t do
		local in_list = type(k) == "number" and k >= 1 and k <= n and k == floor(k)
		if not in_list and has_order(k) then
			keys = keys or {}
			count = count + 1
			keys[count] = k
		elseif not in_list then
			without = without or {}
			others = others + 1
			without[others] = k
		end
	end
	if count > 1 then
		sort(keys)
	end
	if others > 0 then
		keys = keys or {}
		for i = 1, others do
			keys[count + i] = without[i]
		end
		if others > 1 and not warned[progress.step] then
			warned[progress.step] = true
			warn(WARNING, HINT)
		end
	end
	return keys
end

function M.pairs(...)
	local t = ...
	if type(t) ~= "table" then
		local got = select("#", ...) == 0 and "no value" or type(t)
		error("bad argument #1 to 'pairs' (table expected, got " .. got .. ")", 2)
	end
	local n = 0
	while rawget(t, n + 1) ~= nil do
		n = n + 1
	end
	if free == 0 then
		free = more()
	end
	local walk = pool[free]
	pool[free] = false
	free = free - 1
	walk.table, walk.count, walk.keys = t, n, other_keys(t, n)
	return walk.next, t, nil
end

return M
