-- ARGV: lease_ms. Hands out the next delivery that is due; nobody else gets it for lease_ms, then it comes again.
for _ = 1, 20 do
  local e = redis.call('ZRANGEBYSCORE', P .. 'due', 0, now, 'LIMIT', 0, 1)[1]
  if not e then return false end
  local d = redis.call('ZRANGEBYSCORE', queue_key(e), 0, now, 'LIMIT', 0, 1)[1]
  local record = d and redis.call('HMGET', delivery_key(e, d), 'type', 'job', 'body', 'most', 'tried')
  if d and not record[1] then
    forget(e, d) -- it was kept for as long as any is
  elseif d then
    redis.call('ZADD', queue_key(e), now + ARGV[1], d)
    redis.call('ZADD', leased_key(e), now + ARGV[1], d)
    local token = redis.call('HINCRBY', delivery_key(e, d), 'claims', 1)
    local secrets = redis.call('HMGET', endpoint_key(e), 'url', 'secret', 'old_secret', 'old_until_ms')
    if tonumber(secrets[4] or 0) <= now then secrets[3] = '' end
    reschedule(e)
    return {e, d, now, token, record[1], record[2], record[3], record[4], record[5], secrets[1], secrets[2], secrets[3]}
  end
  reschedule(e)
end
return false
