-- SPDX-License-Identifier: BSD-2-Clause
--
-- policy/store/redis/charge.lua - one step of a message charged, or receipts
-- taken back, in one go: all items are checked, then all are added, or none.
-- The counting rule is that of policy/window.c and policy/store/step.c; the forms
-- of request, reply and record are told in policy/store/redis/script.h.
--
-- KEYS: the subjects' first keys.  ARGV[1]: the request.
-- Redis has one thread for everybody: strings are spliced rather than taken
-- apart, and nothing is written that need not be.
-- Every local that a function uses is paid for at each call of the script: the
-- rare functions use few.

local META = '<BBHI4I4I4I4I4I4c8'
local THROTTLED = 2
local NOTE, LOOK, NONE = 1, 2, 3
local NEVER = 4294967295
local NONE_YET = '\0\0\0\0\0\0\0\0' -- no epoch

local request = ARGV[1]
local version, op, reads, writes, subjects, keep, clock, fresh =
    struct.unpack('<BBBBBI4I8c8', request)
if version ~= 1 then
    return {err = 'ERR a request of another form'}
end
local exact = clock > 0
if not exact then
    local time = redis.call('TIME')
    clock = time[1] * 1000 + math.floor(time[2] / 1000)
end
local now = math.floor(clock / 1000)
local read, pack, sub = struct.unpack, struct.pack, string.sub

-- Window W, whose newest slice is OLD, moved to slice NEW: window_turn().
local function turn(w, old, new)
    local limit = w:sub(57)
    if old > new then -- renumbered: what was counted keeps its age
        local by = 4 * ((new + 1 - old) % 13)
        return struct.pack('<I4', new + 1) .. w:sub(57 - by, 56) ..
            w:sub(5, 56 - by) .. limit
    end
    local head = struct.pack('<I4', new)
    local from, to = 4 * ((old + 1) % 13), 4 * (new % 13) + 4
    if new - old >= 13 then
        return head .. ('\0'):rep(52) .. limit
    elseif from < to then
        return head .. w:sub(5, 4 + from) .. ('\0'):rep(to - from) ..
            w:sub(5 + to, 56) .. limit
    end
    return head .. ('\0'):rep(to) .. w:sub(5 + to, 4 + from) ..
        ('\0'):rep(52 - from) .. limit
end

-- What a field holds, turned to now: the window, its newest slice, its sum,
-- its limit, and the slice that is now.  What is no window is an empty one.
local function window(w, slice_s)
    local new = now / slice_s
    new = new - new % 1
    if new > 4294967294 then
        new = 4294967294
    end
    if not w or #w ~= 60 then
        return struct.pack('<I4', new) .. ('\0'):rep(56), new, 0, 0, new
    end
    local s, a, b, c, d, e, f, g, h, i, j, k, l, m, limit =
        read('<I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4', w)
    if s ~= new and s ~= new + 1 then
        w = turn(w, s, new)
        s, a, b, c, d, e, f, g, h, i, j, k, l, m, limit =
            read('<I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4', w)
    end
    return w, s, a + b + c + d + e + f + g + h + i + j + k + l + m, limit, new
end

-- Add N, which may be below 0, to the count of slice S, which is in view.
local function add(w, s, n)
    local at = 5 + 4 * (s % 13)
    local count = read('<I4', w, at)
    if n < 0 and count == 4294967295 then
        return w -- nobody knows how much was counted
    end
    count = count + n
    if count > 4294967295 then
        count = 4294967295
    elseif count < 0 then
        count = 0
    end
    return sub(w, 1, at - 1) .. pack('<I4', count) .. sub(w, at + 4)
end

-- Milliseconds from CLOCK until USED is no more than LIMIT: window_room_ms().
local function room(w, s, slice_s, used, limit, clock)
    local count = {struct.unpack('<I4I4I4I4I4I4I4I4I4I4I4I4I4I4', w)}
    local age, free = 13, 0
    while used > limit do
        age = age - 1
        used = used - count[2 + (s - age) % 13]
        free = (s + 13 - age) * slice_s * 1000
    end
    return free > clock and free - clock or 0
end

-- The FIELDS of KEY.  A key that is no hash is nobody's: it goes, and the
-- second result says so.
local function fetch(key, fields)
    local got = redis.pcall('HMGET', key, unpack(fields))
    if not got.err then
        return got, false
    elseif got.err:find('WRONGTYPE', 1, true) then
        redis.call('DEL', key)
        return {}, true
    end
    return redis.call('HMGET', key, unpack(fields)) -- raises it
end

