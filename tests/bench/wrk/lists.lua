-- wrk script: GET, drawing each path at random from the file PATHS (one path a line). Environment: TOKEN or
-- COOKIE, PATHS, SEED.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")
local cookie = os.getenv("COOKIE")
local headers = cookie and { ["Cookie"] = cookie } or { ["Authorization"] = "Bearer " .. assert(os.getenv("TOKEN")) }
local paths = {}
for line in io.lines(assert(os.getenv("PATHS"))) do paths[#paths + 1] = line end
math.randomseed(tonumber(os.getenv("SEED") or "1"))

function request() return wrk.format("GET", paths[math.random(#paths)], headers) end

function done(summary, latency) common.report(summary, latency) end
