/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/record.c - one subject's record in memory.  A million of them
 * must fit in 400 MB with three windows each, hence the one block, whose size
 * is always exact: the windows, then the subject's bytes.
 */
#include <config.h>

#include "policy/store/record.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)WINDOW_SPAN_MAX_S <= (int)RECORD_SPAN,
               "a span fits in its bits");
_Static_assert(sizeof(struct record) == 88, "a record's size is a promise");
_Static_assert(sizeof(struct record_window) == 72, "so is a window's");

static size_t
block_size(size_t n_windows, size_t len)
{
    size_t size = n_windows * sizeof(struct record_window) + len;

    return size > 0 ? size : 1;
}

enum ms_err
record_init(struct record *r, const struct record_seed *seed)
{
    size_t n = seed->n_windows;
    struct record_window *block = malloc(block_size(n, seed->len));

    if (block == NULL)
        return MS_NOMEM;
    memset(block, 0, n * sizeof(*block));
    if (seed->len > 0)
        memcpy(block + n, seed->name, seed->len);
    *r = (struct record){.windows = block,
                         .len = seed->len,
                         .kind = (uint8_t)seed->kind,
                         .standing = STANDING_NORMAL,
                         .n_windows = seed->n_windows,
                         .chain = RECORD_NONE,
                         .older = RECORD_NONE,
                         .newer = RECORD_NONE,
                         .list_prev = RECORD_NONE,
                         .list_next = RECORD_NONE};
    memcpy(r->key, seed->key, RECORD_KEY);
    return MS_OK;
}

void
record_end(struct record *r)
{
    free(r->windows);
    free(r->state);
    r->windows = NULL;
    r->state = NULL;
    r->n_windows = 0;
    r->len = 0;
}

const uint8_t *
record_name(const struct record *r)
{
    return (const uint8_t *)(r->windows + r->n_windows);
}

struct record_window *
record_find(const struct record *r, uint64_t window, uint32_t span_s)
{
    for (unsigned i = 0; i < r->n_windows; i++)
        if (r->windows[i].window == window && r->windows[i].span_s == span_s)
            return &r->windows[i];
    return NULL;
}

enum ms_err
record_add(struct record *r, uint64_t window, uint32_t span_s)
{
    size_t n = r->n_windows;
    struct record_window *block;

    if (n == RECORD_WINDOWS)
        return MS_NOMEM;
    block = realloc(r->windows, block_size(n + 1, r->len));
    if (block == NULL)
        return MS_NOMEM;
    memmove(block + n + 1, block + n, r->len);
    block[n] = (struct record_window){.window = window,
                                      .span_s = span_s & RECORD_SPAN};
    r->windows = block;
    r->n_windows++;
    return MS_OK;
}

/* Events of a window that are in view at CLOCK_S. */
static uint64_t
used_at(const struct record_window *rw, uint64_t clock_s)
{
    struct window w = rw->w;

    window_turn(&w, rw->span_s, clock_s);
    return window_sum(&w);
}

void
record_prune(struct record *r, uint64_t clock_s)
{
    const uint8_t *name = record_name(r);
    unsigned kept = 0;
    struct record_window *block;

    for (unsigned i = 0; i < r->n_windows; i++)
        if (used_at(&r->windows[i], clock_s) > 0)
            r->windows[kept++] = r->windows[i];
    if (kept == r->n_windows)
        return;
    memmove(r->windows + kept, name, r->len);
    r->n_windows = (uint8_t)kept;
    block = realloc(r->windows, block_size(kept, r->len));
    if (block != NULL)
        r->windows = block;
}

void
record_reset(struct record *r, uint64_t window)
{
    for (unsigned i = 0; i < r->n_windows; i++) {
        struct record_window *rw = &r->windows[i];

        if (window != 0 && rw->window != window)
            continue;
        memset(rw->w.count, 0, sizeof(rw->w.count));
        rw->percent = 0;
    }
}

/* Where the count of the slice AGE slices before the newest is. */
static unsigned
place(const struct window *w, unsigned age)
{
    return (w->slice % WINDOW_SLICES + WINDOW_SLICES - age) % WINDOW_SLICES;
}

