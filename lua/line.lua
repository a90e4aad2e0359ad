--- line: a line of the open block as steps get it whose code needs no string: the lazy line.
-- In: the port of the block that is open. Out: the one line object, `open` and `text` for it, and
-- methods that do what those of a string do. A method that sees something unusual calls the
-- string's own with the same arguments, as `lua/patterns.lua` does; for the same reason this file
-- is loaded without line numbers. `lua/receiver.lua` says which functions may get the object.

local ffi = require("ffi")
local native = require("gleamflow.native")
local patterns = require("gleamflow.patterns")
local words_of = require("gleamflow.words")
local arithmetic = require("gleamflow.arithmetic")
local state = require("gleamflow.state")

local type, rawget, select, floor = type, rawget, select, math.floor
local ffi_string = ffi.string
local pattern_find, find_text = native.pattern_find, native.find_text
local pattern_replace, change_case = native.pattern_replace, native.change_case
local words_replace = native.words_replace
local key_bytes, key_count = native.key_bytes, native.key_count
local copy = ffi.copy
local key = state.key
local words_lower = native.words_lower
local string, string_meta = string, debug.getmetatable("")
local own = patterns.functions
local own_find, own_match, own_gmatch, own_gsub = own.find, own.match, own.gmatch, own.gsub
local sub, byte, len, lower, upper = string.sub, string.byte, string.len, string.lower, string.upper
local text_of_match = words_of.text
local words = state.words

local POSITION = 4294967295
local PLAIN, LOWER, UPPER = 0, 1, 2
-- A larger block, which holds a very long line, is not scanned at once: matches take room.
local MOST_SCANNED = 1048576

local M = {}

-- The block that is open: its port; the pattern that it was scanned for, in which view, and whether
-- only to count matches; its bytes in the other case; and how many of its lines were asked for matches. Where few of the last
-- one's were, it is not worth scanning.
local block = {
	port = false,
	scanned = false,
	view = PLAIN,
	counts = false,
	changed = PLAIN,
	rows = 0,
	asked = 0,
	few = false,
}
local changed_bytes = ffi.new("const uint8_t *[1]")

-- The iterator of the one `gmatch` whose matches are open: those from `at` up to `stop`.
local walk = ffi.new("int32_t[2]")

local function next_match()
	local at = walk[0]
	if at < walk[1] then
		walk[0] = at + 1
		return text_of_match(at)
	end
end

-- The same for matches that nobody looks at.
local function next_counted()
	local at = walk[0]
	if at < walk[1] then
		walk[0] = at + 1
		return ""
	end
end

local function text(line)
	return ffi_string(line.bytes, line.size)
end

-- What the method of a real string gives.
local function of_string(line, name, ...)
	local s = text(line)
	return s[name](s, ...)
end

-- Texts that flow: what is made of a text that does is no string either, but lies in a room of its
-- own until it is written. A function makes few of them, and none is large, so that the room is
-- used round and round.
local ROOM, MOST = 131072, 4096
local room = ffi.new("uint8_t[?]", ROOM)
local free = ROOM
local new_text

--- The place of so many bytes, no more than `most_bytes`.
local function take(size)
	free = free - size
	if free < 0 then
		free = ROOM - size
	end
	return room + free
end

-- The string of each byte.
local one_byte = {}
for value = 0, 255 do
	one_byte[value] = string.char(value)
end

local function is_whole(x)
	return type(x) == "number" and floor(x) == x and x >= -2147483647 and x <= 2147483647
end

-- Each method takes any number of arguments, to call the string's own with the same, and leaves the
-- usual case to a function that takes a fixed number: a trace that begins in it can go back.
local methods = {}

function methods.len(...)
	local line = ...
	if rawget(string, "len") ~= len or rawget(string_meta, "__index") ~= string then
		return of_string(line, "len", select(2, ...))
	end
	return line.size
end

local function usual_sub(line, i, j)
	local size = line.size
	j = j or -1
	if j < 0 then
		j = j + size + 1
	elseif j > size then
		j = size
	end
	if i < 0 then
		i = i + size + 1
	end
	if i < 1 then
		i = 1
	end
	if line.flows ~= 0 and i <= j then
		return new_text(line.bytes + (i - 1), j - i + 1, 0, 0, 1)
	elseif i == j then
		return one_byte[line.bytes[i - 1]]
	elseif i > j then
		return ""
	end
	return ffi_string(line.bytes + (i - 1), j - i + 1)
