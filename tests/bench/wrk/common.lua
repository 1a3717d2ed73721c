-- Shared by the wrk scripts: the time in microseconds, a unique key for each text, and a one-line JSON report.
local ffi = require("ffi")
ffi.cdef[[ typedef struct { long s; long u; } tv_t; int gettimeofday(tv_t *, void *); ]]
local tv = ffi.new("tv_t")
local M = {}

function M.microseconds()
  ffi.C.gettimeofday(tv, nil)
  return tonumber(tv.s) * 1e6 + tonumber(tv.u)
end

-- T<microseconds since the epoch>x<n>: says when the text was sent, and no two are equal.
function M.key(n) return string.format("T%016.0fx%d", M.microseconds(), n) end

-- wrk's `delay` for so many requests a second in all: the milliseconds until the next one's place in an even schedule.
function M.paced(rate)
  local next_at
  return function()
    local now = M.microseconds()
    next_at = math.max((next_at or now) + 1e6 / rate, now - 2e5)
    return math.max(0, math.floor((next_at - now) / 1e3 + 0.5))
  end
end

function M.split(list)
  local items = {}
  for item in list:gmatch("[^,]+") do items[#items + 1] = item end
  return items
end

function M.report(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"answers":%d,"seconds":%.4f,"per_second":%.1f,"p50_ms":%.3f,"p95_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,"not_2xx":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    e.status, e.connect + e.read + e.write + e.timeout))
end

return M
