--- segment: builds a segment's loop: its steps, from the last to the first, between a tail and a
-- head; then what is recognised in it.
-- In: from Rust, a head, steps and a tail, those with user code as { id, chunk, kind }, and the port;
-- send, which hands the full buffer on; template(name), which loads a file afresh. Out: push(),
-- finish(); what has user code, each with set(f) for each task, in the order in which a task makes
-- its functions; and what lets go of a task's rows.
--
-- Each file makes its part by `new`, a step's by new(id, next_step, arguments), and says what others ask of it.
-- A step, `lua/steps/`:
--   keeps_line    It gives its row on as it came, and nothing else: `emit` is none of its.
--   replaces_row  Nothing of its row comes behind it but what its function gives.
--   takes_line    Its third result is run(x) for rows of one column, whose function may get the lazy
--                 line (`lua/line.lua`) where its code allows that.
--   keeps_result  What its function returns is given to the steps behind it, which may keep it.
--   inline        What a loop that is written out does, with the call of the step's function for
--                 `%s`: `pass` gives results on, and a step that keeps its line leaves a block open.
--   open          In the place of `new` for a lazy line: leaves open what its function gives.
--   may_emit      Its function may `emit`, and so may what its code has given to `at_end`.
-- One with a `guard` has another part in the place of its own: `lua/guard.lua`.
-- A tail, `lua/tails/`, and a head, `lua/heads/`, that take something else than one function have
-- check(v): why v is not what they take, or nothing.
-- A head:
--   gives_lines   gives_lines(head, steps): whether its rows are lines, which a tail may copy from the
--                 block where all steps keep them.
--   leads         leads(steps): how many steps at the beginning it links itself.
--   shapes        Names of the shapes that loops over its rows may have. They are tried in order, and
--                 each gets what those before it have made.
-- A shape, `lua/shapes/`:
--   fits          fits(segment, loop): whether the loop can be a better one.
--   new           new(segment, loop): the better one, which falls back on the other where the user's
--                 functions are not of that shape; it takes them in `notices`.

local native = require("gleamflow.native")
local watch = require("gleamflow.addresses").watch
local state = require("gleamflow.state")
local linked = require("gleamflow.linked")
local hooks = require("gleamflow.hooks")

local ipairs, next = ipairs, next

local M = {}

-- The tail's run, finish and clear, and what writes frames.
local function link_tail(segment, port, send, template)
	local frames = template("tails/frames").new(port, send)
	local tail = segment.tail
	if tail then
		local run, finish, clear
		run, finish, tail.set, clear, tail.check =
			template("tails/" .. tail.kind).new(template, tail.id, tail.keys, frames)
		return run, finish, clear, frames
	elseif segment.keeps_lines then
		return template("tails/lines").new(port, send), nil, nil, frames
	end
	return frames.run, nil, nil, frames
end

-- Whether the tail may copy the lines of the block: it writes lines, and all steps keep them.
local function keeps_lines(segment)
	for _, step in ipairs(segment.steps) do
		if not step.of.keeps_line then
			return false
		end
	end
	local gives_lines = segment.head.of.gives_lines
	return segment.writes_lines
		and gives_lines
		and gives_lines(segment.head, segment.steps)
		and #segment.steps > 0
end

local function notify(code, notice)
	local set = code.set

	function code.set(f)
		set(f)
		notice(f)
	end
end

function M.build(segment, send, template)
	local head, steps, tail = segment.head, segment.steps, segment.tail
	head.of = template("heads/" .. head.kind)
	for _, step in ipairs(steps) do
		linked.load(step, template)
	end
	segment.keeps_lines = keeps_lines(segment)
	-- Whom a damaged row is charged to.
	local first = head.chunk and head or steps[1] or tail
	segment.first_id = first and first.id or 0

	local port = native.port(segment.port)
	watch(port)
	local run, finish_tail, clear_tail, frames = link_tail(segment, port, send, template)
	segment.frames = frames
	local leading = head.of.leads and head.of.leads(steps) or 0
	for i = #steps, leading + 1, -1 do
		run, steps[i].set = linked.link(steps[i], run)
	end
	local loop = head.of.new(port, run, segment, template)
	head.set, head.check = loop.set, loop.check
	local clear_head = loop.clear
	loop.port, loop.send, loop.pair = port, send, frames.pair
	for _, name in ipairs(head.of.shapes or {}) do
		local shape = template("shapes/" .. name)
		if shape.fits(segment, loop) then
			local better = shape.new(segment, loop)
			for code, notice in next, better.notices do
				notify(code, notice)
			end
			loop.push, loop.finish = better.push, better.finish or loop.finish
		end
	end

	local codes, clears = { tail }, { clear_tail }
	if head.chunk then
		codes[#codes + 1], clears[#clears + 1] = head, clear_head
	end
	for _, step in ipairs(steps) do
		codes[#codes + 1] = step
	end
	local push, finish_head = loop.push, loop.finish

	local function push_all()
		state.to, state.again = false, false
		push()
		if port.pending ~= 0 then
			send()
		end
	end

	local function finish_all()
		state.to, state.again = false, false
		if finish_head then
			finish_head()
		end
		for _, step in ipairs(steps) do
			hooks.finish(step)
		end
		if finish_tail then
			finish_tail()
		end
		if port.pending ~= 0 then
			send()
		end
	end

	return push_all, finish_all, codes, clears
end

return M
