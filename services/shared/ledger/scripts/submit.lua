-- ARGV: job, tenant, most jobs, most jobs of a tenant, most stored bytes, most audio minutes a month,
-- idempotency key or '', fingerprint, fresh (0 or 1), ttl_ms, payload of the first unit, its audio_ms, stored bytes,
-- then the job's fields as name, value, ...
-- Returns what became of it, the job that stands for it, and the hints to send.
local job, tenant, key = ARGV[1], ARGV[2], ARGV[7]
if redis.call('EXISTS', job_key(job)) == 1 then return {'accepted', job, hints} end
local kept = P .. 'idempotency:' .. tenant .. ':' .. key
if key ~= '' and ARGV[9] == '0' then
  local before = redis.call('HMGET', kept, 'fingerprint', 'job')
  if before[1] then return {before[1] == ARGV[8] and 'replayed' or 'reused', before[2], hints} end
end
local jobs = redis.call('HMGET', P .. 'backlog', 'jobs', 'tenant:' .. tenant)
if tonumber(jobs[1] or 0) >= tonumber(ARGV[3]) then return {'full', '', hints} end
if tonumber(jobs[2] or 0) >= limit_of(tenant, 'unfinished_jobs', ARGV[4]) then return {'tenant_full', '', hints} end
local stored, most = redis.call('HGET', P .. 'storage', tenant) or 0, limit_of(tenant, 'storage_bytes', ARGV[5])
-- At least one byte: how much a file that is still to be fetched will be, nobody knows yet.
if stored + math.max(1, ARGV[13]) > most then return {'storage_full', '', hints} end
if not has_audio_left(tenant, ARGV[6]) then return {'audio_full', '', hints} end
backlog(tenant, 1)
redis.call('HSET', job_key(job), 'state', 'queued', 'version', 1, 'open', 0, 'created_ms', now, 'tenant', tenant)
for i = 14, #ARGV, 2 do redis.call('HSET', job_key(job), ARGV[i], ARGV[i + 1]) end
keep(job, tenant, ARGV[13])
if key ~= '' then
  redis.call('HSET', kept, 'fingerprint', ARGV[8], 'job', job)
  redis.call('PEXPIRE', kept, ARGV[10])
  redis.call('HSET', job_key(job), 'idempotency', key)
end
local graph = graph_of(job)
make_ready(create_chain(job, graph, 1, 'job', ARGV[11], ARGV[12]), job, graph[1].stage, now)
for i, node in ipairs(graph) do
  if gathers(graph, i) then create(job, node.stage, 'job', ARGV[11], ARGV[12]) end
end
redis.call('ZADD', P .. 'jobs:' .. tenant, 0, job) -- ids sort by time
return {'accepted', job, hints}
