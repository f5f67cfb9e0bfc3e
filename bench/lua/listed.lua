-- Requests that differ: thread n of N sends every N-th line of a file: an address, a tab, a body.

function init()
   lines = {}
   local count = 0
   for line in io.lines(facts.file) do
      count = count + 1
      if count % facts.threads == number % facts.threads then lines[#lines + 1] = line end
   end
   turn = 0
end

function request()
   turn = turn + 1
   local line = lines[turn]
   if line == nil then
      told_wrong(0, "the list was too short")
      line = lines[1]
   end
   local address, body = line:match("^([^\t]*)\t(.*)$")
   facts.headers["X-Forwarded-For"] = address
   return wrk.format("POST", nil, facts.headers, body)
end

function response(status, headers, body)
   if not is_good(status, body) then told_wrong(status, body) end
end
