--- frames: the end of a segment that writes rows into its out buffer.
-- In: the port, and `flush`, which hands the full buffer on. Out: run(row…), list(values, n),
-- which writes the row values[1..n], pair(text, number) for such a row, and ended(status), which
-- takes what Rust says of a row that it has put out itself.
-- Whether rows are left as frames or written as text is the port's own matter.

local ffi = require("ffi")
local native = require("gleamflow.native")
local codec = require("gleamflow.codec")
local failure = require("gleamflow.failure")
local state = require("gleamflow.state")

local select, type, istype = select, type, ffi.istype
local lazy_text = ffi.typeof("gleamflow_text")
local row_s, row_n, row_sn, row_ss = native.row_s, native.row_n, native.row_sn, native.row_ss
local row_begin, row_end, row_drop = native.row_begin, native.row_end, native.row_drop
local put, put_nil = codec.put, native.put_nil
local FLUSH, REFUSED = native.status.FLUSH, native.status.REFUSED
local TOO_LARGE = native.status.TOO_LARGE

local M = {}

function M.new(port, flush)
	local progress = state.progress

	-- Writes any row, and looks closer at its texts.
	local write_closely

	-- A row that could not be written: says why, or has another try.
	local function refuse(status, ...)
		row_drop(port)
		if status == TOO_LARGE then
			codec.too_large()
		elseif status == REFUSED then
			failure.elsewhere()
		end
		return write_closely(select("#", ...), ...)
	end

	local function ended(status, ...)
		if status == FLUSH then
			flush()
		elseif status ~= 0 then
			return refuse(status, ...)
		end
		progress.emitted = progress.emitted + 1
	end

	local function general(n, ...)
		row_begin(port)
		for i = 1, n do
			put(port, i, (select(i, ...)), 0)
		end
		return ended(row_end(port))
	end
	write_closely = general

	local function run(...)
		local n = select("#", ...)
		if n == 1 then
			local a = ...
			if type(a) == "string" then
				return ended(row_s(port, a, #a), a)
			elseif type(a) == "number" then
				return ended(row_n(port, a))
			elseif type(a) == "cdata" and istype(lazy_text, a) then
				return ended(row_s(port, a.bytes, a.size), a)
			end
		elseif n == 2 then
			local a, b = ...
			if type(a) == "string" then
				if type(b) == "number" then
					return ended(row_sn(port, a, #a, b), a, b)
				elseif type(b) == "string" then
					return ended(row_ss(port, a, #a, b, #b), a, b)
				end
			elseif type(a) == "cdata" and istype(lazy_text, a) then
				if type(b) == "number" then
					return ended(row_sn(port, a.bytes, a.size, b), a, b)
				elseif type(b) == "cdata" and istype(lazy_text, b) then
					return ended(row_ss(port, a.bytes, a.size, b.bytes, b.size), a, b)
				end
			end
		elseif n == 3 then
			local a, b, c = ...
			row_begin(port)
			put(port, 1, a, 0)
			put(port, 2, b, 0)
			put(port, 3, c, 0)
			return ended(row_end(port), a, b, c)
		end
		return general(n, ...)
	end

	local function list(values, n)
		row_begin(port)
		for i = 1, n do
			local v = values[i]
			if v == nil then
				put_nil(port)
			else
				put(port, i, v, 0)
			end
		end
		ended(row_end(port))
	end

	local function pair(text, number)
		ended(row_sn(port, text, #text, number), text, number)
	end

	return { run = run, list = list, pair = pair, ended = ended }
end

return M