end

function methods.sub(...)
	local line, i, j = ...
	if
		rawget(string, "sub") ~= sub
		or rawget(string_meta, "__index") ~= string
		or not is_whole(i)
		or not (j == nil or is_whole(j))
	then
		return of_string(line, "sub", select(2, ...))
	end
	return usual_sub(line, i, j)
end

local function usual_byte(line, i)
	local size = line.size
	i = i or 1
	if i < 0 then
		i = i + size + 1
	end
	if i < 1 or i > size then
		return
	end
	return line.bytes[i - 1]
end

function methods.byte(...)
	local line, i, j = ...
	if
		rawget(string, "byte") ~= byte
		or rawget(string_meta, "__index") ~= string
		or j ~= nil
		or not (i == nil or is_whole(i))
	then
		return of_string(line, "byte", select(2, ...))
	end
	return usual_byte(line, i)
end

local function case(line, to)
	local port = block.port
	if block.changed == PLAIN then
		changed_bytes[0] = words_lower(words, port, to == UPPER and 1 or 0)
		block.changed = to
	end
	local other = M.other
	other.bytes = changed_bytes[0] + (M.line.bytes - port.bytes)
	other.size, other.row, other.view, other.counts = line.size, line.row, to, line.counts
	return other
end

local function case_method(name, own_case, to, other)
	return function(...)
		local line = ...
		if
			rawget(string, name) ~= own_case
			or rawget(string_meta, "__index") ~= string
			or line.view ~= PLAIN
		then
			return of_string(line, name, select(2, ...))
		elseif line.flows ~= 0 then
			if line.size > MOST then
				return of_string(line, name)
			end
			local into = take(line.size)
			change_case(line.bytes, line.size, to == UPPER and 1 or 0, into)
			return new_text(into, line.size, 0, 0, 1)
		elseif line ~= M.line or block.changed == other then
			return of_string(line, name, select(2, ...))
		end
		return case(line, to)
	end
end

methods.lower = case_method("lower", lower, LOWER, UPPER)
methods.upper = case_method("upper", upper, UPPER, LOWER)

-- The match and its captures of a find or match.
local places = ffi.new("uint32_t[66]")

local function capture(bytes, at)
	local start, stop = places[at], places[at + 1]
	if stop == POSITION then
		return start + 1
	end
	return ffi_string(bytes + start, stop - start)
end

local function captures(bytes, at, n)
	if n == 1 then
		return capture(bytes, at)
	elseif n == 2 then
		return capture(bytes, at), capture(bytes, at + 2)
	end
	return capture(bytes, at), captures(bytes, at + 2, n - 1)
end

