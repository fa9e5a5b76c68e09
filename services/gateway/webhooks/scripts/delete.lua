-- ARGV: tenant, id. Forgets an endpoint and all of its deliveries. Answers 1, or 0 for no such endpoint.
local tenant, id = ARGV[1], ARGV[2]
local e = tenant .. ':' .. id
local url = redis.call('HGET', endpoint_key(e), 'url')
if not url then return 0 end
for _, d in ipairs(redis.call('ZRANGE', index_key(e), 0, -1)) do redis.call('DEL', delivery_key(e, d)) end
redis.call('DEL', endpoint_key(e), index_key(e), queue_key(e), leased_key(e))
redis.call('HDEL', urls_key(tenant), url)
redis.call('ZREM', P .. 'due', e)
return 1
