-- ARGV: job. Leased units end by themselves: their workers learn it at renew or complete.
local job = ARGV[1]
local state = redis.call('HGET', job_key(job), 'state')
if not state then return 'gone' end
if state ~= 'queued' and state ~= 'running' then return state end
redis.call('HSET', job_key(job), 'state', 'cancelling', 'cancelled_ms', now)
local graph = graph_of(job)
for _, unit in ipairs(redis.call('LRANGE', units_key(job), 0, -1)) do
  local record = redis.call('HMGET', unit_key(unit), 'state', 'stage')
  local waits = record[1] == 'ready' or record[1] == 'blocked'
  if waits and not (record[1] == 'blocked' and gathers(graph, position(graph, record[2]))) then
    bury(job, unit, record[2], 'cancelled', 'The job was cancelled.')
  end
end
close_out(job, graph)
changed(job)
return 'cancelling'
