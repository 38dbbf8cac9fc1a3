-- SPDX-License-Identifier: BSD-2-Clause
--
-- policy/store/redis/change.lua - everything but counting that writes:
-- judgement's state by compare and set, names, what an operator orders,
-- heartbeats.  The forms of request, reply and record are told in
-- policy/store/redis/script.h.
--
-- KEYS: a subject's two keys; or the fleet's one.  ARGV: the request; the
-- sealed name, the detector's state, a channel, windows; of a heartbeat the
-- host's name, the key's fingerprint, what the host tells.

local read, pack, sub, floor = struct.unpack, struct.pack, string.sub, math.floor
local call, max = redis.call, math.max
local META, DATA = '<BBHI4I4I4I4I4I4c8', '<BBHH'
local NEVER, LEAST, HOUR, HOSTS = 4294967295, 3600, 3600, 256
local WRITE, NAME, RESET, FORGET, PUT, BEAT = 0, 1, 2, 3, 4, 5
local NONE, QUARANTINED = ('\0'):rep(8), 3

local version, deed, reads, writes, keep, clock, fresh, epoch, expected,
    standing, throttle, window, first, last, letters =
    read('<BBBBI4I8c8c8I4BI4c8I4I4c22', ARGV[1])
if version ~= 1 then
    return {err = 'ERR a request of another form'}
end
if clock == 0 then
    local time = call('TIME')
    clock = time[1] * 1000 + floor(time[2] / 1000)
end
local now = floor(clock / 1000)

-- What COMMAND tells of KEY.  A key of another type is nobody's: it goes.
local function fetch(command, key)
    local got = redis.pcall(command, key)
    if type(got) ~= 'table' or not got.err then
        return got
    elseif got.err:find('WRONGTYPE', 1, true) then
        call('DEL', key)
        return {}
    end
    return call(command, key) -- raises it
end

