--- sort_by: puts what the user's function returns for each row in front of it.
-- In: the step's number, the continuation, and how many results are wanted. Out: run(row…), and set(f)
-- for each task.

local state = require("gleamflow.state")
local spread = require("gleamflow.frame").spread

local error, format, select, tonumber = error, string.format, select, tonumber

local M = {}

function M.new(id, next_step, arguments)
	local progress = state.progress
	local width = tonumber(arguments[1])
	local f

	local function check(n)
		if n < width then
			local what = "the function returned %d value%s, and the order names result %d"
			error(format(what, n, n == 1 and "" or "s", width), 0)
		end
	end

	local function one(...)
		check(select("#", ...))
		return (...)
	end

	local function two(...)
		check(select("#", ...))
		local a, b = ...
		return a, b
	end

	local function pack(...)
		return select("#", ...), { ... }
	end

	local function many(results, n, ...)
		check(n)
		local row, columns = {}, select("#", ...)
		for i = 1, width do
			row[i] = results[i]
		end
		for i = 1, columns do
			row[width + i] = (select(i, ...))
		end
		return next_step(spread(row, width + columns))
	end

	local function run(...)
		progress.step = id
		state.to = false
		if width == 1 then
			return next_step(one(f(...)), ...)
		elseif width == 2 then
			local a, b = two(f(...))
			return next_step(a, b, ...)
		end
		local n, results = pack(f(...))
		return many(results, n, ...)
	end

	return run, function(g)
		f = g
	end
end

return M
