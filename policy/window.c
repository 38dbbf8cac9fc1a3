/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/window.c - events counted over one span.  The count of slice number S
 * is at S modulo 13; slices are walked by their age (0 newest, 12 oldest), so
 * that numbers below 12 need no care.
 */
#include <config.h>

#include "policy/window.h"

#include <string.h>

static uint32_t
slice_of(uint32_t span_s, uint64_t clock_s)
{
    uint64_t slice = clock_s / window_slice_s(span_s);

    /* One below the greatest, so that a window may always be one ahead. */
    return slice < UINT32_MAX ? (uint32_t)slice : UINT32_MAX - 1;
}

/* Where the count of the slice AGE slices before SLICE is. */
static unsigned
place(uint32_t slice, uint32_t age)
{
    return (slice % WINDOW_SLICES + WINDOW_SLICES - age) % WINDOW_SLICES;
}

/* Give the newest slice the number SLICE, and the others theirs from it. */
static void
renumber(struct window *w, uint32_t slice)
{
    struct window moved;

    moved.slice = slice;
    for (uint32_t age = 0; age < WINDOW_SLICES; age++)
        moved.count[place(slice, age)] = w->count[place(w->slice, age)];
    *w = moved;
}

uint32_t
window_slice_s(uint32_t span_s)
{
    return (uint32_t)(((uint64_t)span_s + WINDOW_SLICES - 2) /
                      (WINDOW_SLICES - 1));
}

void
window_turn(struct window *w, uint32_t span_s, uint64_t clock_s)
{
    uint32_t now = slice_of(span_s, clock_s);

    if (w->slice > now) {
        if (w->slice - now > 1)
            renumber(w, now + 1);
        return;
    }
    if (now - w->slice >= WINDOW_SLICES) {
        memset(w->count, 0, sizeof(w->count));
        w->slice = now;
    }
    while (w->slice < now) {
        w->slice++;
        w->count[place(w->slice, 0)] = 0;
    }
}

uint64_t
window_sum(const struct window *w)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < WINDOW_SLICES; i++)
        sum += w->count[i];
    return sum;
}

uint32_t
window_add(struct window *w, uint32_t n)
{
    uint32_t *count = &w->count[place(w->slice, 0)];

    *count = n > UINT32_MAX - *count ? UINT32_MAX : *count + n;
    return w->slice;
}

void
window_take_back(struct window *w, uint32_t slice, uint32_t n)
{
    uint32_t *count;

    if (slice > w->slice || w->slice - slice >= WINDOW_SLICES)
        return;
    count = &w->count[place(slice, 0)];
    if (*count == UINT32_MAX)
        return; /* nobody knows how much was counted */
    *count = n > *count ? 0 : *count - n;
}

uint64_t
window_room_ms(const struct window *w, uint32_t span_s, uint64_t clock_ms,
               uint32_t n, uint32_t limit)
{
    uint64_t used = window_sum(w);
    uint64_t slice_ms = (uint64_t)window_slice_s(span_s) * 1000;
    uint64_t free_ms = 0;

    if (n > limit)
        return UINT64_MAX;
    /* The oldest slice goes first, each when it is thirteen slices old. */
    for (uint32_t age = WINDOW_SLICES; used + n > limit;) {
        age--;
        used -= w->count[place(w->slice, age)];
        free_ms = ((uint64_t)w->slice + WINDOW_SLICES - age) * slice_ms;
    }
    return free_ms > clock_ms ? free_ms - clock_ms : 0;
}

static void
put32(uint8_t *out, uint32_t n)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(n >> (8 * i));
}

static uint32_t
get32(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 |
           (uint32_t)in[3] << 24;
}

void
window_pack(const struct window *w, uint8_t out[WINDOW_BYTES])
{
    put32(out, w->slice);
    for (unsigned i = 0; i < WINDOW_SLICES; i++)
        put32(out + 4 + 4 * i, w->count[i]);
}

void
window_unpack(const uint8_t in[WINDOW_BYTES], struct window *w)
{
    w->slice = get32(in);
    for (unsigned i = 0; i < WINDOW_SLICES; i++)
        w->count[i] = get32(in + 4 + 4 * i);
}