if deed == BEAT then
    local all = fetch('HGETALL', KEYS[1])
    local out, n, print = {}, 1, ARGV[3]
    for i = 1, #all, 2 do
        local field, value = all[i], all[i + 1]
        local seen = #value > 4 and read('<I4', value) or 0
        if field == 'key' then
            print = value
        elseif seen + HOUR < now or seen > now + HOUR then
            call('HDEL', KEYS[1], field)
        elseif field ~= 'h' .. ARGV[2] and n < HOSTS and #field < 256 and
            #value < 256 then
            n = n + 1
            out[n] = pack('<BI4B', #field - 1, max(now - seen, 0), #value - 4) ..
                sub(field, 2) .. sub(value, 5)
        end
    end
    if print ~= ARGV[3] then -- another site's
        return pack('<BBI8', 1, 1, clock) .. print
    end
    call('HSET', KEYS[1], 'key', print, 'h' .. ARGV[2],
        pack('<I4', now) .. ARGV[4])
    out[1] = pack('<BI4B', #ARGV[2], 0, #ARGV[4]) .. ARGV[2] .. ARGV[4]
    return pack('<BBI8H', 1, 0, clock, n) .. table.concat(out)
end

local fields = fetch('HGETALL', KEYS[1])
local m, marks, longest = nil, {}, 0
for i = 1, #fields, 2 do
    local field, value = fields[i], fields[i + 1]
    if field == 'm' then
        m = value
    elseif #field == 9 and #marks < 4000 then
        marks[#marks + 1] = field
        marks[#marks + 1] = value
    elseif #field == 12 then
        longest = max(longest, 13 * floor((read('<I4', field, 9) + 11) / 12))
    end
end

local function publish(word)
    if ARGV[4] ~= '' then
        call('PUBLISH', ARGV[4], letters .. ' ' .. word)
    end
end

if deed == FORGET then -- whatever its form
    if #fields > 0 then
        publish('forget')
    end
    call('DEL', KEYS[1], KEYS[2])
    return #fields > 0 and 1 or 0
end

if m and #m >= 8 and m:byte(1) > reads then
    return 2
end
local r = {standing = 0, flags = 0, throttle = 0, version = 0, first = now,
    last = now, expiry = 0, name = 0, epoch = NONE}
local _
if m and #m == 36 and m:byte(1) > 0 and m:byte(2) < 5 then
    _, r.standing, r.flags, r.throttle, r.version, r.first, r.last, r.expiry,
        r.name, r.epoch = read(META, m)
else
    m = nil
end

-- The name and the state in `:d`; '' for what it lacks.
local function data()
    local d = fetch('GET', KEYS[2])
    if type(d) == 'string' and #d >= 6 then
        local form, _, n, len = read(DATA, d)
        if form > 0 and form <= reads and #d == 6 + n + len then
            return sub(d, 7, 6 + n), sub(d, 7 + n)
        end
    end
    return '', ''
end

-- How long the record is to live from now on, and its second key.
local function live()
    local need = max(longest, LEAST)
    if r.flags > 0 or r.standing > 0 then
        need = max(need, keep)
    end
    r.expiry = now + need + 60 + floor(need / 16)
    if r.standing == QUARANTINED then
        r.expiry = NEVER
    end
end

-- The second key outlives the first for a while, lest it be renewed too often.
local function store_data(name, state)
    local d = pack(DATA, writes, 0, #name, #state) .. name .. state
    local life = NEVER
    if r.expiry == NEVER then
        call('SET', KEYS[2], d)
    else
        life = max(r.expiry - now, 60)
        life = life + floor(life / 4) + 600
        call('SET', KEYS[2], d, 'PX', life * 1000)
        life = now + life
    end
    r.name = name ~= '' and life or 0
end

local function store_record(more)
    call('HSET', KEYS[1], 'm', pack(META, writes, r.standing, r.flags,
        r.throttle, r.version, r.first, r.last, r.expiry, r.name, r.epoch),
        unpack(more))
    if r.expiry == NEVER then
        call('PERSIST', KEYS[1])
    else
        call('PEXPIRE', KEYS[1], max(r.expiry - now, 1) * 1000)
    end
end

if deed == WRITE then
    if r.epoch ~= epoch or m and r.version ~= expected then
        return 0
    end
    if r.standing ~= standing or r.throttle ~= throttle then
        publish('write')
    end
    r.epoch = m and r.epoch or fresh
    r.standing, r.throttle = standing, throttle
    r.version, r.last = (r.version + 1) % 4294967296, now
    r.flags = ARGV[3] ~= '' and 1 or 0
    live()
    store_data(ARGV[2] ~= '' and ARGV[2] or data(), ARGV[3])
    store_record({})
    return 1
end

if deed == NAME then
    if not m then
        return 0
    end
    local _, state = data()
    store_data(ARGV[2], state)
    call('HSET', KEYS[1], 'm', pack(META, writes, r.standing, r.flags,
        r.throttle, r.version, r.first, r.last, r.expiry, r.name, r.epoch))
    return 1
end

if deed == RESET then
    if #fields == 0 then
        return 0
    end
    local empty = {}
    for i = 1, math.min(#fields, 4000), 2 do
        local field, value = fields[i], fields[i + 1]
        if #field == 12 and #value == 60 and
            (window == NONE or sub(field, 1, 8) == window) then
            empty[#empty + 1] = field
            empty[#empty + 1] = sub(value, 1, 4) .. ('\0'):rep(52) ..
                sub(value, 57)
        end
    end
    publish('reset')
    r.epoch, r.last = fresh, now
    if not m then
        live()
    end
    store_record(empty)
    return 1
end

if deed == PUT then
    local windows = ARGV[5]
    longest = 0
    for i = 1, #windows, 72 do
        local slice_s, limit = read('<I4I4', windows, i + 12)
        local slice = floor(now / slice_s)
        local at = i + 20 + 4 * ((12 - slice) % 13)
        marks[#marks + 1] = sub(windows, i, i + 11)
        marks[#marks + 1] = pack('<I4', slice) .. sub(windows, at, i + 71) ..
            sub(windows, i + 20, at - 1) .. pack('<I4', limit)
        longest = max(longest, 13 * slice_s)
    end
    publish('put')
    call('DEL', KEYS[1], KEYS[2])
    r = {standing = standing, flags = ARGV[3] ~= '' and 1 or 0,
        throttle = throttle, version = expected, first = first, last = last,
        epoch = fresh}
    live()
    store_data(ARGV[2], ARGV[3])
    store_record(marks)
    return 1
end
return {err = 'ERR an unknown deed'}
