-- What all scripts share: `facts` was written above. The first wrong answers are printed, which
-- ends the run.

local wrong = 0

function told_wrong(status, body)
   wrong = wrong + 1
   if wrong < 3 then print("WRONG", status, body) end
end

function is_good(status, body)
   return status == 200 and (facts.good == "" or body:find(facts.good, 1, true) ~= nil)
end

-- Each thread has a number, from 1 on.
local threads = 0
function setup(thread)
   threads = threads + 1
   thread:set("number", threads)
end
