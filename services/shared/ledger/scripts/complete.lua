-- ARGV: unit, token, output, served_ms, then children as index, payload, audio_ms, ...
local unit, token = ARGV[1], ARGV[2]
local record = redis.call('HMGET', unit_key(unit), 'state', 'attempt', 'stage', 'index')
if record[1] == 'done' and record[2] == token then return {'held', hints} end
local answer, job = holding(unit, token)
if answer == 'cancelled' then kill(job, unit, 'cancelled', 'The job was cancelled.') end
if answer ~= 'held' then return {answer, hints} end
local stage, graph = record[3], graph_of(job)
lease_ends(unit, job, stage)
count(unit, stage, 'done', 1)
redis.call('HINCRBY', P .. 'stages', stage .. ':served_ms', ARGV[4])
redis.call('HSET', unit_key(unit), 'state', 'done', 'output', ARGV[3])
redis.call('ZREM', P .. 'due', unit)
redis.call('HINCRBY', job_key(job), 'done:' .. stage, 1)
local at = position(graph, stage)
local after = graph[at + 1]
if after and after.scope == graph[at].scope then
  make_ready(unit_id(job, after.stage, record[4]), job, after.stage, now)
elseif after and not gathers(graph, at + 1) then
  local audio_ms = 0
  for i = 5, #ARGV, 3 do
    create_chain(job, graph, at + 1, ARGV[i], ARGV[i + 1], ARGV[i + 2])
    audio_ms = audio_ms + ARGV[i + 2]
  end
  -- How long a recording is, is known once it has been decoded: what gathers in the end covers all of it.
  local last = graph[#graph]
  if record[4] == 'job' and gathers(graph, #graph) then
    redis.call('HSET', unit_key(unit_id(job, last.stage, 'job')), 'audio_ms', audio_ms)
  end
end
redis.call('HINCRBY', job_key(job), 'open', -1)
close_out(job, graph)
changed(job)
return {'held', hints}
