-- ARGV: tenant, id, delivery, most. Sends a delivery again, now; one that is being sent right now stays as it is.
-- Answers 'replayed', 'unknown', or 'disabled'.
local e, d = ARGV[1] .. ':' .. ARGV[2], ARGV[3]
if redis.call('EXISTS', delivery_key(e, d)) == 0 then return 'unknown' end
if redis.call('HGET', endpoint_key(e), 'enabled') ~= '1' then return 'disabled' end
if tonumber(redis.call('ZSCORE', leased_key(e), d) or 0) <= now then
  redis.call('HSET', delivery_key(e, d), 'state', 'pending', 'next_ms', now, 'tried', 0, 'most', ARGV[4])
  redis.call('ZADD', queue_key(e), now, d)
  redis.call('HDEL', endpoint_key(e), 'hold_until_ms')
  reschedule(e)
end
return 'replayed'
