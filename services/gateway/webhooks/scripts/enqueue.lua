-- ARGV: tenant, id, delivery, keep_ms, most, then fields as name, value, ... A delivery that is there stays as it is.
-- Answers how many pending ones were forgotten to make room, or -1 when nothing is sent to the endpoint.
local e, d, keep_ms, most = ARGV[1] .. ':' .. ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if redis.call('HGET', endpoint_key(e), 'enabled') ~= '1' then return -1 end
if redis.call('EXISTS', delivery_key(e, d)) == 1 then return 0 end
redis.call('HSET', delivery_key(e, d), 'state', 'pending', 'created_ms', now, 'next_ms', now, 'tried', 0, 'claims', 0,
  unpack(ARGV, 6))
redis.call('PEXPIRE', delivery_key(e, d), keep_ms)
redis.call('ZADD', index_key(e), 0, d)
redis.call('PEXPIRE', index_key(e), keep_ms)
redis.call('ZADD', queue_key(e), now, d)
local dropped = 0
local function drop(each)
  if redis.call('HGET', delivery_key(e, each), 'state') == 'pending' then dropped = dropped + 1 end
  forget(e, each)
end
-- Ids begin with their time, in ms and hex.
local oldest = string.format('(dlv_%012x', now - keep_ms)
for _, each in ipairs(redis.call('ZRANGEBYLEX', index_key(e), '-', oldest)) do drop(each) end
for _, each in ipairs(redis.call('ZRANGE', index_key(e), 0, -most - 1)) do drop(each) end
reschedule(e)
return dropped
