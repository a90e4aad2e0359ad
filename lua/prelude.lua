--- prelude: the globals of user code, and how they become fresh for each task.
-- In: nothing. Out: restore(), and replace(library, name, f). The only file that sets globals. Tables keep their identity
-- from task to task, because compiled traces are bound to it; only their contents are restored.

local native = require("gleamflow.native")
local order = require("gleamflow.order")
local pairs = require("gleamflow.pairs").pairs
local rows = require("gleamflow.rows")
local state = require("gleamflow.state")
local failure = require("gleamflow.failure")
local patterns = require("gleamflow.patterns")
local random = require("gleamflow.random")
local addresses = require("gleamflow.addresses")
local hooks = require("gleamflow.hooks")
local fixed = require("gleamflow.fixed")
local tables = #state.tables > 0 and require("gleamflow.side_tables")
local ffi = require("ffi")

local debug_getmetatable, debug_setmetatable = debug.getmetatable, debug.setmetatable
local type, next, rawget, rawset, select, error = type, next, rawget, rawset, select, error
local xpcall, tostring = xpcall, addresses.tostring
local gsub, ffi_string = string.gsub, ffi.string
local number_text, is_integer = native.number_text, order.is_integer
local null, record, FAILED = state.null, failure.record, state.FAILED

local format = string.format

local M = {}

debug_setmetatable(null, {
	__tostring = function()
		return "null"
	end,
	__metatable = false,
})

-- By number of columns.
local callers = {}

--- Runs the rest of the chain at once for a row.
local function emit(...)
	if select("#", ...) == 0 then
		error("emit: expected a value, got nothing", 2)
	end
	local to = state.to
	if not to then
		error("emit: works only inside map, flat_map, for_each, group_map and map_partitions", 2)
	end
	if state.muted then
		return
	end
	local progress = state.progress
	local step = progress.step
	local n = select("#", ...)
	local caller = callers[n]
	-- The handler sees the failure where it happens, and a pcall of the user's cannot hide it.
	local ok
	if caller then
		ok = xpcall(caller, record, to, ...)
	elseif n > fixed.most then
		ok = xpcall(to, record, ...)
	else
		callers[n] = fixed.caller(n)
		ok = xpcall(callers[n], record, to, ...)
	end
	if not ok then
		error(FAILED, 0)
	end
	state.to = to
	progress.step = step
end

local text = ffi.new("uint8_t[64]")

--- The text that gleamflow itself writes for a number.
local function str(v)
	if type(v) == "number" then
		return ffi_string(text, number_text(v, text))
	elseif is_integer(v) then
		return (gsub(tostring(v), "U?LL$", ""))
	end
	return tostring(v)
end

local libraries = {
	string = string,
	math = math,
	table = table,
	bit = bit,
	os = os,
	io = io,
	coroutine = coroutine,
}

local function require(name)
	local library = libraries[name]
	if library == nil then
		error(
			format(
				"require: no module %q in a step\n\nhint: `lua_file` brings a file of Lua code along",
				tostring(name)
			),
			2
		)
	end
	return library
end

-- selene: allow(global_usage)
local G = _G
rawset(G, "raw_pairs", G.pairs)
for name, v in
	next,
	{
		emit = emit,
		pairs = pairs,
		str = str,
		require = require,
		tostring = tostring,
		at_end = hooks.at_end,
		count = hooks.count,
	}
do
	rawset(G, name, v)
end
rawset(G, "null", null)
rawset(G, "unpack_rows", rows.unpack_rows)
if tables then
	rawset(G, "tables", tables)
end
for _, name in ipairs({
	"debug",
	"ffi",
	"package",
	"jit",
	"module",
	"getfenv",
	"setfenv",
	"newproxy",
	"dofile",
	"loadfile",
	"arg",
}) do
	rawset(G, name, nil)
end
for name, f in next, patterns.functions do
	string[name] = f
end
rawset(string, "format", addresses.format)
-- A restart begins a new cycle, so it is only for what user code has done to the collector.
local collectgarbage, collector_touched = collectgarbage, false
rawset(G, "collectgarbage", function(...)
	collector_touched = true
	return collectgarbage(...)
end)
rawset(math, "random", random.random)
rawset(math, "randomseed", random.seed)
function os.exit()
	error("os.exit is not available in a step", 2)
end

-- Every table that user code can reach, with its contents and metatable as they are now.
local saved = {}

local function save(t)
	if type(t) ~= "table" or saved[t] then
		return
	end
	local contents = {}
	saved[t] = { contents = contents, meta = debug_getmetatable(t) }
	for k, v in next, t do
		contents[k] = v
		save(v)
	end
	save(debug_getmetatable(t))
end

save(G)
save(debug_getmetatable(""))
save(debug_getmetatable(io.stdout))

--- Puts another function in the place of one of a library's.
function M.replace(library, name, f)
	saved[library].contents[name] = f
	rawset(library, name, f)
end

local setlocale = os.setlocale
local output, input, stdout, stdin = io.output, io.input, io.stdout, io.stdin

--- Makes the environment what it was when the VM was made.
function M.restore()
	for t, was in next, saved do
		local contents = was.contents
		for k in next, t do
			if contents[k] == nil then
				rawset(t, k, nil)
			end
		end
		for k, v in next, contents do
			if rawget(t, k) ~= v then
				rawset(t, k, v)
			end
		end
		if debug_getmetatable(t) ~= was.meta then
			debug_setmetatable(t, was.meta)
		end
	end
	if collector_touched then
		collector_touched = false
		collectgarbage("restart")
	end
	addresses.forget()
	setlocale("C")
	output(stdout)
	input(stdin)
end

return M
