-- ARGV: unit, token, output, then children as index, payload, ...
local unit, token = ARGV[1], ARGV[2]
local record = redis.call('HMGET', unit_key(unit), 'state', 'attempt', 'stage', 'index')
if record[1] == 'done' and record[2] == token then return {'held', hints} end
local answer, job = holding(unit, token)
if answer == 'cancelled' then kill(job, unit, 'cancelled', 'The job was cancelled.') end
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
  make_ready(unit_id(job, after.stage, record[4]), job, after.stage, now)
elseif after and not gathers(graph, at + 1) then
  for i = 4, #ARGV, 2 do create_chain(job, graph, at + 1, ARGV[i], ARGV[i + 1]) end
end
redis.call('HINCRBY', job_key(job), 'open', -1)
close_out(job, graph)
changed(job)
return {'held', hints}
