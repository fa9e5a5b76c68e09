-- Shared by every script of the ledger: the moves of units and jobs.
local hints = {} -- for each unit that became ready in this step the service that runs it, for the caller to send

local DEPTH = {job = 1, channel = 2, region = 3}

local function job_key(job) return P .. 'job:' .. job end
local function units_key(job) return P .. 'job:' .. job .. ':units' end
local function unit_key(unit) return P .. 'unit:' .. unit end
local function unit_id(job, stage, index) return job .. ':' .. stage .. ':' .. index end
local function service_of(stage) return string.match(stage, '^[^.]+') end

local function graph_of(job) return cjson.decode(redis.call('HGET', job_key(job), 'graph')) end

local function position(graph, stage)
  for i, node in ipairs(graph) do
    if node.stage == stage then return i end
  end
end

-- A stage that is shallower than the one before it waits for all of the job's other units.
local function gathers(graph, i)
  return i > 1 and DEPTH[graph[i].scope] < DEPTH[graph[i - 1].scope]
end

local function changed(job) redis.call('HINCRBY', job_key(job), 'version', 1) end

-- Per stage how many units are in a state, and how much audio they cover: what a stage is scaled by.
local function count(unit, stage, state, by)
  local name = stage .. ':' .. state
  if redis.call('HINCRBY', P .. 'stages', name, by) == 0 then
    -- No unit, no audio, whatever processes of another version counted.
    redis.call('HSET', P .. 'stages', name .. '_ms', 0)
  else
    local audio_ms = redis.call('HGET', unit_key(unit), 'audio_ms') or 0 -- those of an earlier version have none
    redis.call('HINCRBY', P .. 'stages', name .. '_ms', by * audio_ms + 0) -- never -0
  end
end

-- Unfinished jobs, over all and of one tenant.
local function backlog(tenant, by)
  redis.call('HINCRBY', P .. 'backlog', 'jobs', by)
  if redis.call('HINCRBY', P .. 'backlog', 'tenant:' .. tenant, by) == 0 then
    redis.call('HDEL', P .. 'backlog', 'tenant:' .. tenant)
  end
end

-- Bytes that a job keeps: its input, and its files once it has ended.
local function keep(job, tenant, by)
  redis.call('HINCRBY', job_key(job), 'stored_bytes', by)
  if redis.call('HINCRBY', P .. 'storage', tenant, by) == 0 then redis.call('HDEL', P .. 'storage', tenant) end
end

-- A stage is busy for a job while at least one of the job's units is leased in it.
local function lease_begins(unit, job, stage)
  count(unit, stage, 'leased', 1)
  if redis.call('HINCRBY', job_key(job), 'leased:' .. stage, 1) == 1 then
    redis.call('HSET', job_key(job), 'since:' .. stage, now)
  end
end

local function lease_ends(unit, job, stage)
  count(unit, stage, 'leased', -1)
  if redis.call('HINCRBY', job_key(job), 'leased:' .. stage, -1) == 0 then
    local since = redis.call('HGET', job_key(job), 'since:' .. stage)
    redis.call('HINCRBY', job_key(job), 'busy:' .. stage, now - since)
  end
end

-- Where ready units wait: per service and class a ring of tenants, per tenant its units, those of the oldest job
-- first, and of a job its regions in the order of time. A score is exact up to 2^53, so until the year 2039.
local function place_of(unit, job, stage)
  local record = redis.call('HMGET', job_key(job), 'priority', 'tenant', 'created_ms')
  local class = service_of(stage) .. ':' .. record[1]
  local region = math.min(tonumber(string.match(unit, 'r(%d+)$') or 0), 4095)
  local score = string.format('%.0f', record[3] * 4096 + region)
  return P .. 'ring:' .. class, P .. 'ready:' .. class .. ':' .. record[2], record[2], score
end

