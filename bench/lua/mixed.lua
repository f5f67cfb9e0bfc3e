-- Of 50 requests 40 are checks, 6 refreshes, 3 logins, 1 asks for a code. Each thread has one
-- connection, one member and one session; it logs in elsewhere, so that its session stays.

local kinds = {}
for turn = 1, 50 do kinds[turn] = "check" end
for turn = 8, 48, 8 do kinds[turn] = "refresh" end
kinds[13], kinds[29], kinds[45], kinds[37] = "login", "login", "login", "code"

local turn, codes = 0, 0

function init()
   access, refresh = facts.access[number], facts.refresh[number]
end

function request()
   turn = turn % 50 + 1
   kind = kinds[turn]
   if kind == "check" then
      return wrk.format("GET", "/v1/member/member/index", {["X-Api-Key"] = access})
   end
   local headers = {["Content-Type"] = "application/json"}
   if kind == "refresh" then
      local body = string.format('{"refresh_token":"%s","group":"pc"}', refresh)
      return wrk.format("POST", "/v1/site/refresh", headers, body)
   elseif kind == "login" then
      return wrk.format("POST", "/v1/site/login", headers, facts.logins[number])
   end
   codes = codes + 1
   local serial = facts.first + number * 3000 + codes
   headers["X-Forwarded-For"] = string.format("10.%d.%d.%d", serial / 65025 % 255, serial / 255 % 255, serial % 255)
   local mobile = string.format("13%05d%04d", serial % 90000, math.floor(serial / 90000))
   return wrk.format("POST", "/v1/site/sms-code", headers, string.format('{"mobile":"%s","usage":"login"}', mobile))
end

function response(status, headers, body)
   if not is_good(status, body) then
      told_wrong(status, body)
   elseif kind == "refresh" then
      access = body:match('"access_token":"([^"]+)"')
      refresh = body:match('"refresh_token":"([^"]+)"')
   end
end
