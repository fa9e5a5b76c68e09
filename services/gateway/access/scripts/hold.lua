-- ARGV: tenant, token, lease_ms, then of tenants without their own: most requests at once, audio minutes of a month.
-- Takes one of a tenant's places; whoever holds it prolongs it, or it is free again after the lease.
-- Returns 'held', 'full' or 'audio_full'.
local tenant, token = ARGV[1], ARGV[2]
if not has_audio_left(tenant, ARGV[5]) then return 'audio_full' end
local places = P .. 'places:' .. tenant
redis.call('ZREMRANGEBYSCORE', places, 0, now)
local again = redis.call('ZSCORE', places, token)
if not again and redis.call('ZCARD', places) >= limit_of(tenant, 'concurrent_requests', ARGV[4]) then return 'full' end
redis.call('ZADD', places, now + ARGV[3], token)
redis.call('PEXPIRE', places, ARGV[3])
return 'held'
