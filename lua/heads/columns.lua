--- columns: the loop over a block of lines whose columns are separated by one byte.
-- In: the port, whose `ends` are the places of that byte and of line feeds; the continuation behind
-- the steps that it links itself; and the segment, whose head knows the block's columns. Out: push(),
-- set for each step. A separator at the end of a line makes a last empty column.
-- Filters at the beginning, and the step behind them, get only what their code looks at: no column
-- that they have no parameter for, lazy texts where those serve, numbers without a text in between.
-- For each way of using columns a loop is written out once (`loop_of`), with a local for each of
-- them. Whoever wants a whole row, and rows that are not as usual, get it from `whole`.

local ffi = require("ffi")
local native = require("gleamflow.native")
local failure = require("gleamflow.failure")
local lazy = require("gleamflow.line")
local uses = require("gleamflow.uses")
local state = require("gleamflow.state")
local frame = require("gleamflow.frame")
local link = require("gleamflow.linked").link
local is_pure = require("gleamflow.pure").is_pure
local spread, decoded = frame.spread, frame.columns

local ffi_string = ffi.string
local columns_load, columns_row = native.columns_load, native.columns_row
local columns_put, columns_cut = native.columns_put, native.columns_cut
local concat, max = table.concat, math.max
local format, gsub, rep = string.format, string.gsub, string.rep
local ipairs, unpack, loadstring, tostring = ipairs, unpack, loadstring, tostring
local NONE, LAZY, RETURNED, VALUE = uses.NONE, uses.LAZY, uses.RETURNED, uses.VALUE

local LF, TAB = 10, 9
-- More than a block has: rows are then only told apart.
local NO_PLACES = 4294967295
-- More columns than this in the locals of a loop are not worth one of its own.
local MOST_COLUMNS = 40

local M = {}

--- How many steps at the beginning it links itself.
function M.leads(steps)
	for i, step in ipairs(steps) do
		if not step.of.keeps_line then
			return step.of.replaces_row and i or i - 1
		end
	end
	return #steps
end

--- Whether its rows are lines as they would be written.
function M.gives_lines(head, steps)
	return head.separator == TAB and head.whole_line and M.leads(steps) == #steps
end

-- Whether a step may return lazy texts: it is a filter, or what it returns is written and nothing else.
local function may_return(segment, i)
	local of = segment.steps[i].of
	return of.keeps_line or of.keeps_result and i == #segment.steps and not segment.tail
end

-- The same for all steps that look at `...`.
local function varargs_return(segment, leading, of_steps)
	for i = 1, leading do
		if of_steps[i].varargs and not may_return(segment, i) then
			return false
		end
	end
	return true
end

-- What a loop must do with each column, by the uses of all steps it leads; and whether texts that
-- are made from it may flow.
local function wanted(segment, leading, of_steps)
	local kinds, texts, width = {}, {}, 0
	for i = 1, leading do
		width = max(width, of_steps[i].n)
		local most = may_return(segment, i) and RETURNED or LAZY
		for column = 1, of_steps[i].n do
			local use, of_texts = of_steps[i][column], of_steps[i].texts[column]
			kinds[column] = max(kinds[column] or NONE, use <= most and use or VALUE)
			texts[column] = max(texts[column] or NONE, of_texts <= most and of_texts or VALUE)
		end
	end
	return kinds, texts, width
end

-- What a loop is made of; `{…}` are filled in. It is given what it needs in one table.
local BEGIN = [[
local given = ...
local port, columns, progress, state = given.port, given.columns, given.progress, given.state
local ffi_string, load, odd, lazy = given.ffi_string, given.load, given.odd, given.lazy
local next_step, whole, again = given.next_step, given.whole, given.again
local put, ended, cut, open_row = given.put, given.ended, given.cut, state.row
local select = select
local {functions}
local function pass(...)
	if select("#", ...) ~= 0 then
		return next_step(...)
	end
end
local function push()
	state.again = again
	load(columns, port, {width}, {exact})
	local bytes, spans, numbers = port.bytes, columns.spans, columns.numbers
	open_row.columns, open_row.bytes, open_row.returns = columns, bytes, {returns}
	local kinds, stops, from = columns.kinds, columns.stops, 0
	for row = 0, port.rows - 1 do
		local start, stop = from, stops[row]
		from = stop + 1
		progress.row = row
		if kinds[row] == {odd} then
			odd(row)
		else]]
