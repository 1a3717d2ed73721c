-- wrk script: POST chat completions. Environment: TOKEN, ROUTE, MODEL, RATE (a second in all; without, as fast as it goes).
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")
local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. assert(os.getenv("TOKEN")) }
local body = string.format('{"model":"%s","messages":[{"role":"user","content":"When do you open tomorrow?"}],"max_tokens":16}',
  assert(os.getenv("MODEL")))
local whole

function init() whole = wrk.format("POST", assert(os.getenv("ROUTE")), headers, body) end

function request() return whole end

local rate = tonumber(os.getenv("RATE") or "0")
if rate > 0 then delay = common.paced(rate) end

function done(summary, latency) common.report(summary, latency) end
