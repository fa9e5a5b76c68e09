-- ARGV: job. Forgets a job that has reached a final state: 'erased', 'running' or 'gone'.
local job = ARGV[1]
local record = redis.call('HMGET', job_key(job), 'finished_ms', 'tenant', 'idempotency', 'stored_bytes')
if not record[2] then return 'gone' end
if not record[1] then return 'running' end
for _, unit in ipairs(redis.call('LRANGE', units_key(job), 0, -1)) do redis.call('DEL', unit_key(unit)) end
redis.call('ZREM', P .. 'jobs:' .. record[2], job)
keep(job, record[2], 0 - (record[4] or 0))
redis.call('DEL', job_key(job), units_key(job))
if record[3] then
  local kept = P .. 'idempotency:' .. record[2] .. ':' .. record[3]
  if redis.call('HGET', kept, 'job') == job then redis.call('DEL', kept) end
end
return 'erased'
