--- keeps: which globals a step both reads and writes: what it keeps from one row to the next.
-- In: the chunk that gives the step's function, or one given to `lua`, not run. Out: the names, in
-- order. A table counts as written where one of its fields is set. What hides in upvalues, behind
-- `_G` or in a call is not seen.

local bytecode = require("gleamflow.bytecode")
local jit_util = require("jit.util")
local funcinfo, funck = jit_util.funcinfo, jit_util.funck
local instructions, each_child = bytecode.instructions, bytecode.each_child

local type, next, sort = type, next, table.sort

local M = {}

local GGET, GSET, sets_field
do
	-- selene: allow(undefined_variable, unscoped_variables, unused_variable)
	local list = instructions(function()
		gleamflow_a = gleamflow_b
	end)
	GGET, GSET = list[1].op, list[2].op
	sets_field = {}
	list = instructions(function(t, k, v)
		t[k] = v
		t.x = v
		t[1] = v
	end)
	for pc = 1, 3 do
		sets_field[list[pc].op] = true
	end
end

local DST = 1

-- Notes the globals that a function reads and writes, and those of the functions inside it.
local function look(f, reads, writes)
	-- The global that is in a slot as it was read.
	local global_in = {}
	for _, i in next, instructions(f) do
		if i.op == GSET then
			writes[funck(f, -i.c - 1)] = true
		elseif i.op == GGET then
			local name = funck(f, -i.c - 1)
			reads[name] = true
			global_in[i.a] = name
		elseif sets_field[i.op] then
			local name = global_in[i.b]
			if name then
				writes[name] = true
			end
		elseif i.mode_a == DST then
			global_in[i.a] = nil
		end
	end
	if funcinfo(f).children then
		each_child(f, function(child)
			look(child, reads, writes)
		end)
	end
end

--- The names for a chunk; its own statements run once for a task, and keep nothing.
function M.names(chunk)
	local reads, writes = {}, {}
	each_child(chunk, function(child)
		look(child, reads, writes)
	end)
	local names = {}
	for name in next, writes do
		if reads[name] then
			names[#names + 1] = name
		end
	end
	sort(names)
	return names
end

return M
