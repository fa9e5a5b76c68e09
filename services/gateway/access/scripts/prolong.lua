-- ARGV: tenant, token, lease_ms. Prolongs a place that is held.
redis.call('ZADD', P .. 'places:' .. ARGV[1], 'XX', now + ARGV[3], ARGV[2])
redis.call('PEXPIRE', P .. 'places:' .. ARGV[1], ARGV[3])
return 1
