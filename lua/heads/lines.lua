--- lines: the loop over a block of text lines, each line one string column.
-- In: the port, whose `ends` are the places of the line feeds; the continuation behind the steps
-- that it links itself; and the segment. Out: push(), and what shapes begin with.
-- Steps at the beginning get the lazy line where their code allows. What one of them leaves open at
-- their end, matches or a list of ours, is taken here.

local state = require("gleamflow.state")
local receiver = require("gleamflow.receiver")
local uses = require("gleamflow.uses")
local lazy = require("gleamflow.line")
local link = require("gleamflow.linked").link
local is_pure = require("gleamflow.pure").is_pure

local type, ipairs = type, ipairs
local line, text_of_line = lazy.line, lazy.text

local M = { shapes = { "lines_filter", "lines_tally" } }

function M.gives_lines()
	return true
end

--- How many steps at the beginning get the line itself.
function M.leads(steps)
	for i, step in ipairs(steps) do
		if not step.of.keeps_line then
			return step.of.takes_line and i or i - 1
		end
	end
	return #steps
end

-- Whether a use of the line, or of texts made from it, is one that lazy texts serve.
local function serves(use, writes)
	return use <= uses.LAZY or use == uses.RETURNED and writes
end

-- Gives `run` a real string, unless `set`'s last function takes the lazy line. What is kept of what
-- it returns must not be an iterator of the line's.
-- `writes`: what it returns is written or tested for truth and nothing else, so that texts may flow.
-- Where some of them do not, `receiver` alone decides: it knows which of them a lazy line in the other
-- case serves. The third result sets the function as the user wrote it.
local function adapt(of, run, set, writes)
	local fits, flows, counts, own = false, 0, 0, nil

	return function(x)
		if type(x) == "cdata" then
			if not fits then
				return run(text_of_line(x))
			end
			x.flows, x.counts = flows, counts
		end
		return run(x)
	end, function(f)
		own = f
		-- What fails may be called again: see `lua/guard.lua`.
		local is_open = not of.guarded or is_pure(f)
		fits, flows = is_open and receiver.fits(f, not of.keeps_result), 0
		counts = fits and receiver.counts_matches(f) and 1 or 0
		local use = f and is_open and uses.of(f)
		if
			use
			and use.n == 1
			and not use.varargs
			and serves(use[1], writes)
			and serves(use.texts[1], writes)
		then
			fits, flows = true, use.texts[1] > uses.NONE and 1 or 0
			f = use.called or f
		end
		set(f)
	end, function()
		set(own)
	end
end

-- The end of steps that keep the line: a real string for what follows.
local function with_string(run)
	return function(x)
		if type(x) == "cdata" then
			return run(text_of_line(x))
		end
		return run(x)
	end
end

-- Each line goes to `run`, which passes on what comes of it. The loop begins at line `row`, 0 where
-- it is not given.
local function each(port, run, again)
	local progress = state.progress

	return function(row)
		lazy.open(port)
		state.again = again
		row = row or 0
		local bytes, ends = port.bytes, port.ends
		local from = row > 0 and ends[row - 1] + 1 or 0
		for i = row, port.rows - 1 do
			local stop = ends[i]
			progress.row = i
			port.from, port.stop = from, stop
			line.bytes, line.size, line.row = bytes + from, stop - from, i
			from = stop + 1
			run(line)
		end
	end
end

-- Each line goes to `open`; what it leaves open goes to `next_step`.
local function flat(port, open, take, next_step, id, again)
	local progress = state.progress

	return function()
		lazy.open(port)
		state.again = again
		local bytes, ends, rows = port.bytes, port.ends, port.rows
		local from, row = 0, 0
		local at, last = 0, 0
		while true do
			while at < last do
				progress.step = id
				local item = take(at)
				at = at + 1
				next_step(item)
			end
			if row == rows then
				break
			end
			local stop = ends[row]
			progress.row = row
			line.bytes, line.size, line.row = bytes + from, stop - from, row
			row = row + 1
			from = stop + 1
			at, last = open(line)
			at, last = at or 0, last or 0
		end
	end
end

-- The line that is open, for who has got no more of it than its code looks at.
local function whole()
	return text_of_line(line)
end

--- `push_from(row)` where the loop may begin at a line, and the continuation `behind` the first step.
function M.new(port, next_step, segment)
	local steps = segment.steps
	uses.foresee(segment)
	local leading = M.leads(steps)
	local last = steps[leading]
	local run, take, behind = next_step, nil, nil
	local set_own = {}
	if not last or last.of.keeps_line and not segment.keeps_lines then
		run = with_string(run)
	end
	for i = leading, 1, -1 do
		local step = steps[i]
		local set, run_one
		behind = run
		if step.of.guarded then
			step.whole = whole
		end
		if step.of.open then
			step.behind = run
			run, set, take = step.of.open(step.id, run)
		else
			run, set, run_one = link(step, run)
		end
		local writes = step.of.keeps_line
			or i == #steps and step.of.keeps_result and not segment.tail
		run, step.set, set_own[i] = adapt(step.of, run_one or run, set, writes)
	end

	local function again()
		for i = 1, leading do
			set_own[i]()
		end
		run(text_of_line(line))
	end

	if take then
		return { push = flat(port, run, take, next_step, last.id, again) }
	end
	local push_from = each(port, run, again)
	return { push = push_from, push_from = push_from, behind = behind }
end

return M
