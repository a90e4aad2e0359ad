--- shapes: functions of the user's that do nothing but what a native loop does as well.
-- In: a function. Out: what is particular to it, or nothing where it is not of that shape.
-- A function has a shape if it has the instructions of a model. That is all it can do: what it calls
-- is looked up when it runs, so who relies on a shape makes sure that the methods are still stock.

local jit_util = require("jit.util")
local funcinfo, funcbc, funck = jit_util.funcinfo, jit_util.funcbc, jit_util.funck

local type, ipairs, find_byte = type, ipairs, string.find
local band, arshift = bit.band, bit.arshift

local M = {}

local find_models = {
	function(line)
		return line:find("", 1, true)
	end,
	function(line)
		return line:find("", 1, true) ~= nil
	end,
}

local function gmatch_model(line)
	return line:gmatch("")
end

local function number_model(key)
	return key, 0
end

local sum_models = {
	function(x, y)
		return x + y
	end,
	function(x, y)
		return y + x
	end,
}

-- Whether the instructions are the same but for those whose number is `free`. The header changes
-- when the JIT looks at a function, and is passed over.
local function has_shape(f, model, free)
	local info, model_info = funcinfo(f), funcinfo(model)
	if
		info.bytecodes ~= model_info.bytecodes
		or info.params ~= model_info.params
		or info.isvararg
	then
		return false
	end
	for at = 1, info.bytecodes - 1 do
		if at ~= free and funcbc(f, at) ~= funcbc(model, at) then
			return false
		end
	end
	return true
end

-- The text that is the argument of the one method that a function calls, if it is a text.
local function argument(f, method)
	local text = funck(f, -2)
	return funck(f, -1) == method and type(text) == "string" and text or nil
end

--- TEXT of `return line:find(TEXT, 1, true)`, or of its comparison with nil. One with a line feed
-- in it is in no line, but may be in the block.
function M.searched_text(f)
	for _, model in ipairs(find_models) do
		if type(f) == "function" and has_shape(f, model) then
			local text = argument(f, "find")
			return text and not find_byte(text, "\n", 1, true) and text or nil
		end
	end
end

--- PATTERN of `return line:gmatch(PATTERN)`.
function M.matched_pattern(f)
	if type(f) == "function" and has_shape(f, gmatch_model) then
		return argument(f, "gmatch")
	end
end

--- The small integer NUMBER of `return key, NUMBER`.
function M.number_of_key(f)
	if type(f) == "function" and has_shape(f, number_model, 2) then
		local ins, model = funcbc(f, 2), funcbc(number_model, 2)
		if band(ins, 65535) == band(model, 65535) then
			return arshift(ins, 16)
		end
	end
end

--- Whether it is `return x + y`.
function M.is_sum(f)
	for _, model in ipairs(sum_models) do
		if type(f) == "function" and has_shape(f, model) then
			return true
		end
	end
	return false
end

return M
