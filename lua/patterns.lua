--- patterns: string.find, match, gmatch and gsub on native matching, so that traces can hold them.
-- In: the stock functions, from the `string` table. Out: functions that nobody can tell from them.
-- What is unusual ends in a tail call of the stock function with the same arguments: its errors,
-- with their places and names, are then those of the user's own call. For the same reason this
-- file is loaded without line numbers.

local ffi = require("ffi")
local native = require("gleamflow.native")
local state = require("gleamflow.state")

local type, select, floor = type, select, math.floor
local sub = string.sub
local stock_find, stock_match = string.find, string.match
local stock_gmatch, stock_gsub = string.gmatch, string.gsub
local pattern_find, pattern_fill = native.pattern_find, native.pattern_fill
local pattern_replace, key = native.pattern_replace, state.key
local key_bytes, key_count = native.key_bytes, native.key_count
local ffi_string = ffi.string

local POSITION = 4294967295
local MOST_PATTERNS = 256
local MOST_TOKENS = 32
local MOST_INT = 2147483647

local new_pattern = ffi.typeof("gleamflow_pattern")

local M = { stock = {} }
for name, f in next, string do
	M.stock[name] = f
end

-- Pattern text to { pattern, captures, runs, plain }, or false where it is left to the stock function.
local anchored, walked = {}, {}
local anchored_count, walked_count = 0, 0

