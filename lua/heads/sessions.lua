--- sessions: calls the user's function with rows between which a column grows by no more than a gap.
-- In: the port, the continuation and the segment, whose head has the key columns and is told the
-- column and the gap. Out: those of a head.

local tonumber = tonumber

local M = {}

function M.new(port, next_step, segment, template)
	local arguments = segment.head.arguments
	local column, gap = tonumber(arguments[1]), tonumber(arguments[2])
	local measure = template("measure").new(column)
	local growth = measure.growth
	local first, last

	local function open(v)
		first, last = v, v
	end

	local function over(v)
		if growth(v, last) > gap then
			return true
		end
		last = v
		return false
	end

	local function close()
		return first, last
	end

	return template("stretches").new(port, next_step, segment, template, measure, open, over, close)
end

return M
