-- ARGV: tenant, limit of tenants without their own. Takes requests from a tenant's bucket for one gateway, about what
-- the bucket gains in a second. It holds the requests of a minute and gains evenly. Returns limit (0 for none), how many
-- were taken, how many are left in it, and after how many ms there will be another one.
local limit = limit_of(ARGV[1], 'requests_per_minute', ARGV[2])
if limit == math.huge then return {0, 0, 0, 0} end
local bucket, per_ms = P .. 'rate:' .. ARGV[1], limit / 60000
local kept = redis.call('HMGET', bucket, 'tokens', 'at_ms')
local passed_ms = math.max(0, now - (kept[2] or now))
local tokens = math.min(limit, (kept[1] or limit) + passed_ms * per_ms)
local taken = math.min(math.floor(tokens), math.max(1, math.floor(limit / 60)))
tokens = tokens - taken
redis.call('HSET', bucket, 'tokens', string.format('%.6f', tokens), 'at_ms', now)
redis.call('PEXPIRE', bucket, 60000)
return {limit, taken, math.floor(tokens), math.ceil((1 - tokens % 1) / per_ms)}
