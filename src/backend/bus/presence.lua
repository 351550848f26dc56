-- Presence of one company, atomically: every transition is reported by exactly one caller.
-- KEYS: due, online. ARGV: mode, beginning of the lease keys, milliseconds (lease or grace), days to remember, then per mode:
--   beat    user, connection, 0|1, …     leases begin or go on
--   leave   user, connection, …          leases end after the grace, unless the person comes back under another one
--   sweep   most people to look at       leases that ran out
--   read    user, …                      what people are
--   online  viewer, most people to name  who is online, without the viewer
-- Returns { changes, answer }: changes is user, status, since, …
local due, online = KEYS[1], KEYS[2]
local mode, base, span, remember = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local changes = {}

-- Drops leases that ran out, and reports the person if their best status is not the one reported last.
local function settle(user)
    local key = base .. user
    local all = redis.call('HGETALL', key)
    local best, was, since, ends, last = 'offline', 'offline', 0, nil, 0
    for i = 1, #all, 2 do
        local field, value = all[i], all[i + 1]
        if field == 's' then
            was = value
        elseif field == 't' then
            since = tonumber(value)
        else
            local until_ms = tonumber(string.sub(value, 3))
            if until_ms <= now then
                redis.call('HDEL', key, field)
                if until_ms > last then last = until_ms end
            else
                if string.sub(value, 1, 1) == '1' then best = 'online' elseif best == 'offline' then best = 'away' end
                if not ends or until_ms < ends then ends = until_ms end
            end
        end
    end
    if ends then redis.call('ZADD', due, ends, user) else redis.call('ZREM', due, user) end
    if best ~= was then
        since = now
        -- Gone is since the last lease ended, however late somebody looks.
        if best == 'offline' and last > 0 then since = last end
        redis.call('HSET', key, 's', best, 't', since)
        if best == 'online' then redis.call('ZADD', online, now, user) else redis.call('ZREM', online, user) end
        changes[#changes + 1] = user
        changes[#changes + 1] = best
        changes[#changes + 1] = since
    end
    redis.call('EXPIRE', key, remember * 86400)
    return best, since
end

local function sweep(most)
    for _, user in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most)) do settle(user) end
end

local answer = {}
if mode == 'beat' then
    local users = {}
    for i = 5, #ARGV, 3 do
        redis.call('HSET', base .. ARGV[i], 'c' .. ARGV[i + 1], ARGV[i + 2] .. ':' .. (now + span))
        users[ARGV[i]] = true
    end
    for user in pairs(users) do settle(user) end
elseif mode == 'leave' then
    for i = 5, #ARGV, 2 do
        local key, field = base .. ARGV[i], 'c' .. ARGV[i + 1]
        local value = redis.call('HGET', key, field)
        if value then
            redis.call('HSET', key, field, string.sub(value, 1, 2) .. (now + span))
            settle(ARGV[i])
        end
    end
elseif mode == 'sweep' then
    sweep(tonumber(ARGV[5]))
elseif mode == 'read' then
    for i = 5, #ARGV do
        -- A person who was never here has no hash, and must not get one by being asked about.
        local status, since = 'offline', 0
        if redis.call('EXISTS', base .. ARGV[i]) == 1 then status, since = settle(ARGV[i]) end
        answer[#answer + 1] = status
        answer[#answer + 1] = since
    end
elseif mode == 'online' then
    sweep(1000)
    local viewer, most = ARGV[5], tonumber(ARGV[6])
    local count = redis.call('ZCARD', online)
    if redis.call('ZSCORE', online, viewer) then count = count - 1 end
    answer[1] = count
    for _, user in ipairs(redis.call('ZRANGE', online, 0, most)) do
        if user ~= viewer and #answer <= most then answer[#answer + 1] = user end
    end
end
return { changes, answer }
