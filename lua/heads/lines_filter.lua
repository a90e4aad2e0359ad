--- lines_filter: the loop over a block of text lines whose first step is filter.
-- In: the port, the continuation, the step's number, and whether the continuation takes no row
-- because it finds the line in the port. Out: push(), and set(f) for each task.
-- Recognised, from the bytecode: a function that does nothing but `return line:find(TEXT, 1, true)`
-- or compares that with nil. The block is searched at once, and other lines are never made.

local ffi = require("ffi")
local jit_util = require("jit.util")
local native = require("gleamflow.native")
local patterns = require("gleamflow.patterns")
local state = require("gleamflow.state")

local ffi_string, rawget, type, find_byte = ffi.string, rawget, type, string.find
local find_line = native.find_line
local string, find = string, patterns.functions.find
local string_meta = debug.getmetatable("")
local funcinfo, funcbc, funck = jit_util.funcinfo, jit_util.funcbc, jit_util.funck

local M = {}

local models = {
	function(line)
		return line:find("", 1, true)
	end,
	function(line)
		return line:find("", 1, true) ~= nil
	end,
}

--- Whether a function has the instructions of a model; its constants may be others.
local function has_shape(f, model)
	local size = funcinfo(f).bytecodes
	if size ~= funcinfo(model).bytecodes or funcinfo(f).params ~= 1 then
		return false
	end
	-- Behind the header, which changes when the JIT looks at a function.
	for at = 1, size - 1 do
		if funcbc(f, at) ~= funcbc(model, at) then
			return false
		end
	end
	return true
end

--- The text that a function of one of the models looks for, or nothing. One with a line feed in it
-- is in no line, but may be in the block.
local function text_of(f)
	for _, model in ipairs(models) do
		if type(f) == "function" and has_shape(f, model) then
			local text = funck(f, -2)
			if funck(f, -1) == "find" and type(text) == "string" then
				return not find_byte(text, "\n", 1, true) and text or nil
			end
		end
	end
end

function M.new(port, next_step, id, bare)
	local progress = state.progress
	local f, text

	local function push_from(row)
		local bytes, ends = port.bytes, port.ends
		local from = row > 0 and ends[row - 1] + 1 or 0
		for i = row, port.rows - 1 do
			local stop = ends[i]
			progress.row = i
			progress.step = id
			state.to = false
			local line = ffi_string(bytes + from, stop - from)
			if f(line) then
				port.from, port.stop = from, stop
				next_step(line)
			end
			from = stop + 1
		end
	end

	local function push_found()
		local bytes, rows = port.bytes, port.rows
		local row = 0
		while rawget(string, "find") == find and rawget(string_meta, "__index") == string do
			progress.step = id
			row = find_line(port, text, #text, row)
			if row == rows then
				return
			end
			progress.row = row
			row = row + 1
			if bare then
				next_step()
			else
				next_step(ffi_string(bytes + port.from, port.stop - port.from))
			end
		end
		push_from(row)
	end

	local function push()
		if text then
			return push_found()
		end
		return push_from(0)
	end

	local function set(g)
		f = g
		text = g ~= nil and text_of(g) or nil
	end

	return push, set
end

return M
