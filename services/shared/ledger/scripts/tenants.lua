-- Names, time, and what a tenant may use and has used; before every script of the ledger, and of the gateway's access.
-- Each script runs as one atomic step. Redis TIME is the only clock.
local P = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local KEPT_S = 400 * 86400 -- what was used, for a report over a year

-- Today in UTC, such as 2026-11-23; the first seven characters are the month.
local function today()
  local day, year, length = math.floor(now / 86400000), 1970, 365
  while day >= length do
    day, year = day - length, year + 1
    length = (year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)) and 366 or 365
  end
  for month, days in ipairs({31, length - 337, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}) do
    if day < days then return string.format('%04d-%02d-%02d', year, month, day + 1) end
    day = day - days
  end
end

-- A tenant's own limit, or the installation's when it has none. 0 is no limit.
local function limit_of(tenant, name, default)
  local limit = tonumber(redis.call('HGET', P .. 'tenant:' .. tenant, name) or default)
  return limit > 0 and limit or math.huge
end

local function audio_key(tenant) return P .. 'audio:' .. tenant .. ':' .. string.sub(today(), 1, 7) end

-- Audio that a tenant has had worked on this month.
local function audio_of(tenant) return tonumber(redis.call('GET', audio_key(tenant)) or 0) end

local function has_audio_left(tenant, default_minutes)
  return audio_of(tenant) < limit_of(tenant, 'audio_minutes_per_month', default_minutes) * 60000
end

local function count_audio(tenant, audio_ms)
  redis.call('INCRBY', audio_key(tenant), audio_ms)
  redis.call('EXPIRE', audio_key(tenant), KEPT_S)
end

-- What a tenant used today, per stage.
local function count_use(tenant, stage, units, audio_ms, served_ms)
  local key = P .. 'usage:' .. tenant .. ':' .. today()
  redis.call('HINCRBY', key, stage .. ':units', units)
  redis.call('HINCRBY', key, stage .. ':audio_ms', audio_ms)
  redis.call('HINCRBY', key, stage .. ':served_ms', served_ms)
  redis.call('EXPIRE', key, KEPT_S)
end
