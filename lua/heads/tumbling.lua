--- tumbling: calls the user's function with the rows of each window of a column's values.
-- In: the port, the continuation and the segment, whose head has the key columns and is told the
-- column and the width. Out: those of a head.

local ffi = require("ffi")

local refuse = require("gleamflow.failure").refuse

local floor, tonumber, type = math.floor, tonumber, type
local int64 = ffi.typeof("int64_t")

local M = {}

function M.new(port, next_step, segment, template)
	local arguments = segment.head.arguments
	local column, width = tonumber(arguments[1]), tonumber(arguments[2])
	local measure = template("measure").new(column)
	local difference, growth = measure.difference, measure.growth
	local start, stop, last

	local function open_large(v)
		if width % 1 ~= 0 or width > 2 ^ 53 then
			return tonumber(v)
		end
		local within = int64(v) % int64(width)
		if within < 0 then
			within = within + width
		end
		start = int64(v) - within
		stop = start + int64(width)
	end

	local function open(v)
		last = v
		if type(v) ~= "number" then
			v = open_large(v)
			if not v then
				return
			end
		elseif v - v ~= 0 then
			refuse("column " .. column .. " is infinite, which is in no window")
		end
		local n = floor(v / width)
		-- Where a quotient is rounded, the value may be in the window beside.
		if v < n * width then
			n = n - 1
		elseif v >= (n + 1) * width then
			n = n + 1
		end
		start, stop = n * width, (n + 1) * width
	end

	local function over(v)
		growth(v, last)
		if difference(v, stop) >= 0 then
			return true
		end
		last = v
		return false
	end

	local function close()
		return start, stop
	end

	return template("stretches").new(port, next_step, segment, template, measure, open, over, close)
end

return M
