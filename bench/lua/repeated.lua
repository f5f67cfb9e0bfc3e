-- One request, over and over; with `bodies`, each of them in turn.

wrk.method = facts.method
wrk.body = facts.body ~= "" and facts.body or nil
for name, value in pairs(facts.headers) do wrk.headers[name] = value end

if #facts.bodies > 0 then
   local turn = 0
   function request()
      turn = turn % #facts.bodies + 1
      return wrk.format(nil, nil, nil, facts.bodies[turn])
   end
end

function response(status, headers, body)
   if not is_good(status, body) then told_wrong(status, body) end
end