function methods.find(...)
	local line, wanted, init, plain = ...
	if
		rawget(string, "find") ~= own_find
		or rawget(string_meta, "__index") ~= string
		or type(wanted) ~= "string"
		or not (init == nil or is_whole(init) and init >= 1 and init <= line.size + 1)
	then
		return of_string(line, "find", select(2, ...))
	end
	local from = (init or 1) - 1
	local compiled = patterns.anchored(wanted)
	if plain or compiled and compiled.plain then
		local at = find_text(line.bytes + from, line.size - from, wanted, #wanted)
		if at == 0 then
			return nil
		end
		at = at + from
		return at, at + #wanted - 1
	elseif not compiled then
		return of_string(line, "find", select(2, ...))
	end
	if pattern_find(compiled.pattern, line.bytes, line.size, from, places) == 0 then
		return nil
	elseif compiled.captures == 0 then
		return places[0] + 1, places[1]
	end
	return places[0] + 1, places[1], captures(line.bytes, 2, compiled.captures)
end

function methods.match(...)
	local line, wanted, init = ...
	local compiled = type(wanted) == "string" and patterns.anchored(wanted)
	if
		rawget(string, "match") ~= own_match
		or rawget(string_meta, "__index") ~= string
		or not (init == nil or is_whole(init) and init >= 1 and init <= line.size + 1)
		or not compiled
	then
		return of_string(line, "match", select(2, ...))
	end
	if pattern_find(compiled.pattern, line.bytes, line.size, (init or 1) - 1, places) == 0 then
		return nil
	elseif compiled.captures > 1 then
		return captures(line.bytes, 2, compiled.captures)
	end
	local at = 2 * compiled.captures
	if places[at + 1] == POSITION then
		return places[at] + 1
	elseif line.flows ~= 0 then
		return new_text(line.bytes + places[at], places[at + 1] - places[at], 0, 0, 1)
	end
	return ffi_string(line.bytes + places[at], places[at + 1] - places[at])
end

-- Whether the matches of a pattern in all lines of the block are known, to count or replace them.
local function found_in_block(compiled)
	block.asked = block.asked + 1
	if block.scanned == compiled then
		return block.counts and block.view == PLAIN
	elseif block.scanned or block.few then
		return false
	end
	words_of.count(compiled, block.port, 0)
	block.scanned, block.view, block.counts = compiled, PLAIN, true
	return true
end

-- How many matches were replaced, whose text is then in the key; nothing where it is left to LuaJIT.
local function replace(line, compiled, with)
	if
		line == M.line
		and compiled.runs
		and block.port.size <= MOST_SCANNED
		and found_in_block(compiled)
	then
		local row = line.row
		local first, last = row > 0 and words.ends[row - 1] or 0, words.ends[row]
		if first == last then
			return 0
		end
		local is_done = words_replace(words, first, last, line.bytes, line.size, with, #with, key)
		return is_done ~= 0 and last - first or nil
	end
	local count =
		pattern_replace(compiled.pattern, line.bytes, line.size, with, #with, 2147483647, key)
	return count >= 0 and count or nil
end

function methods.gsub(...)
	local line, wanted, with, most = ...
	local compiled = type(wanted) == "string" and patterns.anchored(wanted)
	if
		rawget(string, "gsub") ~= own_gsub
		or rawget(string_meta, "__index") ~= string
		or line.flows == 0
		or type(with) ~= "string"
		or most ~= nil
		or not compiled
	then
		return of_string(line, "gsub", select(2, ...))
	end
	local count = replace(line, compiled, with)
	if not count then
		return of_string(line, "gsub", wanted, with)
	elseif count == 0 then
		return line, 0
	end
	local size = key_count(key)
	if size > MOST then
		return ffi_string(key_bytes(key), size), count
	end
	local into = take(size)
	copy(into, key_bytes(key), size)
	return new_text(into, size, 0, 0, 1), count
end

-- The pattern that `gmatch` finds in the lines of a block, if it may be scanned for it.
local function scanned_pattern(port, wanted)
	local compiled = type(wanted) == "string" and patterns.walked(wanted)
	if
		rawget(string, "gmatch") ~= own_gmatch
		or rawget(string_meta, "__index") ~= string
		or not compiled
		or compiled.captures ~= 0
		or port.size > MOST_SCANNED
	then
		return nil
	end
	return compiled
end

local function usual_gmatch(line, wanted, compiled)
	block.asked = block.asked + 1
	local counts = line.counts ~= 0
	if block.scanned ~= compiled or block.view ~= line.view or block.counts ~= counts then
		if block.scanned or block.few then
			return of_string(line, "gmatch", wanted)
		end
		local scan = counts and words_of.count or words_of.scan
		scan(compiled, block.port, line.view == PLAIN and 0 or 1)
		block.scanned, block.view, block.counts = compiled, line.view, counts
	end
	local row = line.row
	walk[0], walk[1] = row > 0 and words.ends[row - 1] or 0, words.ends[row]
	return counts and next_counted or next_match
end

function methods.gmatch(...)
	local line, wanted = ...
	local compiled = scanned_pattern(block.port, wanted)
	if not compiled then
		return of_string(line, "gmatch", select(2, ...))
	end
	return usual_gmatch(line, wanted, compiled)
end

local meta = {
	__index = methods,
	__len = function(line)
		return line.size
	end,
}

arithmetic.add(meta)
new_text = ffi.metatype("gleamflow_text", meta)

M.take, M.most_bytes = take, MOST
M.line, M.other = new_text(), new_text()
M.next_match, M.walk, M.text = next_match, walk, text
M.scanned_pattern, M.most_scanned = scanned_pattern, MOST_SCANNED

--- Lazy texts for columns: so many, the same each time. They have no part in what looks at whole
-- blocks, so `lua/uses.lua` lets nothing ask them for that.
local columns = {}
function M.columns(n)
	for column = #columns + 1, n do
		columns[column] = new_text()
	end
	return columns
end

--- A block begins.
function M.open(port)
	block.few = block.asked * 8 < block.rows
	block.port, block.scanned, block.view, block.changed = port, false, PLAIN, PLAIN
	block.rows, block.asked = port.rows, 0
end

return M
