-- Shared by every script of webhooks: names, time, and when an endpoint is looked at next.
-- Each script runs as one atomic step. Redis TIME is the only clock. `e` is an endpoint: "<tenant>:<id>".
local P = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local AT_ONCE = 4 -- requests to one endpoint at the same time; to one that fails, a single one

local function endpoint_key(e) return P .. 'endpoint:' .. e end
local function urls_key(tenant) return P .. 'urls:' .. tenant end
local function index_key(e) return P .. 'deliveries:' .. e end
local function queue_key(e) return P .. 'queue:' .. e end
local function leased_key(e) return P .. 'leased:' .. e end
local function delivery_key(e, d) return P .. 'delivery:' .. e .. ':' .. d end

-- Puts an endpoint where couriers find it: at the time of its first delivery, unless it has enough of them or is spared.
local function reschedule(e)
  local record = redis.call('HMGET', endpoint_key(e), 'enabled', 'hold_until_ms', 'failing_since_ms')
  local first = redis.call('ZRANGE', queue_key(e), 0, 0, 'WITHSCORES')
  if record[1] ~= '1' or not first[1] then
    redis.call('ZREM', P .. 'due', e)
    return
  end
  local at = math.max(tonumber(first[2]), tonumber(record[2] or 0))
  redis.call('ZREMRANGEBYSCORE', leased_key(e), 0, now)
  if redis.call('ZCARD', leased_key(e)) >= (record[3] and 1 or AT_ONCE) then
    at = math.max(at, tonumber(redis.call('ZRANGE', leased_key(e), 0, 0, 'WITHSCORES')[2]))
  end
  redis.call('ZADD', P .. 'due', at, e)
  if at <= now then
    redis.call('LPUSH', P .. 'wake', e)
    redis.call('LTRIM', P .. 'wake', 0, 0)
  end
end

local function forget(e, d)
  redis.call('DEL', delivery_key(e, d))
  redis.call('ZREM', index_key(e), d)
  redis.call('ZREM', queue_key(e), d)
  redis.call('ZREM', leased_key(e), d)
end
