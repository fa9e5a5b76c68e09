-- ARGV: unit, token, lease_ms
local answer = holding(ARGV[1], ARGV[2])
if answer == 'held' then
  redis.call('HSET', unit_key(ARGV[1]), 'lease_until', now + ARGV[3])
  redis.call('ZADD', P .. 'due', now + ARGV[3], ARGV[1])
end
return answer
