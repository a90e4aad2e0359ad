--- native: the Rust functions and structures that the loops use through FFI.
-- In: the address of the table of functions (`src/lua/native.rs`), whose layout is repeated here.
-- Out: each function by its name, and casts for the addresses of ports and of the progress.

local ffi = require("ffi")

ffi.cdef([[
typedef struct { uint32_t step, row, emitted, busy; } gleamflow_progress;
typedef struct {
  const uint8_t *bytes;
  const uint32_t *ends;
  const uint8_t *marks;
  uint32_t size;
  uint32_t rows;
  uint32_t pending;
  uint32_t from, stop;
} gleamflow_port;
typedef struct gleamflow_key gleamflow_key;
typedef struct {
  uint16_t sets[256];
  uint8_t ops[256];
  uint8_t count, captures, anchored, set_count;
} gleamflow_pattern;
/* Signed where Rust has unsigned: no number here is that large, and the JIT converts an index that
   is signed once, not there and back. */
typedef struct {
  const int32_t *ids;
  const int32_t *spans;
  const int32_t *ends;
  int32_t count;
  const int32_t *fresh;
  int32_t fresh_count;
  uint32_t generation;
  const int32_t *forgotten;
  int32_t forgotten_count;
  int32_t most;
  const uint8_t *bytes;
} gleamflow_words;
typedef struct { const uint8_t *text; int32_t id; } gleamflow_hint;
typedef struct { const uint8_t *refused; uint32_t refused_size; } gleamflow_tally;
typedef struct { const uint8_t *bytes; uint32_t size, row, view; } gleamflow_line;
typedef struct {
  uint32_t (*row_s)(gleamflow_port *, const uint8_t *, uint32_t);
  uint32_t (*row_n)(gleamflow_port *, double);
  uint32_t (*row_sn)(gleamflow_port *, const uint8_t *, uint32_t, double);
  uint32_t (*row_ss)(gleamflow_port *, const uint8_t *, uint32_t, const uint8_t *, uint32_t);
  uint32_t (*keep_line)(gleamflow_port *);
  uint32_t (*find_line)(gleamflow_port *, const uint8_t *, uint32_t, uint32_t);
  void (*row_begin)(gleamflow_port *);
  uint32_t (*row_end)(gleamflow_port *);
  void (*row_drop)(gleamflow_port *);
  uint32_t (*put_string)(gleamflow_port *, const uint8_t *, uint32_t);
  void (*put_number)(gleamflow_port *, double);
  void (*put_int)(gleamflow_port *, int64_t);
  void (*put_uint)(gleamflow_port *, uint64_t);
  void (*put_nil)(gleamflow_port *);
  void (*put_bool)(gleamflow_port *, uint32_t);
  uint32_t (*put_array)(gleamflow_port *, uint32_t);
  uint32_t (*put_map)(gleamflow_port *, uint32_t);
  double (*read_float)(const uint8_t *);
  double (*read_double)(const uint8_t *);
  int64_t (*read_int)(const uint8_t *);
  uint64_t (*read_uint)(const uint8_t *);
  void (*key_clear)(gleamflow_key *);
  void (*key_tag)(gleamflow_key *, uint32_t);
  void (*key_number)(gleamflow_key *, double);
  void (*key_int)(gleamflow_key *, int64_t);
  void (*key_uint)(gleamflow_key *, uint64_t);
  void (*key_string)(gleamflow_key *, const uint8_t *, uint32_t);
  void (*key_size)(gleamflow_key *, uint32_t);
  const uint8_t *(*key_bytes)(gleamflow_key *);
  uint32_t (*key_count)(gleamflow_key *);
  uint32_t (*number_text)(double, uint8_t *);
  uint32_t (*pattern_compile)(const uint8_t *, uint32_t, uint32_t, gleamflow_pattern *);
  uint32_t (*pattern_find)(const gleamflow_pattern *, const uint8_t *, uint32_t, uint32_t, uint32_t *);
  uint32_t (*pattern_fill)(const gleamflow_pattern *, const uint8_t *, uint32_t, uint32_t, uint32_t *, uint32_t);
  int32_t (*pattern_replace)(const gleamflow_pattern *, const uint8_t *, uint32_t, const uint8_t *, uint32_t, uint32_t, gleamflow_key *);
  void (*words_scan)(gleamflow_words *, const gleamflow_pattern *, const gleamflow_port *, uint32_t);
  const uint8_t *(*words_lower)(gleamflow_words *, const gleamflow_port *, uint32_t);
  uint32_t (*tally_find)(gleamflow_tally *, const gleamflow_pattern *, const gleamflow_port *);
  uint32_t (*tally_add)(gleamflow_tally *, const gleamflow_port *, uint32_t);
  uint32_t (*tally_rows)(gleamflow_tally *, gleamflow_port *, double);
  void (*tally_clear)(gleamflow_tally *);
  uint32_t (*find_text)(const uint8_t *, uint32_t, const uint8_t *, uint32_t);
} gleamflow_natives;
]])

local M = {}

local natives = ffi.cast("const gleamflow_natives *", (...))[0]
for _, name in ipairs({
	"row_s",
	"row_n",
	"row_sn",
	"row_ss",
	"keep_line",
	"find_line",
	"row_begin",
	"row_end",
	"row_drop",
	"put_string",
	"put_number",
	"put_int",
	"put_uint",
	"put_nil",
	"put_bool",
	"put_array",
	"put_map",
	"read_float",
	"read_double",
	"read_int",
	"read_uint",
	"key_clear",
	"key_tag",
	"key_number",
	"key_int",
	"key_uint",
	"key_string",
	"key_size",
	"key_bytes",
	"key_count",
	"number_text",
	"pattern_compile",
	"pattern_find",
	"pattern_fill",
	"pattern_replace",
	"words_scan",
	"words_lower",
	"tally_find",
	"tally_add",
	"tally_rows",
	"tally_clear",
	"find_text",
}) do
	M[name] = natives[name]
end

local port_pointer = ffi.typeof("gleamflow_port *")
local key_pointer = ffi.typeof("gleamflow_key *")
local words_pointer = ffi.typeof("gleamflow_words *")
local tally_pointer = ffi.typeof("gleamflow_tally *")
local progress_pointer = ffi.typeof("gleamflow_progress *")

function M.port(address)
	return ffi.cast(port_pointer, address)
end

function M.key(address)
	return ffi.cast(key_pointer, address)
end

function M.words(address)
	return ffi.cast(words_pointer, address)
end

function M.tally(address)
	return ffi.cast(tally_pointer, address)
end

function M.progress(address)
	return ffi.cast(progress_pointer, address)
end

return M
