--- stretches: calls the user's function with stretches of the rows of a group, one after another, and
-- passes on what it returns behind their bounds.
-- In: the port, the continuation and the segment, whose head has the key columns; open(v), which is
-- told the value of the column that divides them at the first row of a stretch; over(v), whether a
-- stretch ends before the row with that value; close(), its bounds; and the measure of that column.
-- Out: those of a head.

local state = require("gleamflow.state")

local M = {}

function M.new(port, next_step, segment, template, measure, open, over, close)
	local id, keys = segment.head.id, segment.head.keys
	local of = measure.of
	local groups = template("groups").new(port, id, function(bytes, at, stop)
		return over(of(bytes, at, stop))
	end)
	local rows, more, begin, skip = groups.rows, groups.more, groups.begin, groups.skip
	local column, look, begins_key = groups.column, groups.look, groups.begins_key
	local bounds = template("bounds").new(next_step, keys)
	local give, set_key = bounds.give, bounds.key
	local f

	local function ended(...)
		skip()
		local first, last = close()
		give(first, last, ...)
	end

	groups.run(function()
		while more() do
			begin()
			if begins_key() then
				for i = 1, #keys do
					set_key(i, column(keys[i]))
				end
			end
			open(look(of))
			state.to = false
			ended(f(rows))
		end
		return true
	end)

	local function set(g)
		f = g
	end

	return { push = groups.push, finish = groups.finish, set = set, clear = groups.clear }
end

return M
