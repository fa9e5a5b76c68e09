-- ARGV: tenant, id, url, most, then fields as name, value, ... Answers 'created', 'exists' or 'full'.
local tenant, id, url = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HEXISTS', urls_key(tenant), url) == 1 then return 'exists' end
if redis.call('HLEN', urls_key(tenant)) >= tonumber(ARGV[4]) then return 'full' end
redis.call('HSET', urls_key(tenant), url, id)
redis.call('HSET', endpoint_key(tenant .. ':' .. id), 'url', url, 'created_ms', now, unpack(ARGV, 5))
return 'created'
