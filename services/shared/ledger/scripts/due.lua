-- ARGV: limit, resend_ms, most_resend_ms, max_failures. Looks at what is due: ready units whose hint may be
-- lost, and leases that ran out. Returns the hints to send and how many of them were expired leases.
local resend_ms, expired = tonumber(ARGV[2]), 0
for _, unit in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', 0, now, 'LIMIT', 0, ARGV[1])) do
  local record = redis.call('HMGET', unit_key(unit), 'state', 'job', 'stage', 'sends')
  if record[1] == 'ready' then
    local sends = redis.call('HINCRBY', unit_key(unit), 'sends', 1)
    local wait = math.min(resend_ms * 2 ^ (sends - 1), tonumber(ARGV[3]))
    redis.call('ZADD', P .. 'due', now + wait, unit)
    hints[#hints + 1] = unit
  elseif record[1] == 'leased' then
    expired = expired + 1
    local failures = redis.call('HINCRBY', unit_key(unit), 'failures', 1)
    if redis.call('HGET', job_key(record[2]), 'state') ~= 'running' then
      kill(record[2], unit, 'cancelled', 'The job was cancelled.', resend_ms)
    elseif failures >= tonumber(ARGV[4]) then
      kill(record[2], unit, 'worker_lost', 'Every worker that took this unit died or hung.', resend_ms)
    else
      lease_ends(record[2], record[3])
      make_ready(unit, record[3], now, resend_ms)
    end
  else
    redis.call('ZREM', P .. 'due', unit)
  end
end
return {hints, expired}
