-- ARGV: digest, most ms between two notes of a use. Returns a key's fields as name, value, ..., and for how many ms it
-- is good still: 0 when it is not, -1 without an end. Notes that it is used.
local key = P .. 'key:' .. ARGV[1]
local record = redis.call('HMGET', key, 'expires_ms', 'revoked_ms', 'used_ms')
local left_ms = -1
if record[1] then left_ms = math.max(0, record[1] - now) end
if record[2] or redis.call('EXISTS', key) == 0 then left_ms = 0 end
if left_ms ~= 0 and now - (record[3] or 0) > tonumber(ARGV[2]) then redis.call('HSET', key, 'used_ms', now) end
return {redis.call('HGETALL', key), left_ms}
