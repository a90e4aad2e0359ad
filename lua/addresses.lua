--- addresses: the texts that user code has made of tables, functions and the like in this task.
-- In: what it gives to `tostring` and `format`. Out: those two, as user code gets them, `was_made`,
-- which tells such a text from one of the input that looks the same, and `watch`, which takes a
-- port: ports look for addresses only once there may be some.
-- What is usual ends in a tail call of the stock function, and this file is loaded without line
-- numbers: see `lua/patterns.lua`.

local type, select, next = type, select, next
local getmetatable, rawget = debug.getmetatable, rawget
local stock_tostring, stock_format = tostring, string.format

-- More than these in one task, and all that look like one are taken for one.
local MOST = 4096

local M = {}

local made, count = {}, 0
local ports = {}

local function note(text)
	if count == 0 then
		for _, port in next, ports do
			port.addresses = 1
		end
	end
	if count <= MOST and not made[text] then
		made[text] = true
		count = count + 1
	end
	return text
end

-- Whether its text is where it lies in memory. What `__tostring` gives is the user's own text, but
-- for userdata, of which the user makes none.
local function refers(v)
	local kind = type(v)
	if kind == "table" then
		local meta = getmetatable(v)
		return type(meta) ~= "table" or rawget(meta, "__tostring") == nil
	end
	return kind == "function" or kind == "userdata" or kind == "thread"
end

local function any_of(...)
	for i = 1, select("#", ...) do
		if refers((select(i, ...))) then
			return true
		end
	end
	return false
end

local function any(a, b, c, d, ...)
	return refers(a)
		or refers(b)
		or refers(c)
		or refers(d)
		or (select("#", ...) > 0 and any_of(...))
end

local function format(...)
	if any(...) then
		return note(stock_format(...))
	end
	return stock_format(...)
end

local function tostring(...)
	if refers((...)) then
		return note(stock_tostring(...))
	end
	return stock_tostring(...)
end

M.format, M.tostring = format, tostring

function M.was_made(text)
	return count > MOST or made[text] == true
end

function M.watch(port)
	ports[#ports + 1] = port
end

--- A new task has made none.
function M.forget()
	if count > 0 then
		made, count = {}, 0
		for _, port in next, ports do
			port.addresses = 0
		end
	end
end

return M
