/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/window.h - events counted over one span, in constant space: thirteen
 * slices of ceil(span/12), so that any span that ends now lies inside them.
 * An event counts for at least the span and at most 13/12 of it (a little more
 * where twelve does not divide the span).
 */
#ifndef MORTSAFE_POLICY_WINDOW_H
#define MORTSAFE_POLICY_WINDOW_H

#include <stdint.h>

enum {
    WINDOW_SLICES = 13,
    WINDOW_SPAN_MIN_S = 12,
    WINDOW_SPAN_MAX_S = 366 * 86400,
    WINDOW_BYTES = 56
};

/* By value, 56 bytes: also the stored form, in the byte order of window_pack.
 */
struct window {
    uint32_t slice;                /* number of the newest slice */
    uint32_t count[WINDOW_SLICES]; /* by slice number modulo 13; saturating */
};

/* The length of a slice of SPAN_S seconds (12 to 366 days), in seconds. */
uint32_t window_slice_s(uint32_t span_s);

/*
 * Move W to CLOCK_S, seconds of the store's clock: what is older than the span
 * goes.  A window one slice ahead stays (a clock that jitters); one further
 * ahead is renumbered to the slice behind CLOCK_S's with its counts unchanged.
 */
void window_turn(struct window *w, uint32_t span_s, uint64_t clock_s);

/* All in view of a window just turned. */
uint64_t window_sum(const struct window *w);

/* Count N events in the newest slice of a window just turned; returns the
 * slice's number, for the receipt. */
uint32_t window_add(struct window *w, uint32_t n);

/* Take N events back from slice SLICE if it is still in view, never below 0;
 * a saturated slice is left. */
void window_take_back(struct window *w, uint32_t slice, uint32_t n);

/*
 * Milliseconds until a turned window has room for N under LIMIT at CLOCK_MS,
 * if nothing else comes; 0 if it has now, UINT64_MAX if N > LIMIT.
 */
uint64_t window_room_ms(const struct window *w, uint32_t span_s,
                        uint64_t clock_ms, uint32_t n, uint32_t limit);

/* The stored form: 14 little-endian 32-bit numbers. */
void window_pack(const struct window *w, uint8_t out[WINDOW_BYTES]);
void window_unpack(const uint8_t in[WINDOW_BYTES], struct window *w);

#endif