static void
fill_window(struct record_window *rw, const struct store_window *in,
            uint64_t clock_s)
{
    rw->window = in->window;
    rw->span_s = in->span_s & RECORD_SPAN;
    rw->limit = in->limit;
    window_turn(&rw->w, in->span_s, clock_s);
    for (unsigned i = 0; i < WINDOW_SLICES; i++) {
        unsigned age = WINDOW_SLICES - 1 - i;
        uint32_t *count = &rw->w.count[place(&rw->w, age > 0 ? age - 1 : 0)];

        *count = in->slices[i] > UINT32_MAX - *count ? UINT32_MAX
                                                     : *count + in->slices[i];
    }
}

void
record_fill(struct record *r, const struct store_record *in, uint64_t clock_s)
{
    for (unsigned i = 0; i < r->n_windows; i++)
        fill_window(&r->windows[i], &in->windows[i], clock_s);
}

void
record_seen(struct record *r, uint32_t wall_s)
{
    r->last_s = wall_s;
    if (r->first_s == 0)
        r->first_s = wall_s;
}

/* What malloc(SIZE) takes. */
static size_t
taken(size_t size)
{
    size_t chunk = (size + sizeof(size_t) + 15) & ~(size_t)15;

    return chunk < 32 ? 32 : chunk;
}

size_t
record_bytes(const struct record *r)
{
    size_t bytes = sizeof(*r) + 2 * sizeof(uint32_t); /* and its bucket */

    if (r->windows != NULL)
        bytes += taken(block_size(r->n_windows, r->len));
    if (r->state != NULL)
        bytes += taken(sizeof(*r->state) + r->state->len);
    return bytes;
}

bool
record_is_idle(const struct record *r, uint64_t clock_s, uint32_t stale_s)
{
    if (r->standing != STANDING_NORMAL ||
        (r->state != NULL && r->last_s >= stale_s))
        return false;
    for (unsigned i = 0; i < r->n_windows; i++)
        if (used_at(&r->windows[i], clock_s) > 0)
            return false;
    return true;
}

bool
record_is_spare(const struct record *r, uint64_t clock_s)
{
    if (r->standing != STANDING_NORMAL)
        return false;
    for (unsigned i = 0; i < r->n_windows; i++) {
        uint64_t used = used_at(&r->windows[i], clock_s);

        if (used > 0 && 2 * used >= r->windows[i].limit)
            return false;
    }
    return true;
}

void
record_get_state(const struct record *r, struct store_state *out)
{
    out->standing = (enum standing)r->standing;
    out->version = r->version;
    out->throttle = 0;
    out->len = 0;
    if (r->state == NULL)
        return;
    out->throttle = r->state->throttle;
    out->len = r->state->len;
    memcpy(out->bytes, r->state->bytes, r->state->len);
}

enum ms_err
record_set_state(struct record *r, const struct store_state *state)
{
    struct record_state *block = NULL;

    if (state->len > 0 || state->throttle > 0) {
        block = r->state != NULL && r->state->len == state->len
                    ? r->state
                    : malloc(sizeof(*block) + state->len);
        if (block == NULL)
            return MS_NOMEM;
        block->throttle = state->throttle;
        block->len = state->len;
        memcpy(block->bytes, state->bytes, state->len);
    }
    if (block != r->state)
        free(r->state);
    r->state = block;
    r->standing = (uint8_t)state->standing;
    return MS_OK;
}

static void
show_window(const struct record_window *rw, uint64_t clock_s,
            struct store_window *out)
{
    struct window w = rw->w;

    window_turn(&w, rw->span_s, clock_s);
    out->window = rw->window;
    out->span_s = rw->span_s;
    out->limit = rw->limit;
    out->used = window_sum(&w);
    for (unsigned i = 0; i < WINDOW_SLICES; i++) /* oldest first */
        out->slices[i] = w.count[place(&w, WINDOW_SLICES - 1 - i)];
}

bool
record_show(const struct record *r, uint64_t clock_s, struct store_record *out)
{
    if (!subject_read(record_name(r), r->len, &out->subject))
        return false;
    record_get_state(r, &out->state);
    out->first_seen.s = r->first_s;
    out->last_seen.s = r->last_s;
    out->n_windows =
        r->n_windows < STORE_WINDOWS ? r->n_windows : (size_t)STORE_WINDOWS;
    for (size_t i = 0; i < out->n_windows; i++)
        show_window(&r->windows[i], clock_s, &out->windows[i]);
    return true;
}
