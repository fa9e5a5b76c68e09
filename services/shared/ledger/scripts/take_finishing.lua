-- ARGV: limit, hold_ms. Hands out jobs with no open unit; nobody else gets them for hold_ms.
local jobs = redis.call('ZRANGEBYSCORE', P .. 'finishing', 0, now, 'LIMIT', 0, ARGV[1])
for _, job in ipairs(jobs) do redis.call('ZADD', P .. 'finishing', now + ARGV[2], job) end
return jobs
