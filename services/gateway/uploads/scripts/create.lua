-- KEYS: prefix, upload, its tenant's open uploads. ARGV: tenant, its entry there, size, metadata, ttl_ms, most of them,
-- most stored bytes of tenants without their own limit. Begins an upload: 'created', else 'many' or 'storage_full'.
-- All of its bytes count from now on, until a job takes it, it is ended or it expires; the same limit is for jobs.
local tenant, entry, size, ttl_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
redis.call('ZREMRANGEBYSCORE', KEYS[3], 0, now)
local open = redis.call('ZRANGE', KEYS[3], 0, -1)
if #open >= tonumber(ARGV[6]) then return 'many' end
local kept = (redis.call('HGET', P .. 'storage', tenant) or 0) + math.max(1, size)
for _, each in ipairs(open) do kept = kept + string.match(each, '%d+$') end
if kept > limit_of(tenant, 'storage_bytes', ARGV[7]) then return 'storage_full' end
redis.call('HSET', KEYS[2], 'size', size, 'offset', 0, 'metadata', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ttl_ms)
redis.call('ZADD', KEYS[3], now + ttl_ms, entry)
redis.call('PEXPIRE', KEYS[3], ttl_ms)
return 'created'