local NUMBER = "local v{n} = numbers[row * {numbers} + {nth}]"
local SPAN =
	"local a{n} = spans[row * {stride} + {at}] local b{n} = spans[row * {stride} + {at} + 1]"
local TEXT = SPAN .. " local v{n} = ffi_string(bytes + a{n}, b{n} - a{n})"
local LAZY_TEXT = SPAN
	.. " local v{n} = lazy[{n}]"
	.. " v{n}.bytes, v{n}.size, v{n}.flows = bytes + a{n}, b{n} - a{n}, {flows}"
local UNUSED = "local v{n} = false"
-- A row of more columns than a function takes is an error, whatever the function looks at.
local CUT = "cut(columns, port, row) if columns.count > {most} then odd(row) else"
local STEP = "progress.step = {id} {call}"
local KEEP = [[
			if kinds[row] == {usual} then
				port.from, port.stop = start, stop
				next_step()
			else
				ended(put(columns, port, row))
			end]]
local PASS_ON = "next_step(whole(row))"
local PUT_OUT = "ended(put(columns, port, row))"
local END = [[
		end
	end
end
return push, function(...)
	{functions} = ...
end]]

local function fill(text, values)
	return (gsub(text, "{(%w+)}", values))
end

local function names(prefix, n)
	local list = {}
	for i = 1, n do
		list[i] = prefix .. i
	end
	return concat(list, ", ")
end

