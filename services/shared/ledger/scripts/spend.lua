-- ARGV: batch, keep_ms, then tenant, stage, units, audio_ms, served_ms, audio_ms that counts for the month, ...
-- Adds what was used without a job; a batch that comes again after a lost reply changes nothing.
if not redis.call('SET', P .. 'spent:' .. ARGV[1], 1, 'NX', 'PX', ARGV[2]) then return 0 end
for i = 3, #ARGV, 6 do
  count_use(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
  if tonumber(ARGV[i + 5]) > 0 then count_audio(ARGV[i], ARGV[i + 5]) end
end
return 1
