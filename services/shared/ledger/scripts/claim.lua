-- ARGV: unit, holder, lease_ms, resend_ms, max_failures
local unit, holder = ARGV[1], ARGV[2]
local record = redis.call('HMGET', unit_key(unit), 'state', 'attempt', 'lease_until', 'not_before', 'job',
  'stage', 'index', 'payload', 'failures', 'holder')
local state, job, stage = record[1], record[5], record[6]
if not state then return {'gone'} end
local repeated = state == 'leased' and record[10] == holder
if not repeated then
  local expired = state == 'leased' and tonumber(record[3]) < now
  if not expired and not (state == 'ready' and tonumber(record[4]) <= now) then return {'refused'} end
  local job_state = redis.call('HGET', job_key(job), 'state')
  if job_state ~= 'queued' and job_state ~= 'running' then
    kill(job, unit, 'cancelled', 'The job was cancelled.', tonumber(ARGV[4]))
    return {'refused'}
  end
  if expired then
    record[9] = redis.call('HINCRBY', unit_key(unit), 'failures', 1)
    if record[9] >= tonumber(ARGV[5]) then
      kill(job, unit, 'worker_lost', 'Every worker that took this unit died or hung.', tonumber(ARGV[4]))
      return {'refused'}
    end
  end
  if expired then lease_ends(job, stage) else count(stage, 'ready', -1) end
  lease_begins(job, stage)
  record[2] = redis.call('HINCRBY', unit_key(unit), 'attempt', 1)
  redis.call('HSET', unit_key(unit), 'state', 'leased', 'holder', holder)
  if job_state == 'queued' then redis.call('HSET', job_key(job), 'state', 'running', 'started_ms', now) end
  changed(job)
end
redis.call('HSET', unit_key(unit), 'lease_until', now + ARGV[3])
redis.call('ZADD', P .. 'due', now + ARGV[3], unit)
local inputs = {}
local graph = graph_of(job)
for i = 1, position(graph, stage) - 1 do
  local output = redis.call('HGET', unit_key(unit_id(job, graph[i].stage, record[7])), 'output')
  if output then
    inputs[#inputs + 1] = graph[i].stage
    inputs[#inputs + 1] = output
  end
end
local fields = redis.call('HMGET', job_key(job), 'tenant', 'priority', 'spec')
return {'claimed', job, stage, record[7], tostring(record[2]), tostring(record[9]), record[8], fields[1],
  fields[2], fields[3], inputs}
