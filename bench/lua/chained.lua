-- Renewals: each thread has one connection and one session, and sends what it was given last.

function init()
   token = facts.tokens[number]
end

function request()
   local headers = {}
   for name, value in pairs(facts.headers) do headers[name] = string.format(value, token) end
   local body = facts.body ~= "" and string.format(facts.body, token) or nil
   return wrk.format(facts.method, nil, headers, body)
end

function response(status, headers, body)
   if facts.rotates and is_good(status, body) then token = body:match('"refresh_token": ?"([^"]+)"') end
   if token == nil or not is_good(status, body) then
      told_wrong(status, body)
      token = facts.tokens[number]
   end
end
