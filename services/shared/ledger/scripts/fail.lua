-- ARGV: unit, token, code, detail, retry (0 or 1), cost ('failure', 'loss' or 'none'), delay_ms, max_losses,
-- patience_ms. Gives a unit back for another attempt, or ends it when what it may cost is used up.
local unit, cost = ARGV[1], ARGV[6]
local answer, job = holding(unit, ARGV[2])
if answer == 'cancelled' then kill(job, unit, 'cancelled', 'The job was cancelled.') end
if answer ~= 'held' then return {answer, hints} end
if cost == 'failure' then redis.call('HINCRBY', unit_key(unit), 'failures', 1) end
if cost == 'loss' then redis.call('HINCRBY', unit_key(unit), 'losses', 1) end
local record = redis.call('HMGET', unit_key(unit), 'stage', 'failures', 'losses', 'tried_ms')
local stage, graph = record[1], graph_of(job)
local attempts = graph[position(graph, stage)].attempts
local left = tonumber(record[2]) < attempts and tonumber(record[3]) < tonumber(ARGV[8])
  and now - record[4] < tonumber(ARGV[9])
if ARGV[5] == '1' and left then
  lease_ends(unit, job, stage)
  make_ready(unit, job, stage, now + ARGV[7])
else
  kill(job, unit, ARGV[3], ARGV[4])
end
return {'held', hints}
