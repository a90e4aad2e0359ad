--- fold: one call of a reduce's function, its results checked and put in place.
-- In: the step's number; partial results in a list. Out: many(into, from, n) folds the columns
-- 1..n of `from` into those of `into`; one(old, v) is the same for rows of one value column, and
-- two(old1, old2, v1, v2) of two;
-- unequal(n, m) throws for rows of one key that differ in width; set(f) for each task.

local state = require("gleamflow.state")

local select, error, type = select, error, type
local spread = require("gleamflow.frame").spread
local failure = require("gleamflow.failure")
local funcinfo = require("jit.util").funcinfo

local format = string.format

local M = {}

function M.new(id)
	local progress = state.progress
	local f

	local function unequal(n, m)
		progress.step = id
		error(format("rows of one key have %d and %d value columns", n, m), 0)
	end

	local function wrong(wanted, got)
		error(
			format(
				"the function got %d value column%s twice and returned %d, not %d",
				wanted,
				wanted == 1 and "" or "s",
				got,
				wanted
			),
			0
		)
	end

	local function single(...)
		if select("#", ...) ~= 1 then
			wrong(1, select("#", ...))
		end
		return (...)
	end

	local function one(old, v)
		progress.step = id
		state.to = false
		return single(f(old, v))
	end

	local function both(...)
		if select("#", ...) ~= 2 then
			wrong(2, select("#", ...))
		end
		return ...
	end

	local function two(old1, old2, v1, v2)
		progress.step = id
		state.to = false
		return both(f(old1, old2, v1, v2))
	end

	local function store(into, n, ...)
		if select("#", ...) ~= n then
			wrong(n, select("#", ...))
		end
		for i = 1, n do
			into[i] = (select(i, ...))
		end
	end

	local args = {}

	local function many(into, from, n)
		if n == 0 then
			return
		end
		for i = 1, n do
			args[i] = into[i]
			args[n + i] = from[i]
		end
		progress.step = id
		state.to = false
		store(into, n, f(spread(args, 2 * n)))
	end

	-- Values always come in pairs.
	local function set(g)
		f = g
		local info = type(g) == "function" and funcinfo(g)
		if info and not info.isvararg and info.params and info.params % 2 == 1 then
			failure.hints[id] =
				"the function gets the value columns of two rows, without the key: `function(x, y)`"
		end
	end

	return { one = one, two = two, many = many, unequal = unequal, set = set }
end

return M
