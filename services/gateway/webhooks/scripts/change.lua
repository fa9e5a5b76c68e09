-- ARGV: tenant, id, new url or '', then fields as name, value, ... Answers 'changed', 'exists' or 'gone'.
-- An endpoint that is enabled begins anew: what was pending goes on, and its failures are forgotten.
local tenant, id, url = ARGV[1], ARGV[2], ARGV[3]
local e = tenant .. ':' .. id
local before = redis.call('HGET', endpoint_key(e), 'url')
if not before then return 'gone' end
if url ~= '' and url ~= before then
  if redis.call('HEXISTS', urls_key(tenant), url) == 1 then return 'exists' end
  redis.call('HDEL', urls_key(tenant), before)
  redis.call('HSET', urls_key(tenant), url, id)
  redis.call('HSET', endpoint_key(e), 'url', url)
end
local enabled = redis.call('HGET', endpoint_key(e), 'enabled')
if #ARGV > 3 then redis.call('HSET', endpoint_key(e), unpack(ARGV, 4)) end
if enabled == '0' and redis.call('HGET', endpoint_key(e), 'enabled') == '1' then
  redis.call('HDEL', endpoint_key(e), 'disabled_reason', 'failing_since_ms', 'hold_until_ms')
end
reschedule(e)
return 'changed'
