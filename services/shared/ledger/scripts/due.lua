-- ARGV: limit, max_losses. Looks at what is due: units whose time to be tried again has come, and leases that ran
-- out. Returns hints for those that are ready now, and how many leases ran out.
local expired = 0
for _, unit in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', 0, now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', P .. 'due', unit)
  local record = redis.call('HMGET', unit_key(unit), 'state', 'job', 'stage')
  local job, stage = record[2], record[3]
  if record[1] == 'ready' then
    enqueue(unit, job, stage)
  elseif record[1] == 'leased' then
    expired = expired + 1
    if redis.call('HGET', job_key(job), 'state') ~= 'running' then
      kill(job, unit, 'cancelled', 'The job was cancelled.')
    elseif redis.call('HINCRBY', unit_key(unit), 'losses', 1) >= tonumber(ARGV[2]) then
      kill(job, unit, 'worker_lost', 'Every worker that took this unit died or hung.')
    else
      lease_ends(unit, job, stage)
      make_ready(unit, job, stage, now)
    end
  end
end
return {hints, expired}
