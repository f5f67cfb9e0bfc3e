-- Refreshes: each thread has one connection and one session, and sends what it was given last.

function init()
   token = facts.tokens[number]
end

function request()
   local body = string.format('{"refresh_token":"%s","group":"%s"}', token, facts.group)
   return wrk.format("POST", nil, facts.headers, body)
end

function response(status, headers, body)
   local given = body:match('"refresh_token":"([^"]+)"')
   if not is_good(status, body) or given == nil then
      told_wrong(status, body)
   else
      token = given
   end
end
