-- ARGV: service, holder, lease_ms. Takes the next unit: interactive before batch, tenants in turn, oldest job first.
-- A holder that asks again, because the reply was lost, gets the same unit.
local service, holder = ARGV[1], ARGV[2]
local receipt = P .. 'claim:' .. holder
local unit = redis.call('GET', receipt)
if unit then
  local record = redis.call('HMGET', unit_key(unit), 'state', 'holder')
  if record[1] ~= 'leased' or record[2] ~= holder then return {'none'} end
else
  for _, class in ipairs({'interactive', 'batch'}) do
    local ring = P .. 'ring:' .. service .. ':' .. class
    local tenant = redis.call('LPOP', ring)
    if tenant then
      local queue = P .. 'ready:' .. service .. ':' .. class .. ':' .. tenant
      unit = redis.call('ZPOPMIN', queue)[1]
      if redis.call('EXISTS', queue) == 1 then redis.call('RPUSH', ring, tenant) end
      break
    end
  end
  if not unit then return {'none'} end
  redis.call('HINCRBY', P .. 'waiting', service, -1)
  redis.call('SET', receipt, unit, 'PX', math.max(1, ARGV[3]))
end
local record = redis.call('HMGET', unit_key(unit), 'state', 'job', 'stage', 'index', 'payload', 'failures', 'audio_ms',
  'ready_ms')
local job, stage, index = record[2], record[3], record[4]
local waited_ms = math.max(0, now - (record[8] or now)) -- units of an earlier version do not say since when
if record[1] == 'ready' then
  count(unit, stage, 'ready', -1)
  lease_begins(unit, job, stage)
  redis.call('HINCRBY', unit_key(unit), 'attempt', 1)
  redis.call('HSET', unit_key(unit), 'state', 'leased', 'holder', holder)
  redis.call('HSETNX', unit_key(unit), 'tried_ms', now)
  if redis.call('HGET', job_key(job), 'state') == 'queued' then
    redis.call('HSET', job_key(job), 'state', 'running', 'started_ms', now)
  end
  changed(job)
end
redis.call('ZADD', P .. 'due', now + ARGV[3], unit)
local inputs, graph = {}, graph_of(job)
for i = 1, position(graph, stage) - 1 do
  local output = redis.call('HGET', unit_key(unit_id(job, graph[i].stage, index)), 'output')
  if output then
    inputs[#inputs + 1] = graph[i].stage
    inputs[#inputs + 1] = output
  end
end
local attempt = redis.call('HGET', unit_key(unit), 'attempt')
local fields = redis.call('HMGET', job_key(job), 'tenant', 'spec', 'trace')
return {'claimed', unit, job, stage, index, attempt, record[6], record[5], record[7] or 0, waited_ms,
  fields[1], fields[2], fields[3] or '', inputs}
