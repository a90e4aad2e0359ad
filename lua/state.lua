--- state: what the parts of a VM share while a task runs.
-- In: the addresses that Rust passes, and its `warn`. Out: one table; `to` is where `emit` sends rows now (false
-- outside map, flat_map and for_each), `failure` the first failure of the task. `again` does the row
-- that is open again, with nothing but real values.

local native = require("gleamflow.native")
local addresses = ...

local M = {
	to = false,
	again = false,
	-- Whether `emit` sends nothing, since what it sends has been sent already.
	muted = false,
	failure = nil,
	-- What is wrong with the row that a guarded step has just been given: see `lua/guard.lua`.
	bad = nil,
	-- The row of columns that is open: what has its columns, the bytes of its block, and whether a text
	-- that a function of `...` returns may be a lazy one.
	row = { columns = false, bytes = false, returns = false },
	progress = native.progress(addresses.progress),
	key = native.key(addresses.key),
	words = native.words(addresses.words),
	tally = native.tally(addresses.tally),
	formats = native.formats(addresses.formats),
	-- Side tables, and a port in which keys of them are encoded.
	tables = addresses.tables,
	unknown_table = addresses.unknown_table,
	room = native.port(addresses.room),
	-- The nil inside tables: a light userdata, so that it is one value and no table of the user's.
	null = addresses.null,
	-- Steps get whole rows, whatever they look at: to compare.
	plain = addresses.plain,
	-- warn(message, hint): tells the user, once in a run for each step.
	warn = addresses.warn,
	-- reject(step, row, message, line, hint): a guarded step leaves a row out, which lies in `rejects`, a
	-- port of its own, where its text is wanted.
	reject = addresses.reject,
	rejects = native.port(addresses.rejects),
	-- Thrown when the failure is already known, so that it is not reported as another one.
	FAILED = setmetatable({}, {
		__tostring = function()
			return "the task has failed"
		end,
		__metatable = false,
	}),
	-- Thrown where a lazy text cannot be used as it was: what is wrong is seen when `again` is called.
	AGAIN = {},
	-- By function that is made with those of `lua/instead.lua`: the user's own; and a failure in one, of which LuaJIT's names for what
	-- failed may be wrong: it counts where `again` does not fail.
	remade = setmetatable({}, { __mode = "k" }),
	doubtful = false,
}

return M
