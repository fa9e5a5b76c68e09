-- KEYS: upload, its parts, its lock. ARGV: token, offset that the parts begin at, ttl_ms, then parts as key, size, ...
-- Counts what was stored, if the upload is where its writer believes it to be: 'stored', else 'gone', 'lost' or 'moved'.
local offset = redis.call('HGET', KEYS[1], 'offset')
if not offset then return 'gone' end
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 'lost' end
if offset ~= ARGV[2] then return 'moved' end
for i = 4, #ARGV, 2 do
  redis.call('RPUSH', KEYS[2], ARGV[i] .. ' ' .. ARGV[i + 1])
  redis.call('HINCRBY', KEYS[1], 'offset', ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 'stored'
