--- coroutines: our own around a function of the user's, so that it can wait for the next block.
-- In: install(), once a VM has use for it; new(main) gives one for `main`, which calls the user's functions by xpcall, gives what that
-- gave, and calls wait() where it has no rows left. Out: resume(thread), true once main has ended,
-- false while it waits; it throws what main has thrown.
-- The user's coroutines may be between main and what waits: their `resume` and `wrap` pass the wait on.
-- What C calls cannot wait: `calls.open` is not 0 while there may be such a call, and check() throws if
-- there is one, so that it does not depend on where a block ends.

local prelude = require("gleamflow.prelude")
local library = coroutine
local create, resume, yield = library.create, library.resume, library.yield
local running, wrap = library.running, library.wrap
local sort, gsub = table.sort, string.gsub
local error, pcall, setmetatable, type = error, pcall, setmetatable, type

local M = {}

-- What comes out of a coroutine that waits, and of one that only tries whether it could.
local WAIT, TRY = {}, {}

local calls = { open = 0 }
M.calls = calls

local ours = setmetatable({}, { __mode = "k" })

local function resumed(thread, ok, first, ...)
	if ok and (first == WAIT or first == TRY) then
		yield(first)
		return resumed(thread, resume(thread))
	end
	return ok, first, ...
end

local function unwrapped(f, first, ...)
	if first == WAIT or first == TRY then
		yield(first)
		return unwrapped(f, f())
	end
	return first, ...
end

local function ended(...)
	calls.open = calls.open - 1
	return ...
end

local installed = false

--- Gives user code its own `resume` and others. Only who needs a coroutine of ours asks for it, before
-- any task: nothing else is slower for it.
function M.install()
	if installed then
		return
	end
	installed = true
	prelude.replace(library, "resume", function(thread, ...)
		return resumed(thread, resume(thread, ...))
	end)
	prelude.replace(library, "wrap", function(f)
		local wrapped = wrap(f)
		return function(...)
			return unwrapped(wrapped, wrapped(...))
		end
	end)
	prelude.replace(library, "yield", function(...)
		if ours[running()] then
			error("attempt to yield from outside a coroutine", 2)
		end
		return yield(...)
	end)
	prelude.replace(table, "sort", function(...)
		calls.open = calls.open + 1
		return ended(sort(...))
	end)
	prelude.replace(string, "gsub", function(...)
		local _, _, with = ...
		if type(with) ~= "function" then
			return gsub(...)
		end
		calls.open = calls.open + 1
		return ended(gsub(...))
	end)
end

function M.new(main)
	local thread = create(main)
	ours[thread] = true
	calls.open = 0
	return thread
end

local INSIDE_C = "rows cannot be read inside a function that `table.sort` or `string.gsub` calls"
	.. "\n\nhint: collect them in a list before"

--- Gives up the thread until it is resumed.
function M.wait()
	if not pcall(yield, WAIT) then
		error(INSIDE_C, 0)
	end
end

--- Whether the thread could be given up, where a call may be open.
function M.check()
	if not pcall(yield, TRY) then
		error(INSIDE_C, 0)
	end
	calls.open = 0
end

function M.resume(thread)
	local alive, ok, err = resume(thread)
	while ok == TRY do
		alive, ok, err = resume(thread)
	end
	if not alive then
		error(ok, 0)
	elseif ok == WAIT then
		return false
	elseif not ok then
		error(err, 0)
	end
	return true
end

return M