local function compile(text, literal_caret)
	local pattern = new_pattern()
	local compiled = native.pattern_compile(text, #text, literal_caret, pattern)
	if compiled == 0 then
		return false
	end
	return {
		pattern = pattern,
		captures = compiled - 1,
		runs = native.pattern_runs(pattern) ~= 0,
		plain = not stock_find(text, "[%^%$%*%+%?%.%(%[%%%-]"),
	}
end

local function anchored_pattern(text)
	if anchored_count == MOST_PATTERNS then
		anchored, anchored_count = {}, 0
	end
	local compiled = compile(text, 0)
	anchored[text] = compiled
	anchored_count = anchored_count + 1
	return compiled
end

local function walked_pattern(text)
	if walked_count == MOST_PATTERNS then
		walked, walked_count = {}, 0
	end
	local compiled = compile(text, 1)
	walked[text] = compiled
	walked_count = walked_count + 1
	return compiled
end

-- The match and its captures of a find or match.
local places = ffi.new("uint32_t[66]")

local function capture(from, s, at)
	local start, stop = from[at], from[at + 1]
	if stop == POSITION then
		return start + 1
	end
	return sub(s, start + 1, stop)
end

local function captures(from, s, at, n)
	if n == 1 then
		return capture(from, s, at)
	elseif n == 2 then
		return capture(from, s, at), capture(from, s, at + 2)
	elseif n == 3 then
		return capture(from, s, at), capture(from, s, at + 2), capture(from, s, at + 4)
	end
	return capture(from, s, at), captures(from, s, at + 2, n - 1)
end

-- The offset that an init stands for; nothing where the stock function has to see it.
local function offset(init, size)
	if init == nil then
		return 0
	elseif type(init) ~= "number" or floor(init) ~= init or init > size + 1 or init < -MOST_INT then
		return nil
	elseif init > 0 then
		return init - 1
	elseif init < 0 and init + size > 0 then
		return init + size
	end
	return 0
end

local function find(...)
	local s, text, init, plain = ...
	if type(s) ~= "string" or type(text) ~= "string" or plain then
		return stock_find(...)
	end
	local compiled = anchored[text]
	if compiled == nil then
		compiled = anchored_pattern(text)
	end
	if not compiled then
		return stock_find(...)
	elseif compiled.plain then
		return stock_find(s, text, init, true)
	end
	local from = offset(init, #s)
	if not from then
		return stock_find(...)
	end
	if pattern_find(compiled.pattern, s, #s, from, places) == 0 then
		return nil
	elseif compiled.captures == 0 then
		return places[0] + 1, places[1]
	end
	return places[0] + 1, places[1], captures(places, s, 2, compiled.captures)
end

local function match(...)
	local s, text, init = ...
	if type(s) ~= "string" or type(text) ~= "string" then
		return stock_match(...)
	end
	local compiled = anchored[text]
	if compiled == nil then
		compiled = anchored_pattern(text)
	end
	local from = offset(init, #s)
	if not compiled or not from then
		return stock_match(...)
	end
	if pattern_find(compiled.pattern, s, #s, from, places) == 0 then
		return nil
	elseif compiled.captures == 0 then
		return sub(s, places[0] + 1, places[1])
	end
	return captures(places, s, 2, compiled.captures)
end

local function gsub(...)
	local s, text, with, most = ...
	if
		type(s) ~= "string"
		or type(text) ~= "string"
		or type(with) ~= "string"
		or most ~= nil and (type(most) ~= "number" or floor(most) ~= most)
	then
		return stock_gsub(...)
	end
	local compiled = anchored[text]
	if compiled == nil then
		compiled = anchored_pattern(text)
	end
	most = most or MOST_INT
	if not compiled or most < 0 or most > MOST_INT then
		return stock_gsub(...)
	end
	local count = pattern_replace(compiled.pattern, s, #s, with, #with, most, key)
	if count < 0 then
		return stock_gsub(...)
	elseif count == 0 then
		return s, 0
	end
	return ffi_string(key_bytes(key), key_count(key)), count
end

-- Matches that one iterator has found ahead; another one that needs the room forgets them, and
-- they are looked for again from `from`, behind the last match that was given out.
local tokens = ffi.new("uint32_t[?]", MOST_TOKENS * 66)
local ahead = { walk = false }

local function fill(walk)
	local s = walk.subject
	local from = walk.from
	if from > #s then
		return false
	end
	local n = pattern_fill(walk.compiled.pattern, s, #s, from, tokens, MOST_TOKENS)
	if n == 0 then
		walk.from, walk.subject = 1, ""
		return false
	end
	ahead.walk = walk
	walk.at, walk.left = 0, n
	return true
end

-- Iterators made in advance: making a closure is what a trace cannot do.
local pool, free = {}, 0

local function new_walk()
	local walk =
		{ subject = "", compiled = { captures = -1 }, from = 0, at = 0, left = 0, next = false }

	-- LuaJIT's iterator takes no notice of arguments.
	function walk.next()
		if (walk.left == 0 or ahead.walk ~= walk) and not fill(walk) then
			return
		end
		local at = walk.at
		local start, stop = tokens[at], tokens[at + 1]
		local n = walk.compiled.captures
		walk.left = walk.left - 1
		walk.at = at + 2 + 2 * n
		walk.from = stop > start and stop or stop + 1
		if n == 0 then
			return sub(walk.subject, start + 1, stop)
		end
		return captures(tokens, walk.subject, at + 2, n)
	end

	return walk
end

local function more()
	for i = 1, 64 do
		pool[i] = new_walk()
	end
	return 64
end
jit.off(more, true)

local function gmatch(...)
	local s, text = ...
	if type(s) ~= "string" or type(text) ~= "string" then
		return stock_gmatch(...)
	end
	local compiled = walked[text]
	if compiled == nil then
		compiled = walked_pattern(text)
	end
	if not compiled then
		return stock_gmatch(...)
	end
	if free == 0 then
		free = more()
	end
	local walk = pool[free]
	pool[free] = false
	free = free - 1
	walk.subject, walk.compiled, walk.from, walk.left = s, compiled, 0, 0
	return walk.next
end

--- What gmatch makes of a pattern: { pattern, captures }, or false.
function M.walked(text)
	local compiled = walked[text]
	if compiled == nil then
		compiled = walked_pattern(text)
	end
	return compiled
end

--- The same for find and match; with `plain` where nothing in it is special.
function M.anchored(text)
	local compiled = anchored[text]
	if compiled == nil then
		compiled = anchored_pattern(text)
	end
	return compiled
end

--- Lets go of the subjects of the last task.
function M.clear()
	anchored, walked, pool = {}, {}, {}
	anchored_count, walked_count, free = 0, 0, 0
	ahead.walk = false
end

local stock =
	{ [find] = stock_find, [match] = stock_match, [gmatch] = stock_gmatch, [gsub] = stock_gsub }
local stock_dump = string.dump

local function dump(...)
	local f = ...
	local replaced = stock[f]
	if replaced then
		return stock_dump(replaced, select(2, ...))
	end
	return stock_dump(...)
end
stock[dump] = stock_dump

M.functions = { find = find, match = match, gmatch = gmatch, gsub = gsub, dump = dump }

return M
