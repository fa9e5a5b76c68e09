-- ARGV: unit, token, lease_ms. Says whether the unit is still held, and for how long the job has been cancelled.
local answer, job = holding(ARGV[1], ARGV[2])
if answer == 'held' then redis.call('ZADD', P .. 'due', now + ARGV[3], ARGV[1]) end
local cancelled_ms = answer == 'cancelled' and redis.call('HGET', job_key(job), 'cancelled_ms')
return {answer, cancelled_ms and now - cancelled_ms or 0}
