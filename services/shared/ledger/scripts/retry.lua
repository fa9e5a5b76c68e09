-- ARGV: job. Runs a finished job's dead units again, with a clean record, and its gathering stage after them.
-- Returns the state that the job is in now, and the hints to send.
local job = ARGV[1]
local record = redis.call('HMGET', job_key(job), 'state', 'tenant', 'file_bytes')
if not record[1] then return {'gone', hints} end
if record[1] ~= 'failed' and record[1] ~= 'partially_succeeded' then return {record[1], hints} end
redis.call('HSET', job_key(job), 'state', 'running')
redis.call('HDEL', job_key(job), 'finished_ms', 'fatal', 'error_code', 'error_detail', 'files', 'needs_review',
  'file_bytes')
keep(job, record[2], 0 - (record[3] or 0))
backlog(record[2], 1)
local graph = graph_of(job)
for _, unit in ipairs(redis.call('LRANGE', units_key(job), 0, -1)) do
  local mine = redis.call('HMGET', unit_key(unit), 'state', 'stage', 'index')
  local state, stage, at = mine[1], mine[2], position(graph, mine[2])
  if state == 'dead' or gathers(graph, at) then
    redis.call('HINCRBY', job_key(job), state .. ':' .. stage, -1)
    redis.call('HSET', unit_key(unit), 'state', 'blocked', 'failures', 0, 'losses', 0)
    redis.call('HDEL', unit_key(unit), 'error_code', 'error_detail', 'tried_ms', 'output')
    if not gathers(graph, at) then
      redis.call('HINCRBY', job_key(job), 'open', 1)
      -- Of those that died together, the first runs; the others wait for it as before.
      local chained = at > 1 and graph[at - 1].scope == graph[at].scope
      local before = chained and unit_id(job, graph[at - 1].stage, mine[3])
      if at == 1 or chained and redis.call('HGET', unit_key(before), 'state') == 'done' then
        make_ready(unit, job, stage, now)
      end
    end
  end
end
for at = 1, #graph do release(job, graph, at) end
close_out(job, graph)
changed(job)
return {'running', hints}
