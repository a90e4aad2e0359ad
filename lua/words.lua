--- words: the matches of a pattern in a whole block of lines, and their texts.
-- In: a pattern without captures, and the port whose block is open. Out: the text of a match, one
-- string for all matches of equal text. `hint` has the address and the number of the text that was
-- given out last, if it has a number: who has stored something by that number need not look for the
-- text, nor even touch it. It is a cdata because traces know the address of one.

local ffi = require("ffi")
local native = require("gleamflow.native")
local state = require("gleamflow.state")

local ffi_string = ffi.string
local words_scan = native.words_scan
local words = state.words

-- By number. A number never means two texts at a time.
local texts = {}
local generation = words.generation

--- `most`: the greatest number of a text.
local M = {
	hint = ffi.new("struct { const uint8_t *text; int32_t id; }"),
	most = words.most,
}
local hint = M.hint

-- To be called with an array of numbers that lose their meaning, and how many they are.
local listeners = {}

function M.on_forget(f)
	listeners[#listeners + 1] = f
end

local function forget()
	local numbers, count = words.forgotten, words.forgotten_count
	for i = 0, count - 1 do
		texts[numbers[i]] = nil
	end
	for i = 1, #listeners do
		listeners[i](numbers, count)
	end
	hint.text, hint.id = nil, 0
end

local function cut(at)
	local from = words.spans[2 * at]
	return ffi_string(words.bytes + from, words.spans[2 * at + 1] - from)
end

--- Finds the matches in all lines of the block; `view` 1: of the block in the other case.
-- New texts become strings here and not when they are asked for: a loop that is compiled on the way
-- of a new text is slow on that of a known one.
function M.scan(compiled, port, view)
	words_scan(words, compiled.pattern, port, view, 1)
	if words.generation ~= generation then
		generation = words.generation
		forget()
	end
	for i = 0, words.fresh_count - 1 do
		local at = words.fresh[i]
		texts[words.ids[at]] = cut(at)
	end
end

--- The same for who asks how many there are in each line, and for none of their texts.
function M.count(compiled, port, view)
	words_scan(words, compiled.pattern, port, view, 0)
end

--- The text of a match.
function M.text(at)
	local id = words.ids[at]
	local text = texts[id]
	if text == nil then
		hint.text = nil
		return cut(at)
	end
	hint.text, hint.id = text, id
	return text
end

return M
