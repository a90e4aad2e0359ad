--- group_map: calls the user's function with each key and an iterator over its rows, and passes on
-- what it returns, as flat_map does.
-- In: the port; the continuation; and the segment, whose head has the key columns. Where these are
-- none and its first argument is "empty", the function is called for no rows too. Out: those of a head.

local state = require("gleamflow.state")
local frame = require("gleamflow.frame")

local spread_row = frame.spread

local M = {}

function M.new(port, next_step, segment, template)
	local progress = state.progress
	local head = segment.head
	local id, keys = head.id, head.keys
	local key, width = keys[1], #keys
	local for_none = head.arguments[1] == "empty"
	local groups = template("groups").new(port, id)
	local rows, more, begin, column, skip =
		groups.rows, groups.more, groups.begin, groups.column, groups.skip
	local spread = template("steps/flat_map").spreader(id, next_step)
	local f

	local function call(...)
		progress.step = id
		state.to = next_step
		spread(f(...))
	end

	local function call_with_keys()
		local arguments = {}
		for i = 1, width do
			arguments[i] = column(keys[i])
		end
		arguments[width + 1] = rows
		call(spread_row(arguments, width + 1))
	end

	groups.run(function()
		if for_none and not more() then
			begin()
			call(rows)
		end
		while more() do
			begin()
			if width == 1 then
				call(column(key), rows)
			elseif width == 0 then
				call(rows)
			else
				call_with_keys()
			end
			skip()
		end
		return true
	end)

	local function set(g)
		f = g
	end

	return { push = groups.push, finish = groups.finish, set = set, clear = groups.clear }
end

return M
