-- Plain work on lines: `luajit lines.lua find|change|chain FILE`.
io.stdout:setvbuf("full", 1048576)
local write = io.write
local work = {}

function work.find(file)
	for line in io.lines(file) do
		if line:find("static", 1, true) then
			write(line, "\n")
		end
	end
end

function work.change(file)
	for line in io.lines(file) do
		write(line:sub(1, 8) .. ":" .. #line * 2 + (line:byte(1) or 0), "\n")
	end
end

function work.chain(file)
	for line in io.lines(file) do
		local size = #line % 80
		if size > 20 then
			write(size, " ", line:sub(1, 20), "\n")
		end
	end
end

work[arg[1]](arg[2])
