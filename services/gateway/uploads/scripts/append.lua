-- KEYS: prefix, upload, its parts, its lock, its tenant's open uploads. ARGV: token, offset that the parts begin at,
-- ttl_ms, its entry among the open ones, then parts as key, size, ...
-- Counts what was stored, if the upload is where its writer believes it to be: 'stored', else 'gone', 'lost' or 'moved'.
local offset = redis.call('HGET', KEYS[2], 'offset')
if not offset then return 'gone' end
if redis.call('GET', KEYS[4]) ~= ARGV[1] then return 'lost' end
if offset ~= ARGV[2] then return 'moved' end
for i = 5, #ARGV, 2 do
  redis.call('RPUSH', KEYS[3], ARGV[i] .. ' ' .. ARGV[i + 1])
  redis.call('HINCRBY', KEYS[2], 'offset', ARGV[i + 1])
end
redis.call('ZADD', KEYS[5], 'XX', now + ARGV[3], ARGV[4])
for _, key in ipairs({KEYS[2], KEYS[3], KEYS[5]}) do redis.call('PEXPIRE', key, ARGV[3]) end
return 'stored'
