-- SPDX-License-Identifier: BSD-2-Clause
--
-- policy/store/redis/board.lua - what hosts tell one another beside counts.
-- The forms of request, reply and key are told in policy/store/redis/board.h.
--
-- KEYS: the one key of a name, or of several to add to.  ARGV: the deed and what
-- it needs.

local call, key, deed = redis.call, KEYS[1], ARGV[1]
local PAGE, BYTES, TAG, SEALED = 16, 49152, 256, 17408

-- How many there are of KEY.  One of another type is nobody's: it goes.
local function count(key)
    local n = redis.pcall('ZCARD', key)
    if type(n) ~= 'table' then
        return n
    elseif n.err:find('WRONGTYPE', 1, true) then
        call('DEL', key)
        return 0
    end
    return call('ZCARD', key) -- raises it
end

local function live(key, ms)
    if ms == '0' then
        call('PERSIST', key)
    else
        call('PEXPIRE', key, ms)
    end
end

local function tell(channel)
    if channel ~= '' then
        call('PUBLISH', channel, 'board')
    end
end

-- Remove all that begins with FIELD; how much that was.
local function remove(field)
    local old = call('ZRANGE', key, '[' .. field .. '\0',
        '(' .. field .. '\1', 'BYLEX')
    for i = 1, #old do
        call('ZREM', key, old[i])
    end
    return #old
end

-- Put SEALED in front of the list KEY, of which MOST stay for MS.
local function add(key, sealed, ms, most)
    local over = count(key) + 1 - most
    local time = call('TIME')
    local score = time[1] * 1000000 + time[2]
    local last = call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
    last = last and tonumber(last) or 0
    if not (last < 2 ^ 53 - 1) then -- not of ours
        call('DEL', key)
        over = 0
    elseif last >= score then
        score = last + 1
    end
    call('ZADD', key, string.format('%.0f', score), sealed)
    over = math.min(over, PAGE)
    local old = over > 0 and call('ZRANGE', key, 0, over - 1) or {}
    for i = 1, #old do
        call('ZREM', key, old[i])
    end
    live(key, ms)
end

if deed == 'add' then
    for i = 1, #KEYS do
        local ms, most = ARGV[2 * i + 1]:match('^(%d+) (%d+)$')
        add(KEYS[i], ARGV[2 * i], ms, most)
    end
    return 1
end

local n = count(key)

if deed == 'put' then
    local field, sealed, ms, most, channel = unpack(ARGV, 2)
    if remove(field) == 0 and n >= tonumber(most) then
        return 0
    end
    call('ZADD', key, 0, field .. '\0' .. sealed)
    live(key, ms)
    tell(channel)
    return 1
end

if deed == 'remove' then
    local done = remove(ARGV[2])
    if done > 0 then
        tell(ARGV[3])
    end
    return done
end

if deed == 'swap' then -- old for new, in its place; '': nothing
    local score, old, new = unpack(ARGV, 2)
    local added = 0
    if old == new then
        return 1
    elseif new ~= '' then -- first, or an only one would take the key along
        added = call('ZADD', key, score, new)
    end
    if call('ZREM', key, old) == 1 then
        return 1
    elseif added == 1 then
        call('ZREM', key, new)
    end
    return 0
end

if deed == 'drop' then
    return call('DEL', key)
end

-- One page: SOME members, which CUT takes apart into a tag and what is sealed;
-- as many as one reply may hold.  What cannot be of ours goes.
local function page(some, step, cut)
    local out, bytes = {#some == step * PAGE and 1 or 0}, 0
    for i = 1, #some, step do
        local tag, sealed = cut(i)
        if #tag < 1 or #tag > TAG or #sealed > SEALED then
            call('ZREM', key, some[i])
        elseif bytes + #tag + #sealed > BYTES then
            out[1] = 1
            break
        else
            bytes = bytes + #tag + #sealed
            out[#out + 1] = tag
            out[#out + 1] = sealed
        end
    end
    return out
end

if deed == 'fields' then
    local from = ARGV[2] == '' and '-' or '(' .. ARGV[2] .. '\1'
    local some = call('ZRANGE', key, from, '+', 'BYLEX', 'LIMIT', 0, PAGE)
    return page(some, 1, function(i)
        local at = some[i]:find('\0', 1, true) or 1
        return some[i]:sub(1, at - 1), some[i]:sub(at + 1)
    end)
end

if deed == 'list' then
    local from = ARGV[2] == '' and '+inf' or '(' .. ARGV[2]
    local some = call('ZRANGE', key, from, '-inf', 'BYSCORE', 'REV', 'LIMIT',
        0, PAGE, 'WITHSCORES')
    return page(some, 2, function(i)
        return some[i + 1], some[i]
    end)
end
return {err = 'ERR an unknown deed'}
