-- The word count as the manual would have it: a line at a time.
local counts = {}
for line in io.lines(arg[1]) do
	for word in line:gmatch("%w+") do
		counts[word] = (counts[word] or 0) + 1
	end
end
io.stdout:setvbuf("full", 1048576)
for word, count in pairs(counts) do
	io.write(word, ",", count, "\n")
end
