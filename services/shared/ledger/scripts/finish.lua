-- ARGV: job, final state, version or '', bytes of its files, then fields as name, value, ... Applied once; a second writer changes nothing.
-- With a version, the job must be as it was when its ending was composed: not cancelled or tried again since.
-- A cancelled job ends as cancelled and no other way.
-- What the world is to hear of it goes into the outbox in the same step.
local job, state = ARGV[1], ARGV[2]
if not redis.call('ZSCORE', P .. 'finishing', job) then return 0 end
local before = redis.call('HMGET', job_key(job), 'state', 'version', 'tenant', 'stored_bytes')
if ARGV[3] ~= '' and before[2] ~= ARGV[3] then return 0 end
if before[1] == 'cancelling' and state ~= 'cancelled' then return 0 end
redis.call('ZREM', P .. 'finishing', job)
redis.call('HSET', job_key(job), 'state', state, 'finished_ms', now)
for i = 5, #ARGV, 2 do redis.call('HSET', job_key(job), ARGV[i], ARGV[i + 1]) end
if state == 'cancelled' then
  keep(job, before[3], 0 - (before[4] or 0)) -- nothing of it is left
else
  redis.call('HSET', job_key(job), 'file_bytes', ARGV[4])
  keep(job, before[3], ARGV[4])
end
changed(job)
local record = redis.call('HMGET', job_key(job), 'tenant', 'kind', 'version', 'created_ms')
backlog(record[1], -1)
local event = job .. ':' .. record[3]
redis.call('HSET', P .. 'events', event, cjson.encode({id = event, job = job, tenant = record[1], kind = record[2],
  state = state, created_ms = tonumber(record[4]), finished_ms = now}))
redis.call('ZADD', P .. 'outbox', now, event)
return 1
