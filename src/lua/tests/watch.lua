--- watch: counts the traces of row loops as they are compiled, for tests.
-- Out: a function that gives the compiled and the aborted ones since its last call.
local util = require("jit.util")
local compiled, aborted, reason = 0, 0, ""
local ours = {}
jit.attach(function(what, number, func, _, code)
	if what == "start" then
		local source = util.funcinfo(func).source or ""
		ours[number] = source:find("^=lua/heads") ~= nil
			or source:find("^=lua/shapes/") ~= nil
			or source:find("^=gleamflow") ~= nil
	elseif what == "stop" and ours[number] then
		compiled = compiled + 1
	elseif what == "abort" and ours[number] then
		aborted = aborted + 1
		reason = tostring(code)
	end
end, "trace")
return function()
	local a, b, c = compiled, aborted, reason
	compiled, aborted, reason = 0, 0, ""
	return a, b, c
end
