--- random: `math.random` and `math.randomseed`, with a generator for each step.
-- In: know(id, high, low) for each piece of user code, begin(high, low) for each task: halves of
-- seeds. Out: random and seed, for user code. What a step draws depends on its own seed and the
-- task's alone, never on which steps share its loop. The generator is xoshiro128++ by Blackman and
-- Vigna, https://prng.di.unimi.it/.

local state = require("gleamflow.state")
local bit = require("bit")
local ffi = require("ffi")

local bxor, lshift, rol, tobit = bit.bxor, bit.lshift, bit.rol, bit.tobit
local error, floor, select, tonumber, type = error, math.floor, select, tonumber, type
local format, new = string.format, ffi.new

local M = {}

-- By step: the halves of its seed, and the generator that has begun in this task.
local seeds, generators = {}, {}
local task_high, task_low = 0, 0
local NO_SEED = { 0, 0 }

--- Tells the seed of a piece of code.
function M.know(id, high, low)
	seeds[id] = { high, low }
end

--- Begins a task.
function M.begin(high, low)
	generators = {}
	task_high, task_low = high, low
end

-- 32 bits.
local function draw(g)
	local a, b, c, d = g[0], g[1], g[2], g[3]
	local drawn = tobit(rol(tobit(a + d), 7) + a)
	local t = lshift(b, 9)
	c, d = bxor(c, a), bxor(d, b)
	g[0], g[1], g[2], g[3] = bxor(a, d), bxor(b, c), bxor(c, t), rol(d, 11)
	return drawn
end

local function start(id, high, low)
	local g = new("int32_t[4]", tobit(high), tobit(low), tobit(high + low), 0x1e3779b9)
	-- Seeds that differ in few bits are far apart after some rounds.
	for _ = 1, 16 do
		draw(g)
	end
	generators[id] = g
	return g
end

local function generator()
	local id = state.progress.step
	local g = generators[id]
	if g ~= nil then
		return g
	end
	local seed = seeds[id] or NO_SEED
	return start(id, bxor(tobit(seed[1]), tobit(task_low)), bxor(tobit(seed[2]), tobit(task_high)))
end

-- Of [0, 1), with 53 bits.
local function fraction()
	local g = generator()
	local high, low = draw(g), draw(g)
	return ((high % 2 ^ 32) * 2 ^ 21 + (low % 2 ^ 32 - low % 2 ^ 11) / 2 ^ 11) * 2 ^ -53
end

local function number(x, nth, name)
	local n = tonumber(x)
	if type(n) ~= "number" then
		local got = x == nil and "no value" or type(x)
		error(format("bad argument #%d to '%s' (number expected, got %s)", nth, name, got), 3)
	end
	return n
end

--- `math.random` of Lua 5.1: of [0, 1), of 1 to m, of m to n.
function M.random(m, n, ...)
	if m == nil and n == nil then
		return fraction()
	end
	if select("#", ...) > 0 then
		error("wrong number of arguments", 2)
	end
	local low, high = 1, number(m, 1, "random")
	local last = 1
	if n ~= nil then
		low, high, last = high, number(n, 2, "random"), 2
	end
	if low > high then
		error(format("bad argument #%d to 'random' (interval is empty)", last), 2)
	end
	return floor(fraction() * (high - low + 1)) + low
end

--- `math.randomseed`: begins the step's own numbers anew.
function M.seed(x)
	local n = number(x, 1, "randomseed")
	local bits = new("union { double number; int32_t halves[2]; }")
	bits.number = n
	start(state.progress.step, bits.halves[1], bits.halves[0])
end

return M
