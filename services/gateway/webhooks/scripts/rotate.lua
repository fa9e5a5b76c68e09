-- ARGV: tenant, id, new secret, keep_ms. The secret so far signs along for keep_ms. Answers 1, or 0 for no such endpoint.
local key = endpoint_key(ARGV[1] .. ':' .. ARGV[2])
local before = redis.call('HGET', key, 'secret')
if not before then return 0 end
redis.call('HSET', key, 'secret', ARGV[3], 'old_secret', before, 'old_until_ms', now + ARGV[4])
return 1
