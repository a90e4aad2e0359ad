--- lines_filter: the loop over a block of text lines whose first step is filter.
-- In: the port, the loop that calls the function for each line, the continuation behind it, and
-- the step's number. Out: push(), and set(f) for each task.
-- Recognised, from the bytecode: a function that does nothing but `return line:find(TEXT, 1, true)`
-- or compares that with nil. The block is searched at once, and other lines are passed over.

local jit_util = require("jit.util")
local native = require("gleamflow.native")
local lazy = require("gleamflow.line")
local patterns = require("gleamflow.patterns")
local state = require("gleamflow.state")

local rawget, type, find_byte = rawget, type, string.find
local lazy_line = lazy.line
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

function M.new(port, push_from, next_step, id)
	local progress = state.progress
	local text

	-- Gives the row to go on with when a row has put something else in the place of find.
	local function push_found()
		lazy.open(port)
		local bytes, rows = port.bytes, port.rows
		local row = 0
		while rawget(string, "find") == find and rawget(string_meta, "__index") == string do
			progress.step = id
			row = find_line(port, text, #text, row)
			if row == rows then
				return row
			end
			progress.row = row
			lazy_line.bytes, lazy_line.size = bytes + port.from, port.stop - port.from
			lazy_line.row = row
			row = row + 1
			next_step(lazy_line)
		end
		return row
	end

	local function push()
		local row = text and push_found() or 0
		if row < port.rows then
			push_from(row)
		end
	end

	return push, function(f)
		text = f ~= nil and text_of(f) or nil
	end
end

return M
