-- Gives back what rate.lua took: a sign-in that succeeded was no guess.
-- KEYS: buckets. ARGV: for each the microseconds that it was filled by.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i = 1, #KEYS do
    local full = tonumber(redis.call('GET', KEYS[i]) or now) - tonumber(ARGV[i])
    if full > now then
        redis.call('SET', KEYS[i], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
    else
        redis.call('DEL', KEYS[i])
    end
end
return 0