local function enqueue(unit, job, stage)
  local ring, queue, tenant, score = place_of(unit, job, stage)
  redis.call('ZADD', queue, score, unit)
  if redis.call('ZCARD', queue) == 1 then redis.call('RPUSH', ring, tenant) end
  redis.call('HINCRBY', P .. 'waiting', service_of(stage), 1)
  hints[#hints + 1] = service_of(stage)
end

-- Takes a unit that is ready from where it waits, be it for a worker or for its time.
local function dequeue(unit, job, stage)
  local ring, queue, tenant = place_of(unit, job, stage)
  if redis.call('ZREM', queue, unit) == 0 then
    redis.call('ZREM', P .. 'due', unit)
    return
  end
  redis.call('HINCRBY', P .. 'waiting', service_of(stage), -1)
  if redis.call('EXISTS', queue) == 0 then redis.call('LREM', ring, 1, tenant) end
end

local function make_ready(unit, job, stage, not_before)
  redis.call('HSET', unit_key(unit), 'state', 'ready', 'ready_ms', math.max(now, not_before))
  count(unit, stage, 'ready', 1)
  if not_before > now then
    redis.call('ZADD', P .. 'due', not_before, unit)
  else
    redis.call('ZREM', P .. 'due', unit)
    enqueue(unit, job, stage)
  end
end

local function create(job, stage, index, payload, audio_ms)
  local unit = unit_id(job, stage, index)
  redis.call('HSET', unit_key(unit), 'job', job, 'stage', stage, 'index', index, 'state', 'blocked',
    'attempt', 0, 'failures', 0, 'losses', 0, 'payload', payload, 'audio_ms', audio_ms)
  redis.call('RPUSH', units_key(job), unit)
  redis.call('HINCRBY', job_key(job), 'total:' .. stage, 1)
  return unit
end

-- Creates the units of every consecutive stage of one scope, all blocked; returns the first.
local function create_chain(job, graph, from, index, payload, audio_ms)
  local first
  for i = from, #graph do
    if graph[i].scope ~= graph[from].scope then break end
    local unit = create(job, graph[i].stage, index, payload, audio_ms)
    first = first or unit
    redis.call('HINCRBY', job_key(job), 'open', 1)
  end
  return first
end

local function fans_out(graph, i)
  return graph[i + 1] and DEPTH[graph[i + 1].scope] > DEPTH[graph[i].scope]
end

-- Children wait until every unit of the stage that creates them is over: all turns of a call are known before the
-- first is worked on, so no result depends on which channel was faster.
local function release(job, graph, at)
  if not fans_out(graph, at) then return end
  local stage, after = graph[at].stage, graph[at + 1].stage
  local counts = redis.call('HMGET', job_key(job), 'total:' .. stage, 'done:' .. stage, 'dead:' .. stage)
  if (counts[1] or 0) - (counts[2] or 0) - (counts[3] or 0) > 0 then return end
  for _, unit in ipairs(redis.call('LRANGE', units_key(job), 0, -1)) do
    if string.find(unit, ':' .. after .. ':', 1, true) and redis.call('HGET', unit_key(unit), 'state') == 'blocked' then
      make_ready(unit, job, after, now)
    end
  end
end

-- With no unit left open, the gathering stage becomes ready; after it, or without one, the job may be finished.
local function close_out(job, graph)
  local record = redis.call('HMGET', job_key(job), 'open', 'state', 'fatal')
  if tonumber(record[1]) > 0 then return end
  for i, node in ipairs(graph) do
    if gathers(graph, i) then
      local unit = unit_id(job, node.stage, 'job')
      if redis.call('HGET', unit_key(unit), 'state') == 'blocked' then
        if record[2] == 'running' and not record[3] then
          redis.call('HINCRBY', job_key(job), 'open', 1)
          make_ready(unit, job, node.stage, now)
          return
        end
        redis.call('HSET', unit_key(unit), 'state', 'dead', 'error_code', 'upstream_failed')
        redis.call('HINCRBY', job_key(job), 'dead:' .. node.stage, 1)
      end
    end
  end
  redis.call('ZADD', P .. 'finishing', now, job)
  redis.call('LPUSH', P .. 'wake', job)
  redis.call('LTRIM', P .. 'wake', 0, 0)
end

local function bury(job, unit, stage, code, detail)
  local state = redis.call('HGET', unit_key(unit), 'state')
  if state == 'dead' then return end -- a cancel buries what waits for a unit that still runs
  if state == 'ready' then
    count(unit, stage, 'ready', -1)
    dequeue(unit, job, stage)
  elseif state == 'leased' then
    lease_ends(unit, job, stage)
    redis.call('ZREM', P .. 'due', unit)
  end
  redis.call('HSET', unit_key(unit), 'state', 'dead', 'error_code', code, 'error_detail', detail)
  redis.call('HINCRBY', job_key(job), 'dead:' .. stage, 1)
  redis.call('HINCRBY', job_key(job), 'open', -1)
end

-- Ends a unit for good, and the units of its index that wait for it.
local function kill(job, unit, code, detail)
  local graph = graph_of(job)
  local record = redis.call('HMGET', unit_key(unit), 'stage', 'index')
  local at = position(graph, record[1])
  bury(job, unit, record[1], code, detail)
  for i = at + 1, #graph do
    if graph[i].scope ~= graph[at].scope then break end
    bury(job, unit_id(job, graph[i].stage, record[2]), graph[i].stage, 'upstream_failed', '')
  end
  if record[2] == 'job' and not gathers(graph, at) then redis.call('HSET', job_key(job), 'fatal', 1) end
  release(job, graph, at)
  close_out(job, graph)
  changed(job)
end

-- Says whether a worker's token still holds the unit: 'held', 'cancelled' or 'lost'.
local function holding(unit, token)
  local record = redis.call('HMGET', unit_key(unit), 'state', 'attempt', 'job')
  if record[1] ~= 'leased' or record[2] ~= token then return 'lost' end
  if redis.call('HGET', job_key(record[3]), 'state') ~= 'running' then return 'cancelled', record[3] end
  return 'held', record[3]
end
