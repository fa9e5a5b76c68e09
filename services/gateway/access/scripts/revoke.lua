-- ARGV: digest. Ends a key for good; one that has ended keeps its time. Returns its fields, none when there is no key.
local key = P .. 'key:' .. ARGV[1]
if redis.call('EXISTS', key) == 1 then redis.call('HSETNX', key, 'revoked_ms', now) end
return redis.call('HGETALL', key)
