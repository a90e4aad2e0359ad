--- chain: builds the loops of a VM's segments once, and starts each task.
-- In: from Rust, the segments: a head, steps and a tail with their compiled chunks. Out:
-- begin(seed), push(i), finish(i), each true or false with `state.failure` set.
-- Loops live as long as the VM, so that their traces do; the user's functions are made again for
-- each task and set into them.

local prelude = require("gleamflow.prelude")
local state = require("gleamflow.state")
local failure = require("gleamflow.failure")
local native = require("gleamflow.native")
local addresses = require("gleamflow.addresses")
local patterns = require("gleamflow.patterns")
local jit_util = require("jit.util")

local type, ipairs, xpcall, pcall, rawget = type, ipairs, xpcall, pcall, rawget
local getmetatable = debug.getmetatable
local record, late = failure.record, failure.late

local M = {}

-- Set by `build`: compiled chunks that run at the start of a task, { id, chunk, set }, in order.
local shared, chunks, clears = {}, {}, {}
local pushes, finishes = {}, {}

-- What Rust passed with the push or finish that is open for each segment.
local flushes = {}

local function flusher(index)
	local progress = state.progress
	return function()
		local to, step, row = state.to, progress.step, progress.row
		if not flushes[index]() then
			failure.elsewhere()
		end
		state.to = to
		progress.step, progress.row = step, row
	end
end

local function nothing() end

-- Steps that give their row on as it came. Only `filter`, because `emit` is none of its.
local keeps_line = { filter = true }

-- How many steps at the beginning get the line itself.
local function leading_steps(steps)
	for i, step in ipairs(steps) do
		if not keeps_line[step.kind] then
			return step.kind == "for_each" and i - 1 or i
		end
	end
	return #steps
end

