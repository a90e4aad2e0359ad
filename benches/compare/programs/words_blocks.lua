-- The word count over blocks of 1 MiB that end with a line.
local counts = {}
local file = assert(io.open(arg[1]))
while true do
	local block, rest = file:read(1048576, "*l")
	if not block then
		break
	end
	for word in (rest and block .. rest or block):gmatch("%w+") do
		counts[word] = (counts[word] or 0) + 1
	end
end
io.stdout:setvbuf("full", 1048576)
for word, count in pairs(counts) do
	io.write(word, ",", count, "\n")
end
