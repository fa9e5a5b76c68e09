-- ARGV: unit, token, code, detail, retry (0 or 1), burn (0 or 1), delay_ms, resend_ms, max_failures
local unit, resend_ms = ARGV[1], tonumber(ARGV[8])
local answer, job = holding(unit, ARGV[2])
if answer == 'cancelled' then kill(job, unit, 'cancelled', 'The job was cancelled.', resend_ms) end
if answer ~= 'held' then return {answer, hints} end
local failures = redis.call('HINCRBY', unit_key(unit), 'failures', ARGV[6])
if ARGV[5] == '1' and failures < tonumber(ARGV[9]) then
  local stage = redis.call('HGET', unit_key(unit), 'stage')
  lease_ends(job, stage)
  make_ready(unit, stage, now + ARGV[7], resend_ms)
  return {'held', hints}
end
kill(job, unit, ARGV[3], ARGV[4], resend_ms)
return {'held', hints}
