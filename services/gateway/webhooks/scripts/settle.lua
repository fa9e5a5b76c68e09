-- ARGV: tenant, id, delivery, token, attempt (JSON), state, delay_ms, hold_ms, gone (1 or 0), patience_ms.
-- Answers 'settled'; 'gone' or 'failing' when that ended the endpoint; 'lost' when somebody else has the delivery now.
local e, d, state = ARGV[1] .. ':' .. ARGV[2], ARGV[3], ARGV[6]
local delivery, endpoint = delivery_key(e, d), endpoint_key(e)
if redis.call('EXISTS', endpoint) == 0 or redis.call('HGET', delivery, 'claims') ~= ARGV[4] then return 'lost' end
local attempts = cjson.decode(redis.call('HGET', delivery, 'attempts') or '[]')
attempts[#attempts + 1] = cjson.decode(ARGV[5])
while #attempts > 20 do table.remove(attempts, 1) end
redis.call('HSET', delivery, 'state', state, 'attempts', cjson.encode(attempts))
redis.call('HINCRBY', delivery, 'tried', 1)
redis.call('ZREM', leased_key(e), d)
if state == 'pending' then
  redis.call('HSET', delivery, 'next_ms', now + ARGV[7])
  redis.call('ZADD', queue_key(e), now + ARGV[7], d)
else
  redis.call('HDEL', delivery, 'next_ms')
  redis.call('ZREM', queue_key(e), d)
end
local answer = 'settled'
if state == 'delivered' then
  redis.call('HDEL', endpoint, 'failing_since_ms')
else
  redis.call('HSETNX', endpoint, 'failing_since_ms', now)
  if tonumber(ARGV[8]) > 0 then redis.call('HSET', endpoint, 'hold_until_ms', now + ARGV[8]) end
  if ARGV[9] == '1' then
    answer = 'gone'
  elseif now - redis.call('HGET', endpoint, 'failing_since_ms') >= tonumber(ARGV[10]) then
    answer = 'failing'
  end
end
if answer ~= 'settled' then redis.call('HSET', endpoint, 'enabled', 0, 'disabled_reason', answer) end
reschedule(e)
return answer
