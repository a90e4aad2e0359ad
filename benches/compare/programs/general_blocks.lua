-- Count and sum of lengths of identifiers of more than 3 letters, lower-cased, outside `#` lines;
-- over blocks of 1 MiB that end with a line.
local counts, sizes = {}, {}
local file = assert(io.open(arg[1]))
while true do
	local block, rest = file:read(1048576, "*l")
	if not block then
		break
	end
	for line in (rest and block .. rest or block):lower():gmatch("[^\n]+") do
		if line:byte(1) ~= 35 then
			for word in line:gmatch("%a[%w_]*") do
				if #word > 3 then
					counts[word] = (counts[word] or 0) + 1
					sizes[word] = (sizes[word] or 0) + #word
				end
			end
		end
	end
end
io.stdout:setvbuf("full", 1048576)
for word, count in pairs(counts) do
	io.write(word, ",", count, ",", sizes[word], "\n")
end
