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
local spread = require("gleamflow.frame").spread
local decoded = require("gleamflow.frame").columns

local ffi_string = ffi.string
local columns_load, columns_row = native.columns_load, native.columns_row
local concat, format, max = table.concat, string.format, math.max
local ipairs, unpack, loadstring = ipairs, unpack, loadstring
local NONE, LAZY, VALUE = uses.NONE, uses.LAZY, uses.VALUE

local LF, TAB = 10, 9
local USUAL, ODD = 0, 2
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

-- What a loop must do with each column: by the uses of all steps it leads.
local function wanted(leading, of_steps, may_return)
	local kinds, width = {}, 0
	-- Texts flow out of the last step alone, and only where all lazy ones may.
	kinds.flows = may_return and of_steps[leading].flows
	for i = 1, leading do
		kinds.flows = kinds.flows and of_steps[i].keeps_texts
		width = max(width, of_steps[i].n)
		for column = 1, of_steps[i].n do
			local use = of_steps[i][column]
			if use > LAZY and not (may_return and i == leading) then
				use = VALUE
			end
			kinds[column] = max(kinds[column] or NONE, use)
		end
	end
	return kinds, width
end

local function arguments(n)
	local names = {}
	for column = 1, n do
		names[column] = "v" .. column
	end
	return concat(names, ", ")
end

-- The text of a loop. It is given what it needs in one table.
local function text_of(kinds, width, numeric, of_steps, steps, leading, keeps)
	local text = {}

	local function add(...)
		text[#text + 1] = format(...)
	end

	add("local given = ...")
	add(
		"local port, columns, progress, state = given.port, given.columns, given.progress, given.state"
	)
	add("local ffi_string, load, odd = given.ffi_string, given.load, given.odd")
	add(
		"local next_step, next_whole, whole, lazy = given.next_step, given.next_whole, given.whole, given.lazy"
	)
	add("local select = select")
	for i = 1, leading do
		add("local f%d", i)
	end
	for column = 1, width do
		if kinds[column] ~= NONE and kinds[column] ~= VALUE and not numeric[column] then
			add("local c%d = lazy[%d]", column, column)
		end
	end
	add("local function pass(...)")
	add("\tif select('#', ...) ~= 0 then return next_step(...) end")
	add("end")
	add("local function push()")
	add("\tload(columns, port, %d, %d)", width, keeps and 1 or 0)
	add(
		"\tlocal bytes, spans, numbers, kinds = port.bytes, columns.spans, columns.numbers, columns.kinds"
	)
	if keeps then
		add("\tlocal stops, from = columns.stops, 0")
	end
	add("\tfor row = 0, port.rows - 1 do")
	add("\t\tprogress.row = row")
	if keeps then
		add("\t\tlocal start, stop = from, stops[row]")
		add("\t\tfrom = stop + 1")
	end
	add("\t\tif kinds[row] == %d then", ODD)
	add("\t\t\todd(row)")
	add("\t\telse")
	for column = 1, width do
		local at = 2 * (column - 1)
		if numeric[column] then
			add("\t\t\tlocal v%d = numbers[row * %d + %d]", column, numeric.n, numeric[column] - 1)
		elseif kinds[column] == VALUE then
			add("\t\t\tlocal a%d = spans[row * %d + %d]", column, 2 * width, at)
			add(
				"\t\t\tlocal v%d = ffi_string(bytes + a%d, spans[row * %d + %d] - a%d)",
				column,
				column,
				2 * width,
				at + 1,
				column
			)
		elseif kinds[column] ~= NONE then
			add("\t\t\tlocal a%d = spans[row * %d + %d]", column, 2 * width, at)
			add(
				"\t\t\tc%d.bytes, c%d.size = bytes + a%d, spans[row * %d + %d] - a%d",
				column,
				column,
				column,
				2 * width,
				at + 1,
				column
			)
			add("\t\t\tc%d.flows = %d", column, kinds.flows and 1 or 0)
			add("\t\t\tlocal v%d = c%d", column, column)
		else
			add("\t\t\tlocal v%d = false", column)
		end
	end
	for i = 1, leading do
		local step, of = steps[i], of_steps[i]
		add("\t\t\tprogress.step = %d", step.id)
		add("\t\t\t" .. (step.of.inline or "%s"), format("f%d(%s)", i, arguments(of.n)))
	end
	if steps[leading].of.keeps_line then
		if keeps then
			add("\t\t\tif kinds[row] == %d then", USUAL)
			add("\t\t\t\tport.from, port.stop = start, stop")
			add("\t\t\t\tnext_step()")
			add("\t\t\telse")
			add("\t\t\t\tnext_whole(whole(row))")
			add("\t\t\tend")
		else
			add("\t\t\tnext_step(whole(row))")
		end
	end
	for i = 1, leading do
		if steps[i].of.keeps_line then
			add("\t\t\tend")
		end
	end
	add("\t\tend")
	add("\tend")
	add("end")
	local names = {}
	for i = 1, leading do
		names[i] = "f" .. i
	end
	add("return push, function(...) %s = ... end", concat(names, ", "))
	return concat(text, "\n")
end

function M.new(port, next_step, segment)
	local progress = state.progress
	local head, steps = segment.head, segment.steps
	local columns = native.columns(head.columns)
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

	-- The same steps for any row; and what the last of them does, if it is no filter.
	local run, run_last, sets = next_whole, nil, {}
	for i = leading, 1, -1 do
		run, sets[i] = steps[i].of.new(steps[i].id, run)
		run_last = run_last or run
	end

	local function odd(row)
		progress.step = first
		return run(whole(row))
	end

	local function push_whole()
		columns_load(columns, port, 0, 0)
		for row = 0, port.rows - 1 do
			progress.row = row
			progress.step = first
			run(whole(row))
		end
	end

	local functions, changed = {}, true
	local loops, set_loop = {}, nil
	local last = steps[leading]
	-- A lazy text may go where rows are written, and nowhere else.
	local may_return = last and last.of.keeps_result and leading == #steps and not segment.tail

	local function loop_of()
		if not last then
			return push_whole
		end
		local of_steps = {}
		for i = 1, leading do
			of_steps[i] = uses.of(functions[i])
			if not of_steps[i] then
				return push_whole
			end
		end
		local kinds, width = wanted(leading, of_steps, may_return)
		if width > MOST_COLUMNS then
			return push_whole
		end
		local text = text_of(kinds, width, numeric, of_steps, steps, leading, keeps)
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
				next_whole = next_whole,
				whole = whole,
				lazy = lazy.columns(width),
			})
			loop = { push = push, set = set }
			loops[text] = loop
		end
		local called = {}
		for i = 1, leading do
			called[i] = functions[i]
		end
		if not last.of.inline then
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
