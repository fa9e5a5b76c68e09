-- ARGV: unit, token, output, served_ms, audio_ms that it turned out to be or '', bytes that it keeps for its job,
-- then children as index, payload, audio_ms, ...
local unit, token = ARGV[1], ARGV[2]
local record = redis.call('HMGET', unit_key(unit), 'state', 'attempt', 'stage', 'index', 'audio_ms')
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
local tenant = redis.call('HGET', job_key(job), 'tenant')
count_use(tenant, stage, 1, ARGV[5] ~= '' and ARGV[5] or record[5] or 0, ARGV[4])
-- Of a whole job only who hears or makes its audio says how much it is, so each job counts once for the month.
if record[4] == 'job' and ARGV[5] ~= '' then count_audio(tenant, ARGV[5]) end
if ARGV[6] ~= '0' then keep(job, tenant, ARGV[6]) end
redis.call('HINCRBY', job_key(job), 'done:' .. stage, 1)
local at = position(graph, stage)
local after = graph[at + 1]
if after and after.scope == graph[at].scope then
  make_ready(unit_id(job, after.stage, record[4]), job, after.stage, now)
elseif fans_out(graph, at) then
  local audio_ms = 0
  for i = 7, #ARGV, 3 do
    create_chain(job, graph, at + 1, ARGV[i], ARGV[i + 1], ARGV[i + 2])
    audio_ms = audio_ms + ARGV[i + 2]
  end
  release(job, graph, at)
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
