--- bounds: the rows that come of windows: the key, the bounds, then what the user's function returned.
-- In: the continuation and the key columns. Out: key(i, v), which says what the key is from now on;
-- give(first, last, …), which passes a row on where the function has returned anything.

local spread = require("gleamflow.frame").spread

local select = select

local M = {}

function M.new(next_step, keys)
	local key, width = {}, #keys

	local function set_key(i, v)
		key[i] = v
	end

	local function wide(first, last, ...)
		local row, n = {}, select("#", ...)
		for i = 1, width do
			row[i] = key[i]
		end
		row[width + 1], row[width + 2] = first, last
		for i = 1, n do
			row[width + 2 + i] = (select(i, ...))
		end
		return next_step(spread(row, width + 2 + n))
	end

	local function give(first, last, ...)
		if select("#", ...) == 0 then
			return
		elseif width == 0 then
			return next_step(first, last, ...)
		elseif width == 1 then
			return next_step(key[1], first, last, ...)
		end
		return wide(first, last, ...)
	end

	return { key = set_key, give = give }
end

return M
