--- stops: what keeps a function of the user's from being compiled, as its bytecode shows.
-- In: the chunk that gives the step's function, not run. Out: a list of { line, what }, in the order of
-- lines. What LuaJIT cannot compile ends the trace of the loop over rows, or cuts it in two: each of
-- these is tried in `src/lua/tests/stops.rs`. A library's function is known where it is named; what
-- hides in upvalues or fields of the user's own is not seen.

local bytecode = require("gleamflow.bytecode")
local jit_util = require("jit.util")
local funcinfo, funck = jit_util.funcinfo, jit_util.funck
local instructions, each_child, op = bytecode.instructions, bytecode.each_child, bytecode.op

local ipairs, next, sort, type, loadstring = ipairs, next, table.sort, type, loadstring

local M = {}

local FNEW = instructions(function()
	return function() end
end)[1].op
local TDUP = instructions(function()
	return { 1 }
end)[1].op

local bare = instructions(loadstring("return (function() end)"))

local is_call = { [op.CALL] = true, [op.CALLM] = true, [op.CALLT] = true, [op.CALLMT] = true }
-- Their operand counts the fixed arguments before those that are many.
local is_open = { [op.CALLM] = true, [op.CALLMT] = true }

-- Globals, and libraries' functions, of which each call is one too many.
local globals = {
	pairs = "pairs; raw_pairs is compiled",
	load = "load",
	loadstring = "loadstring",
	collectgarbage = "collectgarbage",
}
local libraries = {
	coroutine = { "create", "resume", "running", "status", "wrap" },
	io = { "open", "read" },
	math = { "fmod", "frexp", "modf" },
	os = { "clock", "date", "difftime", "getenv", "remove", "rename", "setlocale", "time" },
	string = { "dump" },
	table = { "maxn", "sort" },
}
for library, names in next, libraries do
	for _, name in ipairs(names) do
		names[name] = library .. "." .. name
	end
end

-- The call of what is in a slot from behind `pc` on, where there is one.
local function call_of(list, pc, slot)
	for at = pc + 1, #list do
		local i = list[at]
		if is_call[i.op] and i.a == slot then
			return i, at
		elseif is_call[i.op] and i.a < slot then
			return nil
		end
	end
end

-- How many arguments a call has, at least.
local function count_of(call)
	return is_open[call.op] and call.c or call.c - 1
end

-- The instruction that sets an argument of a call, counted from 1.
local function argument(list, at, call, nth)
	local slot = call.a + bytecode.SHIFT + nth - 1
	for before = at - 1, 1, -1 do
		if list[before].a == slot and list[before].mode_a == bytecode.DST then
			return list[before]
		end
	end
end

-- What is wrong with the call of a function that is fine in most cases.
local function of_arguments(list, pc, slot, name)
	local call, at = call_of(list, pc, slot)
	if not call then
		return nil
	elseif name == "tonumber" then
		return count_of(call) > 1 and "tonumber with a base" or nil
	elseif name == "insert" then
		return count_of(call) > 2 and "table.insert in the middle of a list" or nil
	elseif name == "gsub" then
		local with = argument(list, at, call, 3)
		local kind = with and with.op
		return kind == FNEW and "string.gsub with a function"
			or (kind == op.TNEW or kind == TDUP) and "string.gsub with a table"
			or nil
	end
end

-- What an instruction has to do with what is not compiled.
local function stop_at(f, list, pc, libraries_in)
	local i = list[pc]
	if i.op == FNEW then
		return "a function made for each row"
	elseif i.op == op.GGET then
		local name = funck(f, -i.c - 1)
		libraries_in[i.a] = name
		local called = globals[name] and call_of(list, pc, i.a)
		return called and globals[name] or of_arguments(list, pc, i.a, name)
	elseif i.op == op.TGETS then
		local name, library = funck(f, -i.c - 1), libraries_in[i.b]
		libraries_in[i.a] = nil
		local known = libraries[library]
		if known and known[name] then
			return call_of(list, pc, i.a) and known[name]
		elseif name == "gsub" or (name == "insert" and library == "table") then
			return of_arguments(list, pc, i.a, name)
		end
	elseif i.mode_a == bytecode.DST then
		libraries_in[i.a] = nil
	end
end

local function look(f, found)
	local list, libraries_in = instructions(f), {}
	for pc = 1, #list do
		local what = stop_at(f, list, pc, libraries_in)
		if what then
			found[#found + 1] = { funcinfo(f, pc).currentline, what }
		end
	end
	if funcinfo(f).children then
		each_child(f, function(child)
			look(child, found)
		end)
	end
end

-- A function that is called where the step's is made runs once for a task, as the chunk does: only
-- what it makes is called for rows.
local function is_called(chunk)
	for _, i in ipairs(instructions(chunk)) do
		if is_call[i.op] then
			return true
		end
	end
	return false
end

--- What stops the functions that a chunk gives.
function M.of(chunk)
	local found = {}
	each_child(chunk, function(child)
		if not is_called(chunk) then
			look(child, found)
		elseif funcinfo(child).children then
			each_child(child, function(inner)
				look(inner, found)
			end)
		end
	end)
	sort(found, function(a, b)
		return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2])
	end)
	-- A line says each thing once.
	local stops = {}
	for _, stop in ipairs(found) do
		local last = stops[#stops]
		if not last or last[1] ~= stop[1] or last[2] ~= stop[2] then
			stops[#stops + 1] = stop
		end
	end
	return stops
end

--- The shapes that a step's function has, by `lua/shapes.lua`: each is that of a native loop.
function M.shapes(chunk)
	local shapes = require("gleamflow.shapes")
	local list = instructions(chunk)
	-- A chunk that does nothing but make its function may be run.
	for pc = 1, #list do
		if #list ~= #bare or list[pc].op ~= bare[pc].op then
			return {}
		end
	end
	local f = chunk()
	local number = shapes.number_of_key(f)
	return {
		searched = shapes.searched_text(f),
		matched = shapes.matched_pattern(f),
		number = type(number) == "number" and number > 0 and number or nil,
		is_sum = shapes.is_sum(f),
	}
end

return M
