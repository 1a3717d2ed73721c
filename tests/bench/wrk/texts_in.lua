-- wrk script: people text our numbers through the network. With RATE, that many a second in all, else as fast as it goes.
-- Environment: NUMBERS (comma list of E.164), FIRST (number of the first person), RATE (optional), TOKEN (optional).
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")
local numbers = common.split(assert(os.getenv("NUMBERS"), "set NUMBERS"))
local n, rate = tonumber(os.getenv("FIRST") or "0"), tonumber(os.getenv("RATE") or "0")
local headers = { ["Content-Type"] = "application/json" }
if os.getenv("TOKEN") then headers["Authorization"] = "Bearer " .. os.getenv("TOKEN") end

function request()
  n = n + 1
  return wrk.format("POST", string.format("/sim/handsets/%%2B1555%07d/messages", n % 10000000), headers,
    string.format('{"to":"%s","body":"%s"}', numbers[n % #numbers + 1], common.key(n)))
end

if rate > 0 then delay = common.paced(rate) end

function done(summary, latency) common.report(summary, latency) end
