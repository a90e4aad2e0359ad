--- lines_tally: the loop over a block of text lines whose matches are counted by their text.
-- In: the port; the loop that calls the functions; the continuation that takes the text of a match;
-- and from the combine at the end, `memory()`. Out: push(), and what takes the functions of each
-- task: flat_map's, map's and reduce's.
-- Recognised, see `lua/shapes.lua`: `return line:gmatch(PATTERN)`, `return word, NUMBER` and
-- `return x + y`. A text that the combine already has is counted without a call, others go the way
-- of all. The sums are of integers and far below 2^53, so their order does not matter.

local native = require("gleamflow.native")
local lazy = require("gleamflow.line")
local words_of = require("gleamflow.words")
local shapes = require("gleamflow.shapes")
local state = require("gleamflow.state")

local words_tally, words = native.words_tally, state.words
local text_of_match, scan = words_of.text, words_of.scan
local scanned_pattern = lazy.scanned_pattern

local M = {}

function M.new(port, push_lines, next_step, memory)
	local progress = state.progress
	local pattern, number, is_sum

	local function push_counted(compiled)
		local places, sums = memory()
		scan(compiled, port, 0)
		local ends, last = words.ends, words.count
		local at, row = 0, 0
		while true do
			at = words_tally(words, places, sums, at, number)
			if at == last then
				return
			end
			while ends[row] <= at do
				row = row + 1
			end
			progress.row = row
			local text = text_of_match(at)
			at = at + 1
			next_step(text)
		end
	end

	local function push()
		local compiled = pattern and number and is_sum and scanned_pattern(port, pattern)
		if compiled then
			return push_counted(compiled)
		end
		return push_lines()
	end

	return push,
		{
			function(f)
				pattern = shapes.matched_pattern(f)
			end,
			function(f)
				number = shapes.number_of_key(f)
				number = number and number > 0 and number
			end,
			function(f)
				is_sum = shapes.is_sum(f)
			end,
		}
end

return M
