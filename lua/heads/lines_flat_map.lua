--- lines_flat_map: the loop over a block of text lines whose first step is flat_map, in one flat
-- loop: an inner loop of a few rounds per line is what the JIT is worst at.
-- In: the port, the continuation, the step's number, and the step's own loop part for what is
-- neither an iterator of our gmatch nor recognised. Out: push(), and set(f) for each task.
-- Recognised, from the bytecode: a function that does nothing but `return line:gmatch(TEXT)`. Its
-- matches are found in the block, and neither the line nor the iterator is made.

local ffi = require("ffi")
local jit_util = require("jit.util")
local native = require("gleamflow.native")
local patterns = require("gleamflow.patterns")
local state = require("gleamflow.state")

local ffi_string, rawget, type = ffi.string, rawget, type
local pattern_fill = native.pattern_fill
local handed = patterns.handed
local string, gmatch = string, patterns.functions.gmatch
local string_meta = debug.getmetatable("")
local funcinfo, funcbc, funck = jit_util.funcinfo, jit_util.funcbc, jit_util.funck

local MOST_TOKENS = 64

local M = {}

local model = function(line)
	return line:gmatch("")
end

--- The text in `function(line) return line:gmatch(TEXT) end`, or nothing for any other function.
local function gmatch_text(f)
	local size = type(f) == "function" and funcinfo(f).bytecodes
	if size ~= funcinfo(model).bytecodes or funcinfo(f).params ~= 1 then
		return nil
	end
	-- Behind the header, which changes when the JIT looks at a function. Equal instructions name
	-- equal numbers of constants, which are looked at below.
	for at = 1, size - 1 do
		if funcbc(f, at) ~= funcbc(model, at) then
			return nil
		end
	end
	local text = funck(f, -2)
	return funck(f, -1) == "gmatch" and type(text) == "string" and text or nil
end

function M.new(port, next_step, id, flat_map)
	local progress = state.progress
	local run, set_run, spread = flat_map.new(id, next_step)
	local tokens = ffi.new("uint32_t[?]", MOST_TOKENS * 2)
	local f, pattern

	local function push_matches()
		local bytes, ends, rows = port.bytes, port.ends, port.rows
		local from, row = 0, 0
		-- The open line, and its matches that are left.
		local line, size, at, left, full = bytes, 0, 0, 0, 0
		while true do
			if left > 0 then
				local start, stop = tokens[at], tokens[at + 1]
				at, left = at + 2, left - 1
				progress.step = id
				next_step(ffi_string(line + start, stop - start))
			elseif full ~= 0 then
				local start, stop = tokens[at - 2], tokens[at - 1]
				stop = stop > start and stop or stop + 1
				if stop <= size then
					left = pattern_fill(pattern, line, size, stop, tokens, MOST_TOKENS)
				end
				at, full = 0, left == MOST_TOKENS and 1 or 0
			elseif row < rows then
				local stop = ends[row]
				progress.row = row
				progress.step = id
				row = row + 1
				line, size, at = bytes + from, stop - from, 0
				from = stop + 1
				if
					rawget(string, "gmatch") == gmatch
					and rawget(string_meta, "__index") == string
				then
					left = pattern_fill(pattern, line, size, 0, tokens, MOST_TOKENS)
					full = left == MOST_TOKENS and 1 or 0
				else
					run(ffi_string(line, size))
				end
			else
				break
			end
		end
	end

	local function push_calls()
		local bytes, ends, rows = port.bytes, port.ends, port.rows
		local from, row = 0, 0
		-- A number: to a trace, true and false are of different types.
		local pull, open = handed.walk.next, 0
		while true do
			if open ~= 0 then
				progress.step = id
				local text = pull()
				if text ~= nil then
					next_step(text)
				else
					open = 0
				end
			elseif row < rows then
				local stop = ends[row]
				progress.row = row
				progress.step = id
				state.to = next_step
				row = row + 1
				local first, invariant, control = f(ffi_string(bytes + from, stop - from))
				from = stop + 1
				local walk = handed.walk
				if first == walk.next and walk.compiled.captures == 0 then
					pull, open = first, 1
				else
					spread(first, invariant, control)
				end
			else
				break
			end
		end
	end

	local function push()
		if pattern then
			return push_matches()
		end
		return push_calls()
	end

	local function set(g)
		f, pattern = g, nil
		set_run(g)
		if g == nil then
			return
		end
		local text = gmatch_text(g)
		local compiled = text and patterns.walked(text)
		if compiled and compiled.captures == 0 then
			pattern = compiled.pattern
		end
	end

	return push, set
end

return M
