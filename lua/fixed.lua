--- fixed: functions of a fixed number of arguments that call one of `...`, for xpcall: a return of the
-- latter straight to it is not compiled.
-- Out: calling(f, n), a function of n arguments that calls f; caller(n), which takes f before them.
-- Each has a prototype of its own: a trace takes a second call of one for recursion.

local concat, loadstring = table.concat, loadstring

local M = {}

--- More arguments than this are passed on as they are.
M.most = 60

local function names(n)
	local list = {}
	for i = 1, n do
		list[i] = "a" .. i
	end
	return concat(list, ", ")
end

function M.calling(f, n)
	local list = names(n)
	local text = "local f = ... return function(" .. list .. ") f(" .. list .. ") end"
	return loadstring(text, "=lua/fixed.lua")(f)
end

function M.caller(n)
	local list = names(n)
	local text = "return function(f, " .. list .. ") f(" .. list .. ") end"
	return loadstring(text, "=lua/fixed.lua")()
end

return M
