--- lines_filter: the loop over a block of text lines whose first step is filter.
-- In: the segment, and the loop that calls the function for each line. Out: push(), and what takes
-- the filter's function of each task.
-- Recognised, see `lua/shapes.lua`: `return line:find(TEXT, 1, true)`. The block is searched at once,
-- and other lines are passed over.

local native = require("gleamflow.native")
local lazy = require("gleamflow.line")
local patterns = require("gleamflow.patterns")
local searched_text = require("gleamflow.shapes").searched_text
local state = require("gleamflow.state")

local rawget = rawget
local lazy_line = lazy.line
local find_line = native.find_line
local string, find = string, patterns.functions.find
local string_meta = debug.getmetatable("")

local M = {}

function M.fits(segment, loop)
	local first = segment.steps[1]
	return loop.push_from and first and first.kind == "filter"
end

function M.new(segment, loop)
	local progress = state.progress
	local port, push_from, next_step = loop.port, loop.push_from, loop.behind
	local filter = segment.steps[1]
	local id = filter.id
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

	local function notice(f)
		text = searched_text(f)
	end

	return { push = push, notices = { [filter] = notice } }
end

return M
