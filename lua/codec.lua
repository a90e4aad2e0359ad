--- codec: MessagePack values from bytes to Lua and from Lua into a port's out buffer.
-- In: `value(p, at, stop)` reads one value of the row that ends at `stop` and gives it with the
-- place after it; `put(port, column, v)` writes one column. Errors name what cannot be a column.

local ffi = require("ffi")
local native = require("gleamflow.native")
local addresses = require("gleamflow.addresses")
local order = require("gleamflow.order")
local state = require("gleamflow.state")

local error, type, tonumber, rawget, next = error, type, tonumber, rawget, next
local ffi_string, istype = ffi.string, ffi.istype
local int64, uint64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
local lazy_text = ffi.typeof("gleamflow_text")
local read_float, read_double = native.read_float, native.read_double
local read_int, read_uint = native.read_int, native.read_uint
local put_string, put_number, put_nil = native.put_string, native.put_number, native.put_nil
local put_bool, put_array, put_map = native.put_bool, native.put_array, native.put_map
local put_int, put_uint = native.put_int, native.put_uint
local null = state.null

-- Integers up to 2^53 are numbers in Lua.
local INT_EXACT, UINT_EXACT = int64(9007199254740992), uint64(9007199254740992)
local INT_LEAST = -INT_EXACT

local MAX_DEPTH = 100
local TOO_LARGE = native.status.TOO_LARGE

local format, gsub = string.format, string.gsub

local M = {}

local function damaged()
	error("damaged row: a value goes over its end", 0)
end

local value

local function array(p, at, stop, n, depth)
	if n > stop - at then
		damaged()
	end
	local t = {}
	for i = 1, n do
		local v
		v, at = value(p, at, stop, depth)
		if v == nil then
			v = null
		end
		t[i] = v
	end
	return t, at
end

local function map(p, at, stop, n, depth)
	if 2 * n > stop - at then
		damaged()
	end
	local t = {}
	for _ = 1, n do
		local k, v
		k, at = value(p, at, stop, depth)
		v, at = value(p, at, stop, depth)
		if k == nil then
			k = null
		elseif k ~= k then
			error("a map with the key NaN cannot be a Lua table", 0)
		end
		if v == nil then
			v = null
		end
		t[k] = v
	end
	return t, at
end

local function text(p, at, stop, n)
	local to = at + n
	if to > stop then
		damaged()
	end
	return ffi_string(p + at, n), to
end

local function sized(p, at, n)
	if n == 1 then
		return p[at]
	elseif n == 2 then
		return p[at] * 256 + p[at + 1]
	end
	return p[at] * 16777216 + p[at + 1] * 65536 + p[at + 2] * 256 + p[at + 3]
end

local function signed(x, n)
	local half = n == 1 and 128 or n == 2 and 32768 or 2147483648
	return x >= half and x - 2 * half or x
end

-- The size in bytes of what follows the tags 0xc4..0xdf: a number, or a length.
local WIDTH = {
	[0xc4] = 1,
	[0xc5] = 2,
	[0xc6] = 4,
	[0xca] = 4,
	[0xcb] = 8,
	[0xcc] = 1,
	[0xcd] = 2,
	[0xce] = 4,
	[0xcf] = 8,
	[0xd0] = 1,
	[0xd1] = 2,
	[0xd2] = 4,
	[0xd3] = 8,
	[0xd9] = 1,
	[0xda] = 2,
	[0xdb] = 4,
	[0xdc] = 2,
	[0xdd] = 4,
	[0xde] = 2,
	[0xdf] = 4,
}

local function long(p, at, stop, tag, depth)
	if tag == 0xc0 then
		return nil, at
	elseif tag == 0xc2 then
		return false, at
	elseif tag == 0xc3 then
		return true, at
	end
	local width = WIDTH[tag]
	if not width then
		error(
			tag == 0xc1 and "damaged row: 0xc1 is no value"
				or "MessagePack extension types have no value in Lua",
			0
		)
	end
	local to = at + width
	if to > stop then
		damaged()
	end
	if tag == 0xcb then
		return read_double(p + at), to
	elseif tag == 0xca then
		return read_float(p + at), to
	elseif tag == 0xcf then
		local x = read_uint(p + at)
		if x <= UINT_EXACT then
			return tonumber(x), to
		end
		return x, to
	elseif tag == 0xd3 then
		local x = read_int(p + at)
		if x <= INT_EXACT and x >= INT_LEAST then
			return tonumber(x), to
		end
		return x, to
	end
	local n = sized(p, at, width)
	if tag <= 0xc6 or (tag >= 0xd9 and tag <= 0xdb) then
		return text(p, to, stop, n)
	elseif tag <= 0xce then
		return n, to
	elseif tag <= 0xd2 then
		return signed(n, width), to
	elseif tag <= 0xdd then
		return array(p, to, stop, n, depth + 1)
	end
	return map(p, to, stop, n, depth + 1)
end

