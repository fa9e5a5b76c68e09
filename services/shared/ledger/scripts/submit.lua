-- ARGV: job, resend_ms, payload of the first unit, then the job's fields as name, value, ...
local job, resend_ms = ARGV[1], tonumber(ARGV[2])
if redis.call('EXISTS', job_key(job)) == 1 then return {0, hints} end
redis.call('HSET', job_key(job), 'state', 'queued', 'version', 1, 'open', 0, 'created_ms', now)
for i = 4, #ARGV, 2 do redis.call('HSET', job_key(job), ARGV[i], ARGV[i + 1]) end
local graph = graph_of(job)
create_chain(job, graph, 1, 'job', ARGV[3], resend_ms)
for i, node in ipairs(graph) do
  if gathers(graph, i) then create(job, node.stage, 'job', ARGV[3]) end
end
redis.call('ZADD', P .. 'jobs:' .. redis.call('HGET', job_key(job), 'tenant'), 0, job) -- ids sort by time
return {1, hints}
