-- wrk script: POST /v1/messages, each text to a person of its own. Notes the id of every answer with status `sent`.
-- Environment: TOKEN, NUMBER_IDS (comma list), FIRST (number of the first person), SENT_FILE. One thread only.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")
local numbers = common.split(assert(os.getenv("NUMBER_IDS"), "set NUMBER_IDS"))
local n = tonumber(os.getenv("FIRST") or "0")
local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. assert(os.getenv("TOKEN")) }
local sent

function init()
  sent = assert(io.open(assert(os.getenv("SENT_FILE")), "w"))
  sent:setvbuf("full", 1048576)
end

function request()
  n = n + 1
  return wrk.format("POST", "/v1/messages", headers, string.format(
    '{"number_id":"%s","to_number":"+1555%07d","body":"%s Your order shipped today"}',
    numbers[n % #numbers + 1], n % 10000000, common.key(n)))
end

function response(status, _, body)
  if status ~= 200 then return end
  local id, state = body:match('"id":"([^"]+)","status":"([^"]+)"')
  if state == "sent" then sent:write(id, "\n") end
end

function done(summary, latency) common.report(summary, latency) end
