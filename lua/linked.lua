--- linked: the steps of a loop as it is linked, each to what comes behind it.
-- In: a step of a segment, as Rust gives it. Out: load(step, template), which finds its part, and
-- link(step, next_step), what `new` of that part gives: run(row…), set(f) for each task, and perhaps
-- run(x). The step knows what is `behind` it from then on.

local M = {}

function M.load(step, template)
	local of = template("steps/" .. step.kind)
	if step.guard then
		of = template("guard").of(of, step)
		-- Shapes are of steps whose functions end the task when they fail.
		step.kind = "guard"
	end
	step.of = of
end

function M.link(step, next_step)
	step.behind = next_step
	return step.of.new(step.id, next_step, step.arguments)
end

return M
