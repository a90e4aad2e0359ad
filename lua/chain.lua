--- chain: builds the loops of a VM's segments once, and starts each task.
-- In: from Rust, the segments: a head, steps and a tail with their compiled chunks. Out:
-- begin(high, low), push(i), finish(i), each true or false with `state.failure` set; outcome(), what
-- guarded steps have seen and left out in the task, and what was counted.
-- Loops live as long as the VM, so that their traces do; the user's functions are made again for
-- each task and set into them.

local prelude = require("gleamflow.prelude")
local state = require("gleamflow.state")
local failure = require("gleamflow.failure")
local build = require("gleamflow.segment").build
local patterns = require("gleamflow.patterns")
local random = require("gleamflow.random")
local hooks = require("gleamflow.hooks")
local jit_util = require("jit.util")

local type, ipairs, xpcall, pcall, rawget = type, ipairs, xpcall, pcall, rawget
local getmetatable = debug.getmetatable
local record, late = failure.record, failure.late

local M = {}

-- Set by `build`: what has user code, { id, chunk, set }, whose chunks run at the start of a task, in
-- order; and what lets go of a task's rows.
local shared, chunks, clears = {}, {}, {}
local pushes, finishes = {}, {}
local guarded_steps = {}

-- What Rust passed with the push or finish that is open for each segment.
local flushes = {}

local function flusher(index)
	local progress = state.progress
	return function()
		local to, again, step, row = state.to, state.again, progress.step, progress.row
		if not flushes[index]() then
			failure.elsewhere()
		end
		state.to, state.again = to, again
		progress.step, progress.row = step, row
	end
end

local function append(list, more)
	for _, item in ipairs(more) do
		list[#list + 1] = item
	end
end

local function build_segment(index, segment, template)
	local of_segment, to_clear
	pushes[index], finishes[index], of_segment, to_clear = build(segment, flusher(index), template)
	append(chunks, of_segment)
	for _, step in ipairs(segment.steps) do
		guarded_steps[#guarded_steps + 1] = step.outcome and step
	end
	append(clears, to_clear)
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
		segment.shared = shared
		build_segment(i, segment, template)
	end
	for _, code in ipairs(shared) do
		random.know(code.id, code.seed_high, code.seed_low)
	end
	for _, code in ipairs(chunks) do
		random.know(code.id, code.seed_high, code.seed_low)
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

local function check(f)
	if not callable(f) then
		return "expected a function, got " .. (f == nil and "nil" or "a " .. type(f))
	end
end

local A_FUNCTION =
	"a step takes a function, such as `function(x) return x end`; other code goes into `lua`"

local function begin(high, low)
	local progress = state.progress
	prelude.restore()
	random.begin(high, low)
	hooks.begin()
	for _, code in ipairs(shared) do
		progress.step = code.id
		hooks.opens(code.id)
		code.chunk()
	end
	for _, code in ipairs(chunks) do
		progress.step = code.id
		hooks.opens(not code.behind or code.id)
		failure.hints[code.id] = not code.check and A_FUNCTION or nil
		local f = code.chunk()
		local wrong = (code.check or check)(f)
		if wrong then
			error(wrong, 0)
		end
		failure.hints[code.id] = nil
		code.set(f)
	end
	hooks.opens(false)
end

local NOT_AGAIN = "the function failed, but not when it was called again with the same row"

local function guarded(f, ...)
	local ok, err = xpcall(f, record, ...)
	if err == state.AGAIN then
		state.muted = true
		ok, err = xpcall(state.again, record)
		state.muted = false
		if ok and state.doubtful then
			state.failure = state.doubtful
		end
		ok, err = false, ok and NOT_AGAIN or err
	end
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
	for _, step in ipairs(guarded_steps) do
		step.outcome()
	end
	hooks.begin()
	patterns.clear()
	prelude.restore()
end

function M.begin(high, low)
	state.failure, state.doubtful, state.bad = nil, false, nil
	state.to, state.again = false, false
	return guarded(begin, high, low)
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

-- What shared code has asked for comes last.
local function finish_shared()
	for _, code in ipairs(shared) do
		hooks.finish(code)
	end
end

function M.outcome()
	if not guarded(finish_shared) then
		return nil
	end
	local steps = {}
	for i, step in ipairs(guarded_steps) do
		steps[i] = step.outcome()
	end
	return steps, hooks.counts()
end

--- Takes the failure, so that segments behind the failed one can still be pushed to.
function M.failure()
	local taken = state.failure
	state.failure = nil
	return taken
end

return M
