--- native: the Rust functions and structures that the loops use through FFI.
-- In: from Rust, the address of the table of functions; the declarations in C of it and of the
-- structures, and the names of the functions, both made from the types in Rust; and what functions
-- say of a row (`src/lua/status.rs`). Out: each function by its name, `status`, and casts for
-- addresses.

local ffi = require("ffi")
local given = ...

local cast = ffi.cast

ffi.cdef(given.declarations)
-- A lazy text: see `lua/line.lua`.
ffi.cdef(
	"typedef struct { const uint8_t *bytes; uint32_t size, row, view, flows, counts; } gleamflow_text;"
)

local M = { status = given.status }

local text, istype, type = ffi.typeof("gleamflow_text"), ffi.istype, type

--- Whether a value is a lazy text.
function M.is_text(v)
	return type(v) == "cdata" and istype(text, v)
end

local natives = cast("const gleamflow_natives *", given.address)[0]
for _, name in ipairs(given.names) do
	M[name] = natives[name]
end

local function pointer(kind)
	local pointer_type = ffi.typeof("gleamflow_" .. kind .. " *")

	return function(address)
		return cast(pointer_type, address)
	end
end

for _, kind in ipairs({
	"port",
	"key",
	"words",
	"tally",
	"progress",
	"columns",
	"formats",
	"lookup",
}) do
	M[kind] = pointer(kind)
end

return M
