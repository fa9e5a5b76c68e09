-- ARGV: limit, hold_ms. Hands out what is in the outbox; nobody else gets it for hold_ms.
local taken = {}
for _, event in ipairs(redis.call('ZRANGEBYSCORE', P .. 'outbox', 0, now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', P .. 'outbox', now + ARGV[2], event)
  taken[#taken + 1] = redis.call('HGET', P .. 'events', event)
end
return taken
