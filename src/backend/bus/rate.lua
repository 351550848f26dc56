-- GCRA: one number per bucket, the moment at which it would be empty again. A request takes from all of its buckets or from
-- none, so that what is refused costs nothing. The server's clock, so that nodes agree.
-- KEYS: buckets; then, optionally, a receipt. ARGV: for each bucket the microseconds that one unit takes, the units of a
-- burst, and the units wanted; then, with a receipt, the milliseconds that it lasts.
-- Returns {0, microseconds until each bucket is empty}, {0} where the receipt says that all was paid before, or
-- {place of the bucket with the longest wait, microseconds to wait}.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local count = math.floor(#ARGV / 3)
local receipt = KEYS[count + 1]
if receipt and redis.call('EXISTS', receipt) == 1 then return {0} end
local fulls, longest, place = {}, 0, 0
for i = 1, count do
    local step, burst, units = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
    local full = math.max(tonumber(redis.call('GET', KEYS[i]) or now), now) + step * units
    local wait = full - step * burst - now
    if wait > longest then longest, place = wait, i end
    fulls[i] = full
end
if place > 0 then return {place, longest} end
local answer = {0}
for i = 1, count do
    if fulls[i] > now then
        redis.call('SET', KEYS[i], string.format('%.0f', fulls[i]), 'PX', math.ceil((fulls[i] - now) / 1000))
    end
    answer[i + 1] = fulls[i] - now
end
if receipt then redis.call('SET', receipt, '1', 'PX', ARGV[#ARGV]) end
return answer
