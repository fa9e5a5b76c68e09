-- ARGV: job, final state, then fields as name, value, ... Applied once; a second writer changes nothing.
-- A job that was cancelled while its ending was composed ends as cancelled and no other way.
local job = ARGV[1]
if not redis.call('ZSCORE', P .. 'finishing', job) then return 0 end
if redis.call('HGET', job_key(job), 'state') == 'cancelling' and ARGV[2] ~= 'cancelled' then return 0 end
redis.call('ZREM', P .. 'finishing', job)
redis.call('HSET', job_key(job), 'state', ARGV[2], 'finished_ms', now)
for i = 3, #ARGV, 2 do redis.call('HSET', job_key(job), ARGV[i], ARGV[i + 1]) end
changed(job)
return 1
