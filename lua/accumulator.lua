--- accumulator: the user's functions of an `accumulate`, and what they may give.
-- In: the step's number. Out: init(), step(state, …), merge(a, b), each of which gives a state;
-- finish(state); put(list, row, n), which passes a row that ends in a state to list; check(t), why t is
-- no table of such functions, if it is none; set(t) for each task.

local state = require("gleamflow.state")
local is_integer = require("gleamflow.order").is_integer

local error, ipairs, pcall, rawget, tostring, type = error, ipairs, pcall, rawget, tostring, type
local format, match = string.format, string.match
local getmetatable = debug.getmetatable

local FIELDS = { "init", "step", "merge", "finish" }
local HINT =
	"\n\nhint: `return { init = …, step = …, merge = …, finish = … }`, each of them a function"
local TRAVELS = { table = true, string = true, number = true, boolean = true }

local M = {}

local function callable(v)
	local meta = getmetatable(v)
	return type(v) == "function" or type(meta) == "table" and rawget(meta, "__call") ~= nil
end

function M.check(t)
	if type(t) ~= "table" then
		local what = t == nil and "nil" or "a " .. type(t)
		return "expected a table of functions, got " .. what .. HINT
	end
	for _, name in ipairs(FIELDS) do
		local f = t[name]
		if f == nil then
			return format("the table has no function `%s`", name) .. HINT
		elseif not callable(f) then
			return format("`%s` is no function, it is a %s", name, type(f)) .. HINT
		end
	end
end

function M.new(id)
	local progress = state.progress
	local user_init, user_step, user_merge, user_finish

	local function refuse(name, s)
		if s == nil then
			local what = "`%s` returned nil, and a state is wanted\n\nhint: is a `return` missing?"
			error(format(what, name), 0)
		end
		local what = "`%s` returned a %s, which cannot travel from task to task as a state"
		error(format(what, name, type(s) == "thread" and "coroutine" or type(s)), 0)
	end

	local function checked(name, s)
		if not (TRAVELS[type(s)] or is_integer(s)) then
			refuse(name, s)
		end
		return s
	end

	local function init()
		progress.step = id
		state.to = false
		return checked("init", (user_init()))
	end

	local function step(s, ...)
		progress.step = id
		state.to = false
		return checked("step", (user_step(s, ...)))
	end

	local function merge(a, b)
		progress.step = id
		state.to = false
		return checked("merge", (user_merge(a, b)))
	end

	local function finish(s)
		progress.step = id
		state.to = false
		return user_finish(s)
	end

	local function put(list, row, n)
		local ok, err = pcall(list, row, n)
		if not ok then
			local column, what
			if type(err) == "string" then
				column, what = match(err, "^column (%d+) holds a (%l+)$")
			end
			if column == tostring(n) then
				local message = "a state holds a %s, which cannot travel from task to task"
				error(format(message, what), 0)
			end
			error(err, 0)
		end
	end

	local function set(t)
		user_init, user_step = t and t.init, t and t.step
		user_merge, user_finish = t and t.merge, t and t.finish
	end

	return { init = init, step = step, merge = merge, finish = finish, put = put, set = set }
end

return M
