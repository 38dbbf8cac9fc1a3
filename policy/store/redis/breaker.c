/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/breaker.c - see the header.  A server that comes and goes
 * has to prove itself with more probes each time, so that decisions are not
 * made now here, now there; recovery still takes less than two seconds.
 */
#include <config.h>

#include "policy/store/redis/breaker.h"

/* (xorshift32; a zero would stay zero) */
static uint32_t
next_random(struct breaker *b)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 17;
    b->random ^= b->random << 5;
    return b->random;
}

void
breaker_init(struct breaker *b, uint32_t seed, struct mono now)
{
    *b = (struct breaker){.open = true, .since = now, .probe_at = now};
    b->random = seed != 0 ? seed : 1;
}

bool
breaker_fail(struct breaker *b, struct mono now)
{
    b->good = 0;
    if (b->open)
        return false;
    if (now.ms - b->since.ms >= BREAKER_FLAP_MS)
        b->needed = 0;
    if (b->needed < BREAKER_PROBES_MAX)
        b->needed++;
    b->open = true;
    b->since = now;
    b->probe_at = now;
    return true;
}

bool
breaker_latency(struct breaker *b, uint32_t mean_us, struct mono now)
{
    return !b->open && mean_us > BREAKER_SLOW_US && breaker_fail(b, now);
}

void
breaker_hurry(struct breaker *b, struct mono at)
{
    if (b->probe_at.ms > at.ms)
        b->probe_at = at;
}

bool
breaker_probe_due(struct breaker *b, struct mono now)
{
    if (!b->open || now.ms < b->probe_at.ms)
        return false;
    b->probe_at.ms = now.ms + BREAKER_PROBE_MS +
                     (int64_t)(next_random(b) % (BREAKER_PROBE_MS / 5 + 1));
    return true;
}

bool
breaker_probed(struct breaker *b, bool good, int64_t took_ms, struct mono now)
{
    if (!b->open)
        return false;
    if (!good || took_ms * 1000 > BREAKER_SLOW_US) {
        b->good = 0;
        return false;
    }
    b->good++;
    if (b->good < b->needed) {
        breaker_hurry(b, (struct mono){now.ms + BREAKER_PROBE_MS / 2});
        return false;
    }
    b->open = false;
    b->since = now;
    return true;
}
