--- hooks: what user code may ask for beside its rows: a call at the end of its task, and counters.
-- In: at_end(f) and count(name, n), globals of user code. Out: begin(), which forgets what the last
-- task has asked for; opens(id), whose code is about to run, a step's, shared code's, or true for what
-- has no end of its own; finish(step), which calls what the step's
-- code has given to `at_end`; and counts(), what was counted in the task, by name.

local state = require("gleamflow.state")

local error, type, format, ipairs = error, type, string.format, ipairs

local M = {}

-- So many names are counters; more are data.
local MOST_NAMES = 10000

-- Whose code runs, until its task has begun; and by step, what is called when the task ends.
local open, ends = false, {}
local totals, names = {}, 0

function M.begin()
	open, ends = false, {}
	totals, names = {}, 0
end

function M.opens(id)
	open = id
end

--- Calls `f` when the rows of the task have all come.
function M.at_end(f)
	if type(f) ~= "function" then
		error("at_end: expected a function, got " .. (f == nil and "nothing" or "a " .. type(f)), 2)
	elseif open == true then
		error(
			"at_end: is for `lua` and for the code of steps that take a row each, such as map and flat_map",
			2
		)
	elseif not open then
		error(
			"at_end: is for the code that makes a step's function, once for each task; it was called for a row",
			2
		)
	end
	local of_step = ends[open] or {}
	ends[open] = of_step
	of_step[#of_step + 1] = f
end

--- Adds to a counter of the run.
function M.count(name, n)
	if type(name) ~= "string" then
		error(
			"count: expected a name, got " .. (name == nil and "nothing" or "a " .. type(name)),
			2
		)
	end
	if n == nil then
		n = 1
	elseif type(n) ~= "number" or n ~= n then
		error(
			format(
				"count: expected a number to add to %q, got %s",
				name,
				n ~= n and "NaN" or "a " .. type(n)
			),
			2
		)
	end
	if state.muted then
		return
	end
	local total = totals[name]
	if total == nil then
		names = names + 1
		if names > MOST_NAMES then
			error(
				format(
					"count: more than %d names\n\nhint: what there are so many of is a column: count it with `count_by`",
					MOST_NAMES
				),
				2
			)
		end
		total = 0
	end
	totals[name] = total + n
end

--- Calls what the code of a step, or shared code, has given to `at_end`, in that order.
function M.finish(step)
	local of_step = ends[step.id]
	if not of_step then
		return
	end
	ends[step.id] = nil
	local progress = state.progress
	for _, f in ipairs(of_step) do
		progress.step = step.id
		state.to = step.of and step.of.may_emit and step.behind or false
		f()
	end
end

function M.counts()
	return totals
end

return M
