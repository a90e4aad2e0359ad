--- guard: a step that leaves its bad rows out instead of ending the task.
-- In: the step's own part of the loop, and the step, which says with `guard` whether the text of all
-- bad rows is wanted or of the task's first one only. Out: a part in its place, see `lua/segment.lua`.
-- What comes of a row is passed on when all of it is there: a bad row leaves nothing behind, and what
-- fails further on is not this step's. A head that gives the step not all of a row says with
-- `step.whole` how to have it.
-- A function that has got lazy texts is called again with the whole row, to learn what is wrong, so
-- that heads give those to a pure one only: see `lua/pure.lua`.
-- Loaded afresh for each step: a trace takes a second call of one prototype for recursion.

local state = require("gleamflow.state")
local failure = require("gleamflow.failure")
local native = require("gleamflow.native")
local codec = require("gleamflow.codec")
local fixed = require("gleamflow.fixed")

local catch, late = failure.catch, failure.late
local copy, refuse, put = codec.copy, codec.refuse, codec.put
local row_begin, row_end = native.row_begin, native.row_end
local null = state.null
local error, pcall, xpcall, type, select, unpack = error, pcall, xpcall, type, select, unpack

local M = {}

local NOT_AGAIN = "the function failed, but not when it was called again with the same row"

-- Writes a row where Rust finds it.
local function write(...)
	local port = state.rejects
	row_begin(port)
	for i = 1, select("#", ...) do
		put(port, i, (select(i, ...)), 0)
	end
	if row_end(port) ~= 0 then
		codec.too_large()
	end
end

-- A value as the steps behind may have it: what cannot be a column is an error of this one.
local function column(v, i)
	local kind = type(v)
	if kind == "table" then
		return (copy(v, i, 0))
	elseif kind == "function" or kind == "thread" or kind == "userdata" and v ~= null then
		refuse(i, v, false)
	end
	return v
end

local function columns(...)
	local row = { ... }
	row.n = select("#", ...)
	for i = 1, row.n do
		row[i] = column(row[i], i)
	end
	return row
end

--- The part of a step in whose place is `of`.
function M.of(of, step)
	local guarded = {
		takes_line = of.takes_line,
		keeps_result = of.keeps_result,
		replaces_row = of.replaces_row,
		may_emit = of.may_emit,
		guarded = true,
	}

	function guarded.new(id, next_step, arguments)
		local progress = state.progress
		local all = step.guard == "all"
		local seen, rejected = 0, 0
		-- What has come of the row so far: a row of up to three columns, in locals, and others behind it.
		local width, a, b, c = 0, nil, nil, nil
		local others, count = {}, 0

		local function collect(...)
			local n = select("#", ...)
			if width == 0 and count == 0 and n <= 3 then
				local x, y, z = ...
				a, b, c = column(x, 1), column(y, 2), column(z, 3)
				width = n
			else
				count = count + 1
				others[count] = columns(...)
			end
		end

		local inner, set_inner, inner_one = of.new(id, collect, arguments)
		local given, own

		local function forget()
			width, count = 0, 0
			a, b, c = nil, nil, nil
			others = {}
		end

		local function pass_others()
			local list, n = others, count
			others, count = {}, 0
			for i = 1, n do
				next_step(unpack(list[i], 1, list[i].n))
			end
		end

		local function pass_on()
			local n = width
			width = 0
			if n == 1 then
				next_step(a)
			elseif n == 2 then
				next_step(a, b)
			elseif n == 3 then
				next_step(a, b, c)
			end
			if count ~= 0 then
				pass_others()
			end
		end

		-- Ends the task after all.
		local function give_up(bad)
			state.failure = state.failure or bad
			error(state.FAILED, 0)
		end

		-- What is wrong with a row for the function as the user wrote it.
		local function once_more(...)
			local doubtful, again = state.doubtful, state.again
			state.doubtful, state.again, state.muted = false, false, true
			set_inner(own)
			xpcall(inner, catch, ...)
			set_inner(given)
			state.again, state.muted = again, false
			forget()
			local bad = state.bad or doubtful
			return bad or { step = id, row = progress.row, message = NOT_AGAIN }
		end

		local function leave_out(bad, ...)
			state.bad = nil
			if not bad or bad.memory then
				give_up(bad)
			end
			rejected = rejected + 1
			local is_wanted = all or rejected == 1
			if is_wanted and not pcall(write, ...) then
				-- A value that no row can hold came from the step before.
				bad.hint = bad.hint or "the row cannot be written to the dead letters"
				give_up(bad)
			elseif is_wanted then
				state.reject(id, bad.row, bad.message, bad.line, bad.hint)
			end
			progress.step = id
		end

		local function failed(err, ...)
			forget()
			local bad = state.bad
			if err == state.AGAIN then
				bad = step.whole and once_more(step.whole()) or once_more(...)
			elseif state.failure and not state.failure.elsewhere and err == state.FAILED then
				-- What the user's function has asked for, and may not have.
				bad, state.failure = state.failure, nil
			elseif not bad then
				late(err)
			end
			if step.whole then
				return leave_out(bad, step.whole())
			end
			return leave_out(bad, ...)
		end

		-- By number of columns.
		local calls = {}

		local function call_of(n)
			if n > fixed.most then
				return inner
			end
			calls[n] = fixed.calling(inner, n)
			return calls[n]
		end

		local function run(...)
			seen = seen + 1
			local n = select("#", ...)
			local ok, err = xpcall(calls[n] or call_of(n), catch, ...)
			if ok then
				return pass_on()
			end
			return failed(err, ...)
		end

		local call_one = fixed.calling(inner_one or inner, 1)

		local function run_one(x)
			seen = seen + 1
			local ok, err = xpcall(call_one, catch, x)
			if ok then
				return pass_on()
			end
			return failed(err, x)
		end

		local function set(f)
			given, own = f, f and state.remade[f] or f
			set_inner(f)
			forget()
		end

		--- Of the task: the rows that came, and how many of them were left out.
		function step.outcome()
			local outcome = { id = id, seen = seen, rejected = rejected }
			seen, rejected = 0, 0
			return outcome
		end

		return run, set, run_one
	end

	return guarded
end

return M
