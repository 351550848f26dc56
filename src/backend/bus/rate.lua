-- GCRA: one number per bucket, the moment at which it would be empty again. The server's clock, so that nodes agree.
-- KEYS: bucket. ARGV: microseconds that one request takes, requests in a burst. Returns microseconds to wait; 0 is yes.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local step, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + step
local wait = full - step * burst - now
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return 0
