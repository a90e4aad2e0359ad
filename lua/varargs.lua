--- varargs: what a function does with `...` where that is all columns of a line.
-- In: the instructions of a function that takes any number of arguments. Out: find(list, f), the
-- places at which it asks for some of them, nothing where it does so in another way than
--   local a, b = ...            the first ones;
--   select(2, ...)              one of them, if one is wanted; select(-1, ...) always gives one;
--   select("#", ...)            how many there are;
--   { ... }                     all in a table.
-- There it calls one of the functions here instead, which look at `state.row`: then no column that nobody
-- asks for is made, and the function itself is called with none. A `select` that user code puts in
-- the place of Lua's while rows are there is an error.

local ffi = require("ffi")
local bytecode = require("gleamflow.bytecode")
local jit_util = require("jit.util")
local state = require("gleamflow.state")
local new_table = require("table.new")
local funck, funcinfo = jit_util.funck, jit_util.funcinfo
local op, SHIFT = bytecode.op, bytecode.SHIFT

local error, getfenv, ipairs, unpack, loadstring = error, getfenv, ipairs, unpack, loadstring
local own_select, ffi_string = select, ffi.string
local new_text = ffi.typeof("gleamflow_text")

local M = {}

local row = state.row

-- How a column is given: as a string, as a lazy text, or so if it may be returned.
local REAL, LAZY, RETURNED = 0, 1, 2
M.REAL, M.LAZY, M.RETURNED = REAL, LAZY, RETURNED

local function check(select)
	if select ~= own_select then
		error(
			"`select` is not Lua's any more, on which the loop over a function of `...` relies",
			0
		)
	end
end

-- A trace takes a second call of one prototype for recursion, so each function has its own.
local ONE = [[
local given, k, how = ...
local row, check, again = given.row, given.check, given.again
local new_text, ffi_string, lazy, returned = given.new_text, given.ffi_string, given.lazy, given.returned
return function(select)
	if select then
		check(select)
	end
	local columns = row.columns
	local n = columns.count
	local at = k < 0 and n + k or k - 1
	if at >= n then
		return nil
	elseif at < 0 then
		again()
	end
	local from = columns.all[2 * at]
	local size = columns.all[2 * at + 1] - from
	if how == lazy or how == returned and row.returns then
		return new_text(row.bytes + from, size, 0, 0, 1)
	end
	return ffi_string(row.bytes + from, size)
end]]
local given = {
	row = row,
	check = check,
	again = function()
		error(state.AGAIN, 0)
	end,
	new_text = new_text,
	ffi_string = ffi_string,
	lazy = LAZY,
	returned = RETURNED,
}

-- The function that gives the k-th column, counted from the end if k is below 0.
local function one(k, how)
	return loadstring(ONE, "=lua/varargs.lua")(given, k, how)
end

local function count(select)
	check(select)
	return row.columns.count
end

local function all()
	local columns, bytes = row.columns, row.bytes
	local n, places = columns.count, columns.all
	local list = new_table(n, 0)
	for i = 1, n do
		local from = places[2 * i - 2]
		list[i] = ffi_string(bytes + from, places[2 * i - 1] - from)
	end
	return list
end

-- The functions that give several, by how many they are.
local several = {
	function(a)
		return a
	end,
	function(a, b)
		return function()
			return a(), b()
		end
	end,
	function(a, b, c)
		return function()
			return a(), b(), c()
		end
	end,
	function(a, b, c, d)
		return function()
			return a(), b(), c(), d()
		end
	end,
}

--- The function for a place: `hows` says how each of what it gives is given.
function M.helper(place, hows)
	if place.kind == "count" then
		return count
	elseif place.kind == "all" then
		return all
	end
	local functions = {}
	for nth, how in ipairs(hows) do
		functions[nth] = one(place.first < 0 and place.first or place.first + nth - 1, how)
	end
	return several[#functions](unpack(functions))
end

-- What `select(…, ...)` asks for, whose call is at `pc`.
local function selected(list, f, pc, params)
	local call, what, get = list[pc], list[pc - 2], list[pc - 3]
	if
		not get
		or params > 0
		or (call.op ~= op.CALLM and call.op ~= op.CALLMT)
		or call.c ~= 1
		or get.op ~= op.GGET
		or get.a ~= call.a
		or funck(f, -get.c - 1) ~= "select"
		or getfenv(f).select ~= own_select
		or what.a ~= call.a + SHIFT
	then
		return nil
	end
	local is_many = call.op == op.CALLMT or call.b == 0
	if what.op == op.KSTR and funck(f, -what.c - 1) == "#" then
		return { kind = "count" }
	elseif what.op == op.KSHORT then
		local k = what.c >= 32768 and what.c - 65536 or what.c
		if k == -1 or (k ~= 0 and not is_many and call.b == 2) then
			return { kind = "column", first = k }
		end
	end
	return nil
end

--- The places, by where `...` is read: of what kind, its first column, the slots that it sets, and the
-- last instruction that does.
function M.find(list, f)
	local params = funcinfo(f).params
	local places = {}
	for pc, i in ipairs(list) do
		if i.op == op.VARG then
			local before, after = list[pc - 1], list[pc + 1]
			local place
			if i.b > 1 and i.b - 1 <= #several then
				place = { kind = "column", first = params + 1, slot = i.a, n = i.b - 1, at = pc }
			elseif
				i.b == 0
				and params == 0
				and before
				and before.op == op.TNEW
				and after.op == op.TSETM
				and after.a == i.a
				and before.a == i.a - 1
			then
				place = { kind = "all", slot = before.a, n = 1, at = pc + 1 }
			elseif i.b == 0 and after then
				place = selected(list, f, pc + 1, params)
				if place then
					place.slot, place.n, place.at = after.a, 1, pc + 1
				end
			end
			if not place then
				return nil
			end
			places[pc] = place
		end
	end
	return places
end

return M