function value(p, at, stop, depth)
	if at >= stop then
		damaged()
	end
	local tag = p[at]
	at = at + 1
	if tag < 0x80 then
		return tag, at
	elseif tag >= 0xe0 then
		return tag - 256, at
	elseif tag >= 0xa0 and tag < 0xc0 then
		return text(p, at, stop, tag - 0xa0)
	elseif tag >= 0xc0 then
		if depth > MAX_DEPTH then
			error("a column is nested deeper than " .. MAX_DEPTH, 0)
		end
		return long(p, at, stop, tag, depth)
	elseif depth > MAX_DEPTH then
		error("a column is nested deeper than " .. MAX_DEPTH, 0)
	elseif tag < 0x90 then
		return map(p, at, stop, tag - 0x80, depth + 1)
	end
	return array(p, at, stop, tag - 0x90, depth + 1)
end

M.value = value

--- Throws for a column or a part of one that is no value.
function M.refuse(column, v, inside)
	local what = type(v)
	if what == "thread" then
		what = "coroutine"
	end
	error(format("column %d %s a %s", column, inside and "holds" or "is", what), 0)
end

function M.too_large()
	error("a row is larger than `max_row` allows", 0)
end

function M.pointer_text(column, v)
	error(
		format(
			"column %d is the text %q, the address of a value\n\nhint: tostring and .. show where a table or a function lies in memory; return what is in it",
			column,
			-- Where it lies is chance; the message should not be.
			(gsub(v, "0x%x+", "0x…"))
		),
		0
	)
end

local function too_deep(column)
	error(format("column %d is nested deeper than %d, or holds itself", column, MAX_DEPTH), 0)
end

-- A text that looks like an address: refused if user code has made it, else a text like others.
local function put_doubtful(port, column, v)
	if addresses.was_made(v) then
		M.pointer_text(column, v)
	end
	port.addresses = 0
	local status = put_string(port, v, #v)
	port.addresses = 1
	if status ~= 0 then
		M.too_large()
	end
end

local put

-- A text that is no string. Where user code has made addresses of values, it may be one of them.
local function put_lazy(port, column, v)
	if port.addresses ~= 0 then
		return put(port, column, ffi_string(v.bytes, v.size), 0)
	end
	if put_string(port, v.bytes, v.size) ~= 0 then
		M.too_large()
	end
end

local function put_table(port, column, t, depth)
	if depth > MAX_DEPTH then
		too_deep(column)
	end
	local list, n = order.is_list(t)
	if list then
		if put_array(port, n) ~= 0 then
			M.too_large()
		end
		for i = 1, n do
			put(port, column, rawget(t, i), depth)
		end
		return
	end
	local keys = order.sorted_keys(t)
	if put_map(port, #keys) ~= 0 then
		M.too_large()
	end
	for i = 1, #keys do
		put(port, column, keys[i], depth)
		put(port, column, rawget(t, keys[i]), depth)
	end
end

--- Writes one value. `depth` counts the tables around it; 0 is a column itself.
function put(port, column, v, depth)
	local kind = type(v)
	if kind == "string" then
		local status = put_string(port, v, #v)
		if status ~= 0 then
			if status == TOO_LARGE then
				M.too_large()
			end
			put_doubtful(port, column, v)
		end
	elseif kind == "number" then
		put_number(port, v)
	elseif kind == "nil" or v == null then
		put_nil(port)
	elseif kind == "boolean" then
		put_bool(port, v and 1 or 0)
	elseif kind == "table" then
		put_table(port, column, v, depth + 1)
	elseif kind == "cdata" and istype(lazy_text, v) then
		put_lazy(port, column, v)
	elseif kind == "cdata" and istype(int64, v) then
		put_int(port, v)
	elseif kind == "cdata" and istype(uint64, v) then
		put_uint(port, v)
	else
		M.refuse(column, v, depth > 0)
	end
end

M.put = put

local function copy_table(t, column, depth)
	if depth > MAX_DEPTH then
		too_deep(column)
	end
	local out, cost = {}, 32
	for k, v in next, t do
		local a, b
		k, a = M.copy(k, column, depth)
		v, b = M.copy(v, column, depth)
		out[k] = v
		cost = cost + a + b + 16
	end
	return out, cost
end

--- A value of its own for an accumulator, as encoding and decoding would give it, and its size:
-- the user's function may go on using the table that it has passed on.
function M.copy(v, column, depth)
	local kind = type(v)
	if kind == "string" then
		return v, #v
	elseif kind == "table" then
		return copy_table(v, column, depth + 1)
	elseif v == null then
		-- A column `null` is nil; inside a table it stays.
		if depth == 0 then
			return nil, 0
		end
		return v, 0
	elseif kind == "number" or kind == "boolean" or kind == "nil" then
		return v, 0
	elseif kind == "cdata" and istype(int64, v) then
		return v <= INT_EXACT and v >= INT_LEAST and tonumber(v) or v, 0
	elseif kind == "cdata" and istype(uint64, v) then
		return v <= UINT_EXACT and tonumber(v) or v, 0
	end
	M.refuse(column, v, depth > 0)
end

return M