-- Whether what comes to a combine may be a count of texts: see `lua/heads/lines_tally.lua`.
local function may_count(segment)
	local steps, tail = segment.steps, segment.tail
	local first, last = steps[1], steps[#steps]
	return segment.head.kind == "lines"
		and tail
		and (#tail.keys == 1 and tail.keys[1] == 1)
		and (#steps == 1 or #steps == 2 and first.kind == "flat_map")
		and last.kind == "map"
end

local function build_segment(index, segment, template)
	local port = native.port(segment.port)
	addresses.watch(port)
	local send = flusher(index)
	local frames = template("tails/frames").new(port, send)
	local run, end_tail = frames.run, nothing
	if segment.keeps_lines then
		run = template("tails/lines").new(port, send)
	end
	local tail = segment.tail
	if tail then
		local set, clear
		run, end_tail, set, clear =
			template("tails/combine").new(template, tail.id, tail.keys, frames)
		tail = { id = tail.id, chunk = tail.chunk, set = set }
		chunks[#chunks + 1] = tail
		clears[#clears + 1] = clear
	end
	local own = {}
	local head, steps = segment.head, segment.steps
	local lines = head.kind == "lines" and template("heads/lines")
	local leading = lines and leading_steps(steps) or 0
	local flat = leading > 0 and steps[leading].kind == "flat_map"
	local take
	-- What follows the flat_map, and what follows the first step.
	local behind, second
	for i = #steps, 1, -1 do
		local step = steps[i]
		local set
		if i == leading and flat then
			behind = run
			run, set, take = lines.open_items(step.id, run, template("steps/flat_map"))
		else
			if i == leading and keeps_line[step.kind] and not segment.keeps_lines then
				run = lines.string(run)
			end
			second = run
			local run_one
			run, set, run_one = template("steps/" .. step.kind).new(step.id, run)
			if i <= leading then
				run = run_one
			end
		end
		if i <= leading then
			run, set = lines.adapt(step.kind, run, set)
		end
		table.insert(own, 1, { id = step.id, chunk = step.chunk, set = set })
	end
	local push, end_head, set, clear
	-- What else takes the functions of the first steps and the tail.
	local recognise = {}
	if flat then
		push = lines.flat(port, run, take, behind, steps[leading].id)
	elseif lines then
		push = lines.new(port, leading == 0 and lines.string(run) or run)
		if leading > 0 and steps[1].kind == "filter" then
			push, recognise = template("heads/lines_filter").new(port, push, second, steps[1].id)
		end
	else
		push, end_head, set, clear = template("heads/" .. head.kind).new(
			port,
			run,
			head.id or (own[1] or tail or { id = 0 }).id,
			head.keys,
			template
		)
	end
	if may_count(segment) then
		push, end_head, recognise =
			template("heads/lines_tally").new(port, flat and steps[leading].id, push, tail.id, send, frames.pair)
	end
	for i, notice in ipairs(recognise) do
		local code = own[i] or tail
		local set_step = code.set
		code.set = function(f)
			set_step(f)
			notice(f)
		end
	end
	if set then
		table.insert(own, 1, { id = head.id, chunk = head.chunk, set = set })
		clears[#clears + 1] = clear
	end
	for _, chunk in ipairs(own) do
		chunks[#chunks + 1] = chunk
	end
	pushes[index] = function()
		state.to = false
		push()
		if port.pending ~= 0 then
			send()
		end
	end
	finishes[index] = function()
		state.to = false
		if end_head then
			end_head()
		end
		end_tail()
		if port.pending ~= 0 then
			send()
		end
	end
end

local function opcode(chunk, at)
	return jit_util.funcbc(chunk, at) % 256
end

local bare = loadstring("return (function() end)")

-- Traces are bound to a function of the user's as one closure until its prototype has had several,
-- then to the prototype. Closures are made afresh for each task, so the latter is wanted from the
-- start: a chunk that does nothing but make its function is run a few times.
local function make_polymorphic(chunk)
	if
		jit_util.funcinfo(chunk).bytecodes == jit_util.funcinfo(bare).bytecodes
		and opcode(chunk, 1) == opcode(bare, 1)
		and opcode(chunk, 2) == opcode(bare, 2)
	then
		for _ = 1, 4 do
			chunk()
		end
	end
end

--- Builds all segments. `template(name)` loads a file afresh.
function M.build(setup, template)
	shared = setup.shared
	for i, segment in ipairs(setup.segments) do
		build_segment(i, segment, template)
	end
	for _, code in ipairs(chunks) do
		make_polymorphic(code.chunk)
	end
end

local function callable(v)
	if type(v) == "function" then
		return true
	end
	local meta = getmetatable(v)
	return type(meta) == "table" and rawget(meta, "__call") ~= nil
end

local A_FUNCTION =
	"a step takes a function, such as `function(x) return x end`; other code goes into `lua`"

local function begin(seed)
	local progress = state.progress
	prelude.restore(seed)
	for _, code in ipairs(shared) do
		progress.step = code.id
		code.chunk()
	end
	for _, code in ipairs(chunks) do
		progress.step = code.id
		failure.hints[code.id] = A_FUNCTION
		local f = code.chunk()
		if not callable(f) then
			error("expected a function, got " .. (f == nil and "nil" or "a " .. type(f)), 0)
		end
		failure.hints[code.id] = nil
		code.set(f)
	end
end

local function guarded(f, ...)
	local ok, err = xpcall(f, record, ...)
	if not ok then
		late(err)
	end
	return state.failure == nil
end

--- Lets go of all that the last task held.
function M.release()
	for _, clear in ipairs(clears) do
		clear()
	end
	for _, code in ipairs(chunks) do
		code.set(nil)
	end
	patterns.clear()
	prelude.restore(0)
end

function M.begin(seed)
	state.failure = nil
	state.to = false
	return guarded(begin, seed)
end

--- `flush()` hands the rows in the port's out buffer on; false where the receiver failed.
function M.push(i, flush)
	flushes[i] = flush
	return guarded(pushes[i])
end

function M.finish(i, flush)
	flushes[i] = flush
	return guarded(finishes[i])
end

--- Takes the failure, so that segments behind the failed one can still be pushed to.
function M.failure()
	local taken = state.failure
	state.failure = nil
	return taken
end

return M
