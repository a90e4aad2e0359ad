--- order: the total order of values, nil < false < true < numbers < NaN < strings < arrays < maps.
-- In: two values. Out: whether the first stands before the second. Functions, coroutines and
-- userdata stand last and are all equal: they have no order that two runs would share.

local ffi = require("ffi")
local state = require("gleamflow.state")

local floor, sort, type, next, rawget = math.floor, table.sort, type, next, rawget
local rawequal, tonumber, error = rawequal, tonumber, error
local istype = ffi.istype
local int64, uint64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
local null = state.null

local MAX_DEPTH = 100

local M = {}

--- Whether the keys of `t` are exactly 1..n; then n as well, else the number of keys.
function M.is_list(t)
	local count, most = 0, 0
	for k in next, t do
		if type(k) ~= "number" or k < 1 or k ~= floor(k) then
			return false
		end
		count = count + 1
		if k > most then
			most = k
		end
	end
	return most == count, count
end

function M.is_integer(v)
	return istype(int64, v) or istype(uint64, v)
end

local function rank(v)
	local kind = type(v)
	if kind == "string" then
		return 5
	elseif kind == "number" then
		return v == v and 3 or 4
	elseif v == nil or v == null then
		return 0
	elseif kind == "boolean" then
		return v and 2 or 1
	elseif kind == "table" then
		return M.is_list(v) and 6 or 7
	elseif kind == "cdata" and M.is_integer(v) then
		return 3
	end
	return 8
end

local compare

local function compare_numbers(a, b)
	if type(a) == "number" and type(b) == "number" then
		return a < b and -1 or a > b and 1 or 0
	end
	-- Both as doubles first: exact unless they are equal there, and then both are integral.
	local x, y = tonumber(a), tonumber(b)
	if x ~= y then
		return x < y and -1 or 1
	end
	if x >= 18446744073709551616 then
		-- Only a uint64 close to 2^64 reads as 2^64.
		local p, q = type(a) == "number", type(b) == "number"
		if p ~= q then
			return p and 1 or -1
		elseif p then
			return 0
		end
		return a < b and -1 or b < a and 1 or 0
	end
	local whole = x >= 0 and uint64 or int64
	a, b = whole(a), whole(b)
	return a < b and -1 or b < a and 1 or 0
end

local function compare_lists(a, b, n, m, depth)
	for i = 1, n < m and n or m do
		local c = compare(rawget(a, i), rawget(b, i), depth)
		if c ~= 0 then
			return c
		end
	end
	return n < m and -1 or n > m and 1 or 0
end

local function compare_maps(a, b, depth)
	local p, q = M.sorted_keys(a), M.sorted_keys(b)
	for i = 1, #p < #q and #p or #q do
		local c = compare(p[i], q[i], depth)
		if c == 0 then
			c = compare(rawget(a, p[i]), rawget(b, q[i]), depth)
		end
		if c ~= 0 then
			return c
		end
	end
	return #p < #q and -1 or #p > #q and 1 or 0
end

-- `depth` counts the tables around them.
function compare(a, b, depth)
	if rawequal(a, b) then
		return 0
	end
	local p, q = rank(a), rank(b)
	if p ~= q then
		return p < q and -1 or 1
	elseif p == 3 then
		return compare_numbers(a, b)
	elseif p == 5 then
		return a < b and -1 or a > b and 1 or 0
	elseif (p == 6 or p == 7) and depth > MAX_DEPTH then
		error("a table that is a key is nested deeper than " .. MAX_DEPTH .. ", or holds itself", 0)
	elseif p == 6 then
		return compare_lists(a, b, #a, #b, depth + 1)
	elseif p == 7 then
		return compare_maps(a, b, depth + 1)
	end
	return 0
end

local function before(a, b)
	return compare(a, b, 1) < 0
end

--- Sorts a list of keys in place.
function M.sort(keys)
	local kind = type(keys[1])
	for i = 2, #keys do
		if type(keys[i]) ~= kind then
			kind = nil
			break
		end
	end
	if kind == "string" or kind == "number" then
		sort(keys)
	else
		sort(keys, before)
	end
	return keys
end

--- All keys of `t`, in order.
function M.sorted_keys(t)
	local keys, n = {}, 0
	for k in next, t do
		n = n + 1
		keys[n] = k
	end
	return M.sort(keys)
end

return M