if op == 2 then -- take back
    local n = read('<H', request, 26)
    local fields, at, slice_s, newest = {'m'}, {}, {}, {}
    for i = 28, 27 + 32 * n, 32 do
        local field = sub(request, i + 8, i + 19)
        if not at[field] then
            fields[#fields + 1] = field
            at[field] = #fields
        end
    end
    local got = fetch(KEYS[1], fields)
    local m = got[1]
    if not m or #m ~= 36 or m:byte(1) > reads then
        return 0
    end
    local epoch, was, done = sub(m, 29, 36), {}, 0
    for i = 28, 27 + 32 * n, 32 do
        local of, field, span, slice, count = read('<c8c12I4I4I4', request, i)
        local f = at[field]
        if of == epoch and got[f] then
            if not newest[f] then
                was[f] = got[f]
                got[f], newest[f] = window(got[f], span)
            end
            if slice <= newest[f] and newest[f] - slice < 13 then
                got[f] = add(got[f], slice, -count)
                done = done + 1
            end
        end
    end
    local set = {}
    for f, old in pairs(was) do
        if got[f] ~= old then
            set[#set + 1] = fields[f]
            set[#set + 1] = got[f]
        end
    end
    if #set > 0 then
        redis.call('HSET', KEYS[1], unpack(set))
    end
    return done
end

-- Merge N counts of a host, told at AT, into GOT; which entries have changed.
local function merge(got, request, entries, at, n)
    local dirty = {}
    for i = 0, n - 1 do
        local e, slice, count, limit =
            struct.unpack('<BI4I4I4', request, at + 13 * i)
        local slice_s = struct.unpack('<I4', request, entries + 28 * e - 16)
        local w, newest, _, _, new = window(got[e + 1], slice_s)
        if slice > new then
            slice = new -- a host whose clock is ahead
        end
        if newest - slice < 13 then
            w = add(w, slice, count)
            if limit > 0 then
                w = w:sub(1, 56) .. struct.pack('<I4', limit)
            end
            got[e + 1], dirty[e] = w, true
        end
    end
    return dirty
end

-- Marks of hosts that have been silent for a day go, and, of more than 32
-- windows, those that are empty.
local function sweep(key, now)
    local all, gone = redis.call('HGETALL', key), {}
    for i = 1, math.min(#all, 4000), 2 do
        local field, value = all[i], all[i + 1]
        if #field == 9 then
            if #value ~= 8 or struct.unpack('<I4', value, 5) + 86400 < now then
                gone[#gone + 1] = field
            end
        elseif #field == 12 and #all > 2 * 32 then
            local span_s, _, sum = struct.unpack('<I4', field, 9)
            if span_s >= 12 then
                _, _, sum = window(value, math.floor((span_s + 11) / 12))
            end
            if not sum or sum == 0 then
                gone[#gone + 1] = field
            end
        end
    end
    if #gone > 0 then
        redis.call('HDEL', key, unpack(gone))
    end
end

-- Ask for all that the step needs, and merge deltas.
local records, pos, items = {}, 26, 0
for s = 1, subjects do
    local n, deltas = read('<BB', request, pos)
    local fields, first = {'m'}, pos + 2
    pos = first
    for i = 2, n + 1 do
        fields[i] = sub(request, pos, pos + 11)
        pos = pos + 28
    end
    local host, seq
    if deltas > 0 then
        host, seq = read('<c8I4', request, pos)
        fields[n + 2] = 'h' .. host
    end
    local got, anew = fetch(KEYS[s], fields)
    local r = {n = n, first = first, fields = fields, got = got, anew = anew,
        newer = false, merged = false, dirty = false, mark = false,
        set = false, longest = 0, told = 0, m = false, form = 0, standing = 0,
        flags = 0, throttle = 0, version = 0, first_seen = now,
        last_seen = now, expiry = 0, name = 0, epoch = NONE_YET}
    local m = got[1]
    if m and #m == 36 and m:byte() > 0 and m:byte() <= reads and
        m:byte(2) < 5 then
        r.m = true
        r.form, r.standing, r.flags, r.throttle, r.version, r.first_seen,
            r.last_seen, r.expiry, r.name, r.epoch = read(META, m)
    elseif m and #m >= 8 and m:byte() > reads then
        r.newer = true
        r.standing, r.throttle = read('<xBxxI4', m)
    end -- else there is none, or nobody knows what it said
    if deltas > 0 then
        local mark = got[n + 2]
        if not r.newer then
            r.merged = true
            if not mark or #mark ~= 8 or read('<I4', mark) < seq then
                r.dirty = merge(got, request, first, pos + 12, deltas)
                r.mark = pack('<I4I4', seq, now)
            end
        end
        pos = pos + 12 + 13 * deltas
    end
    records[s] = r
end

-- Check all, and put together what to write and to tell if the step passes; if
-- it does not, do so again.
local passes, refused, out = true
repeat
    local told = 1
    out, items, refused = {''}, 0, false
    for s = 1, subjects do
        local r = records[s]
        local got, fields, dirty = r.got, r.fields, r.dirty
        local set, to, longest, at = {}, 0, 0, r.first + 12
        local twice = {} -- windows that several items name
        told = told + 1
        out[told], r.told = '', told
        for i = 1, r.n do
            local slice_s, n, limit, kind, observe, throttled, same =
                read('<I4I4I4BBBB', request, at)
            local t, touched, w, slice, sum, old = twice[same], false
            at = at + 28
            if t then
                w, slice, sum, old = t.w, t.slice, t.sum, t.limit
            else
                w, slice, sum, old = window(got[i + 1], slice_s)
                touched = dirty and dirty[i]
                if same > 0 then
                    t = {slice = slice, sum = sum}
                    twice[same] = t
                end
            end

            local flags, used, wait = 0, 0, 0
            if throttled == 1 then
                limit = r.throttle
            end
            if kind ~= NONE and not r.newer and
                (throttled == 0 or r.standing == THROTTLED) then
                local adds = n > 0 and (passes and kind ~= LOOK or kind == NOTE)
                used = sum + n
                if used > limit then
                    if kind ~= NOTE then
                        if passes and observe == 0 then
                            refused = true
                            break
                        end
                        adds = false
                    end
                    flags = 1
                    if n > limit then
                        flags = 3
                    else -- what W has more than SUM by now goes last
                        wait = room(w, slice, slice_s, used, limit, clock)
                    end
                end
                if adds and not (t and t.added) then
                    w = add(w, slice, n)
                    flags, touched = flags + 4, true
                end
                if limit ~= old and (observe == 0 or old == 0) and
                    (touched or t and t.to) then
                    w, old = sub(w, 1, 56) .. pack('<I4', limit), limit
                end
            end
            if kind ~= NONE then
                told, items = told + 1, items + 1
                out[told] = pack('<BI4I8I8', flags, slice, used, wait)
            end

            if touched and not (t and t.to) then
                set[to + 1] = fields[i + 1]
                set[to + 2] = w
                to = to + 2
                if slice_s > longest then
                    longest = slice_s
                end
                if t then
                    t.to = to
                end
            elseif t and t.to then
                set[t.to] = w
            end
            if t then
                t.w, t.limit, t.added = w, old, t.added or flags >= 4
            end
        end
        if refused then
            passes = false
            break
        end
        r.set, r.longest = set, longest
    end
until not refused

-- Write what there is to write, and tell.
out[1] = pack('<BBBBI8', 1, passes and 1 or 0, subjects, items, clock)
for s = 1, subjects do
    local r, key = records[s], KEYS[s]
    local set = r.set
    if set[1] or r.mark then
        local changed, due = not r.m or r.form ~= writes, false
        local need = 13 * r.longest
        if not r.m then
            r.epoch = fresh
        end
        if r.last_seen > now + 60 then -- the clock went back
            local back = r.last_seen - now
            r.expiry = r.expiry < NEVER and math.max(r.expiry - back, 0) or NEVER
            r.name = r.name < NEVER and math.max(r.name - back, 0) or NEVER
            r.last_seen, changed = now, true
        elseif r.last_seen < now - (exact and 0 or 60) then
            r.last_seen, changed = now, true
        end
        if (r.flags > 0 or r.standing > 0) and keep > need then
            need = keep
        end
        if r.expiry < now + need then
            need = need + 60 + math.floor(need / 16)
            r.expiry, changed, due = now + need, true, true
        end
        if r.mark then
            set[#set + 1] = r.fields[r.n + 2]
            set[#set + 1] = r.mark
        end
        if changed then
            set[#set + 1] = 'm'
            set[#set + 1] = pack(META, writes, r.standing, r.flags, r.throttle,
                r.version, r.first_seen, r.last_seen, r.expiry, r.name, r.epoch)
        end
        redis.call('HSET', key, unpack(set))
        if due then
            redis.call('PEXPIRE', key, need * 1000)
        end
        if r.m and due or r.mark then
            sweep(key, now)
        end
    end
    out[r.told] = pack('<BBI4I4c8', r.standing,
        (r.name < r.expiry and 1 or 0) + (r.newer and 2 or 0) +
        (r.merged and 4 or 0) + (r.anew and 8 or 0), r.throttle,
        r.m and r.first_seen or 0, r.epoch)
end
return table.concat(out)