-- The text of a loop.
local function text_of(kinds, texts, width, numeric, of_steps, segment, leading)
	local head, steps, keeps = segment.head, segment.steps, segment.keeps_lines
	local functions = leading > 0 and names("f", leading) or "_"
	local text = {
		fill(BEGIN, {
			functions = functions,
			width = width,
			exact = keeps and 1 or 0,
			odd = head.odd,
			returns = tostring(varargs_return(segment, leading, of_steps)),
		}),
	}
	for column = 1, width do
		local binding = TEXT
		if numeric[column] then
			binding = NUMBER
		elseif kinds[column] == NONE then
			binding = UNUSED
		elseif kinds[column] ~= VALUE then
			binding = LAZY_TEXT
		end
		text[#text + 1] = fill(binding, {
			n = column,
			numbers = numeric.n,
			nth = (numeric[column] or 1) - 1,
			stride = 2 * width,
			at = 2 * (column - 1),
			flows = texts[column] ~= NONE and texts[column] ~= VALUE and 1 or 0,
		})
	end
	local open, is_cut = 0, false
	for i = 1, leading do
		is_cut = is_cut or of_steps[i].varargs
	end
	if is_cut then
		text[#text + 1] = fill(CUT, { most = frame.most })
	end
	for i = 1, leading do
		local of = steps[i].of
		local call = fill("f{i}({arguments})", { i = i, arguments = names("v", of_steps[i].n) })
		call = format(of.inline or "%s", call)
		text[#text + 1] = fill(STEP, { id = steps[i].id, call = call })
		open = open + (of.keeps_line and 1 or 0)
	end
	if leading == 0 then
		text[#text + 1] = fill("next_step({columns})", { columns = names("v", width) })
	elseif open == leading then
		-- A number is not put out as Lua would write it: of `1e3`, that is 1000.
		local is_end = leading == #steps and not segment.tail and numeric.n == 0
		text[#text + 1] = keeps and fill(KEEP, { usual = head.usual })
			or is_end and PUT_OUT
			or PASS_ON
	end
	text[#text + 1] = rep("end ", open + (is_cut and 1 or 0))
	text[#text + 1] = fill(END, { functions = functions })
	return concat(text, "\n")
end

function M.new(port, next_step, segment)
	local progress = state.progress
	local head, steps = segment.head, segment.steps
	local columns = native.columns(head.columns)
	uses.foresee(segment)
	local leading = M.leads(steps)
	local first = segment.first_id
	local keeps = segment.keeps_lines
	-- What takes a whole row that has come through: the line may not be what would be written.
	local next_whole = keeps and segment.frames.run or next_step
	local numeric = { n = #head.numeric }
	for i, column in ipairs(head.numeric) do
		numeric[column] = i
	end

	-- All columns of a row as values.
	local whole
	local list = {}

	local function decoded_row(row)
		if columns_row(columns, port, row) ~= 0 then
			failure.elsewhere()
		end
		local n = decoded(columns.row, 0, columns.row_bytes, list)
		return spread(list, n)
	end

	local function cut_row(row)
		local bytes, ends = port.bytes, port.ends
		local from = row == 0 and 0 or columns.stops[row - 1] + 1
		local i = columns.firsts[row]
		local stop = ends[i]
		local a = ffi_string(bytes + from, stop - from)
		if bytes[stop] == LF then
			return a
		end
		from, i = stop + 1, i + 1
		stop = ends[i]
		local b = ffi_string(bytes + from, stop - from)
		if bytes[stop] == LF then
			return a, b
		end
		local n = 2
		list[1], list[2] = a, b
		repeat
			from, i, n = stop + 1, i + 1, n + 1
			stop = ends[i]
			list[n] = ffi_string(bytes + from, stop - from)
		until bytes[stop] == LF
		return spread(list, n)
	end

	whole = (numeric.n > 0 or not head.whole_line) and decoded_row or cut_row

	local function whole_of_open()
		return whole(progress.row)
	end

	-- The same steps for any row; and what the last of them does, if it is no filter.
	local run, run_last, sets = next_whole, nil, {}
	for i = leading, 1, -1 do
		if steps[i].of.guarded then
			steps[i].whole = whole_of_open
		end
		run, sets[i] = link(steps[i], run)
		run_last = run_last or run
	end

	local function odd(row)
		progress.step = first
		return run(whole(row))
	end

	local function push_whole()
		columns_load(columns, port, NO_PLACES, 0)
		for row = 0, port.rows - 1 do
			progress.row = row
			progress.step = first
			run(whole(row))
		end
	end

	local functions, changed = {}, true
	local loops, set_loop = {}, nil
	local last = steps[leading]

	-- The uses of all columns that a loop must have in its locals: those of the steps that it leads, or
	-- all there are, where it leads none and their number is known.
	local function uses_of_columns()
		local of_steps = {}
		for i = 1, leading do
			local is_open = not steps[i].of.guarded or is_pure(functions[i])
			of_steps[i] = is_open and uses.of(functions[i])
			if not of_steps[i] or of_steps[i].varargs and not head.all_columns then
				return nil
			end
		end
		if last then
			return of_steps, wanted(segment, leading, of_steps)
		end
		local kinds, texts = {}, {}
		for column = 1, head.width or 0 do
			kinds[column], texts[column] = VALUE, NONE
		end
		return of_steps, kinds, texts, head.width or MOST_COLUMNS + 1
	end

	local function again()
		for i = 1, leading do
			sets[i](functions[i])
		end
		run(whole(progress.row))
	end

	local function loop_of()
		local of_steps, kinds, texts, width = uses_of_columns()
		if not of_steps or width > MOST_COLUMNS then
			return push_whole
		end
		local text = text_of(kinds, texts, width, numeric, of_steps, segment, leading)
		local loop = loops[text]
		if not loop then
			local push, set = loadstring(text, "=lua/heads/columns.lua")({
				port = port,
				columns = columns,
				progress = progress,
				state = state,
				ffi_string = ffi_string,
				load = columns_load,
				odd = odd,
				next_step = next_step,
				put = columns_put,
				cut = columns_cut,
				ended = segment.frames.ended,
				whole = whole,
				again = again,
				lazy = lazy.columns(width),
			})
			loop = { push = push, set = set }
			loops[text] = loop
		end
		local called = {}
		for i = 1, leading do
			called[i] = of_steps[i].called or functions[i]
		end
		if last and not last.of.inline then
			sets[leading](called[leading])
			called[leading] = run_last
		end
		loop.set(unpack(called, 1, leading))
		set_loop = loop.set
		return loop.push
	end

	local push
	for i = 1, leading do
		steps[i].set = function(f)
			sets[i](f)
			functions[i], changed = f, true
			-- A loop must not keep what the last task has made.
			if set_loop then
				set_loop()
				set_loop = nil
			end
		end
	end

	return {
		push = function()
			if changed then
				push, changed = loop_of(), false
			end
			return push()
		end,
	}
end

return M
