--- lines_tally: the loop over a block of text lines of which texts are counted: matches, or lines.
-- In: the segment, and the loop that calls the functions. Out: push(), finish(), and what takes the
-- functions of each task: flat_map's if there is one, map's, reduce's.
-- Recognised, see `lua/shapes.lua`: `return line:gmatch(PATTERN)`, `return text, NUMBER` and
-- `return x + y`. Sums are of integers and far below 2^53, so that their order does not matter.

local ffi = require("ffi")
local native = require("gleamflow.native")
local lazy = require("gleamflow.line")
local shapes = require("gleamflow.shapes")
local state = require("gleamflow.state")

local ffi_string = ffi.string
local tally_find, tally_add = native.tally_find, native.tally_add
local tally_rows, tally_clear = native.tally_rows, native.tally_clear
local tally, FLUSH = state.tally, native.status.FLUSH
local scanned_pattern, most_scanned = lazy.scanned_pattern, lazy.most_scanned

local M = {}

function M.fits(segment)
	local steps, tail = segment.steps, segment.tail
	local first, last = steps[1], steps[#steps]
	return tail
		and tail.kind == "combine"
		and (#tail.keys == 1 and tail.keys[1] == 1)
		and (#steps == 1 or #steps == 2 and first.kind == "flat_map")
		and last.kind == "map"
end

function M.new(segment, loop)
	local progress = state.progress
	local port, send, pair, push_lines = loop.port, loop.send, loop.pair, loop.push
	local steps, tail = segment.steps, segment.tail
	local flat, id = #steps == 2, tail.id
	local pattern, number, is_sum

	local function flush()
		progress.step = id
		local status = tally_rows(tally, port, number)
		while status ~= 0 do
			if status == FLUSH then
				send()
			else
				-- It is refused again, with an error.
				pair(ffi_string(tally.refused, tally.refused_size), number)
			end
			status = tally_rows(tally, port, number)
		end
	end

	local function count(compiled)
		progress.step = flat and steps[1].id or id
		local last = tally_find(tally, compiled and compiled.pattern, port)
		local at = tally_add(tally, port, 0)
		while at < last do
			flush()
			at = tally_add(tally, port, at)
		end
	end

	-- A block with a very long line is left to the loop, whose memory is limited.
	local function push()
		if number and is_sum and port.size <= most_scanned then
			local compiled = pattern and scanned_pattern(port, pattern)
			if compiled or not flat then
				return count(compiled or nil)
			end
		end
		return push_lines()
	end

	local function finish()
		if number then
			flush()
		end
	end

	local notices = {
		[steps[#steps]] = function(f)
			number = shapes.number_of_key(f)
			number = number and number > 0 and number
		end,
		[tail] = function(f)
			is_sum = shapes.is_sum(f)
			tally_clear(tally)
		end,
	}
	if flat then
		notices[steps[1]] = function(f)
			pattern = shapes.matched_pattern(f)
		end
	end
	return { push = push, finish = finish, notices = notices }
end

return M
