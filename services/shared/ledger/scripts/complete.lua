-- ARGV: unit, token, output, resend_ms, then children as index, payload, ...
local unit, token, resend_ms = ARGV[1], ARGV[2], tonumber(ARGV[4])
local record = redis.call('HMGET', unit_key(unit), 'state', 'attempt', 'stage', 'index')
if record[1] == 'done' and record[2] == token then return {'held', hints} end
local answer, job = holding(unit, token)
if answer == 'cancelled' then kill(job, unit, 'cancelled', 'The job was cancelled.', resend_ms) end
if answer ~= 'held' then return {answer, hints} end
local stage, graph = record[3], graph_of(job)
lease_ends(job, stage)
count(stage, 'done', 1)
redis.call('HSET', unit_key(unit), 'state', 'done', 'output', ARGV[3])
redis.call('ZREM', P .. 'due', unit)
redis.call('HINCRBY', job_key(job), 'done:' .. stage, 1)
local at = position(graph, stage)
local after = graph[at + 1]
if after and after.scope == graph[at].scope then
  make_ready(unit_id(job, after.stage, record[4]), after.stage, now, resend_ms)
elseif after and not gathers(graph, at + 1) then
  for i = 5, #ARGV, 2 do create_chain(job, graph, at + 1, ARGV[i], ARGV[i + 1], resend_ms) end
end
redis.call('HINCRBY', job_key(job), 'open', -1)
close_out(job, graph, resend_ms)
changed(job)
return {'held', hints}
