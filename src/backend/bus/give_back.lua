-- Gives back what rate.lua took: a sign-in that succeeded was no guess, and what was not stored was not sent.
-- KEYS: buckets; then, optionally, the receipt for them. ARGV: for each bucket the microseconds that it was filled by.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i = 1, #ARGV do
    local full = tonumber(redis.call('GET', KEYS[i]) or now) - tonumber(ARGV[i])
    if full > now then
        redis.call('SET', KEYS[i], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
    else
        redis.call('DEL', KEYS[i])
    end
end
if #KEYS > #ARGV then redis.call('DEL', KEYS[#KEYS]) end
return 0
