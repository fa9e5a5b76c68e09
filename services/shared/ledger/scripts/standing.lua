-- ARGV: tenant. Returns its unfinished jobs after those of all, what it keeps and has used, and its own limits.
local tenant = ARGV[1]
local jobs = redis.call('HMGET', P .. 'backlog', 'jobs', 'tenant:' .. tenant)
local stored = redis.call('HGET', P .. 'storage', tenant)
return {tonumber(jobs[1] or 0), tonumber(jobs[2] or 0), tonumber(stored or 0), audio_of(tenant),
  redis.call('HGETALL', P .. 'tenant:' .. tenant)}
