--- failure: what is known about an error at the moment when it is thrown.
-- In: the error value, as the handler of an xpcall. Out: `state.failure`, set once for a task:
-- step, row, line (within the step's own text) and message. Chunks of user code are named
-- `gleamflow:STEP`, which is how positions and stack frames are told apart.

local state = require("gleamflow.state")

local getinfo, getmetatable = debug.getinfo, debug.getmetatable
local match, find, sub, format = string.match, string.find, string.sub, string.format
local error, type, tostring, tonumber = error, type, tostring, tonumber
local pcall, rawget = pcall, rawget

-- Hints for failures of a step that have none of their own; each task begins with none.
local M = { hints = {} }

-- By function: the names under which a user knows what is called as a method of a string.
local methods = {}
for name, f in next, string do
	methods[f] = name
end

-- LuaJIT names a function by the place from which it was called, which for a tail call is ours; and
-- the first argument of a method is what stands before its colon.
local function of_method(text)
	local place, problem = match(text, "^bad argument #(%d+) to '[^']*' (.*)$")
	local info = place and getinfo(3, "f")
	local name = info and methods[info.func]
	if not name then
		return text
	end
	local hint = find(problem, "got no value", 1, true)
		and format("\n\nhint: what is called on a text takes a colon: `text:%s(…)`", name)
	return format("bad argument #%s to '%s' %s%s", place, name, problem, hint or "")
end

local function text_of(err)
	if type(err) == "string" or type(err) == "number" then
		return tostring(err)
	end
	local meta = getmetatable(err)
	if type(meta) == "table" and rawget(meta, "__tostring") ~= nil then
		local ok, text = pcall(tostring, err)
		if ok and type(text) == "string" then
			return text
		end
	end
	return "error value: " .. (err == nil and "nil" or "a " .. type(err))
end

local function line_in(step)
	local own = "=gleamflow:" .. step
	local level = 3
	while true do
		local info = getinfo(level, "Sl")
		if not info then
			return nil
		elseif info.source == own and info.currentline > 0 then
			return info.currentline
		end
		level = level + 1
	end
end

-- Whether names in an error are those of instructions that the user's function does not have.
local function is_misnamed(text)
	if not state.again then
		return false
	elseif find(text, "bad argument #%d+ to 'instead'") then
		return true
	end
	local info = find(text, "attempt to [%l ]+ '[^']*' %(a") and getinfo(3, "f")
	return info and state.remade[info.func] or false
end

local function with_hint(failure, text)
	local from, to = find(text, "\n\nhint: ", 1, true)
	if from then
		text, failure.hint = sub(text, 1, from - 1), sub(text, to + 1)
	end
	local no_tables = find(text, "global 'tables' (a nil value)", 1, true)
		and "hint: `with_table` on a dataset before this step gives it tables"
	failure.hint = failure.hint or no_tables or M.hints[failure.step]
	failure.message = text
end

--- Ends the task for what is wrong with a row, wherever the user's function asks for it.
function M.refuse(text)
	if not state.failure then
		local failure = { step = state.progress.step, row = state.progress.row }
		with_hint(failure, text)
		state.failure = failure
	end
	error(state.FAILED, 0)
end

-- Remembers under a name of `state` what is wrong, and gives back the error. Called in the place of
-- the handler: who threw is three levels up.
local function remember(err, known)
	local step = state.progress.step
	local failure = { step = step, row = state.progress.row }
	local text = text_of(err)
	local misnamed = is_misnamed(text)
	state[misnamed and "doubtful" or known] = failure
	failure.memory = text == "not enough memory"
	local place, line, message = match(text, "^gleamflow:(%d+):(%d+): (.*)$")
	if place == nil then
		-- A place in our own files: an iterator of a library's was called there.
		text = match(text, "^lua/[%w_/]+%.lua:%d+: (.*)$") or text
		failure.line = line_in(step)
	elseif tonumber(place) == step then
		text, failure.line = message, tonumber(line)
	else
		failure.line = line_in(step)
		text = message .. " (line " .. line .. " of the shared code)"
	end
	with_hint(failure, of_method(text))
	return misnamed and state.AGAIN or err
end

--- The handler: remembers the first failure of the task and gives back the error.
function M.record(err)
	if state.failure or err == state.FAILED or err == state.AGAIN then
		return err
	end
	return remember(err, "failure")
end

--- The handler where a failure is the row's and not the task's.
function M.catch(err)
	if state.failure or err == state.AGAIN then
		return err
	end
	return remember(err, "bad")
end

--- Ends the task for a failure that Rust knows already, at this row.
function M.elsewhere()
	state.failure = state.failure or { elsewhere = true, row = state.progress.row }
	error(state.FAILED, 0)
end

--- For what no handler sees: out of memory, and errors within a handler.
function M.late(err)
	if state.failure == nil then
		state.failure =
			{ step = state.progress.step, row = state.progress.row, message = text_of(err) }
		state.failure.memory = state.failure.message == "not enough memory"
	end
end

return M
