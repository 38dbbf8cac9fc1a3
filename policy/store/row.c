/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/row.c - a record's stored form.
 *
 * windows: layout 1, standing, number of windows, 0; 32 bits each of throttle,
 * version, first seen, last seen; of each window 64 bits of name, 32 each of
 * span and limit, and window_pack(); a checksum of 64 bits.
 * state: the detector's bytes, and a checksum of 64 bits.
 */
#include <config.h>

#include "policy/store/row.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

enum {
    LAYOUT = 1,
    HEAD = 20,
    WINDOW = 16 + WINDOW_BYTES,
    SUM = crypto_shorthash_BYTES,
    FIRST_ROOM = 1 << 16
};

struct rows {
    size_t n;
    struct {
        struct row row; /* its pointers do not hold: BYTES may move */
        size_t offset;  /* of its columns in BYTES */
    } at[ROWS_BATCH];
    uint8_t *bytes;
    size_t used, room;
};

static void
put(uint8_t *out, uint64_t n, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        out[i] = (uint8_t)(n >> (8 * i));
}

static uint64_t
get(const uint8_t *in, unsigned width)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < width; i++)
        n |= (uint64_t)in[i] << (8 * i);
    return n;
}

/* Of LEN bytes that belong to row ID: not a secret, only against damage. */
static uint64_t
checksum(uint64_t id, const uint8_t *bytes, size_t len)
{
    uint8_t key[crypto_shorthash_KEYBYTES] = "mortsafe";
    uint8_t sum[SUM];

    put(key + 8, id, 8);
    crypto_shorthash(sum, bytes, len, key);
    return get(sum, SUM);
}

/* The sum of the other columns is mixed into that of the windows. */
uint64_t
row_sum(const struct row *row)
{
    uint64_t sum = checksum(row->id, row->windows, row->windows_len - SUM);

    sum ^= checksum(sum, row->name, row->name_len);
    sum ^= checksum(sum, row->key, row->key_len);
    return sum ^ (uint64_t)row->kind << 56;
}

static bool
name_fits(const struct row *row)
{
    struct subject subject;

    if (row->kind == RECORD_OVERFLOW)
        return row->name_len == 0;
    return subject_read(row->name, row->name_len, &subject) &&
           (int64_t)subject.kind == row->kind;
}

static bool
windows_fit(const struct row *row)
{
    const uint8_t *in = row->windows;

    if (row->windows_len < HEAD + SUM || in[0] != LAYOUT || in[3] != 0 ||
        in[1] > STANDING_PROBATION ||
        row->windows_len != (size_t)HEAD + SUM + (size_t)in[2] * WINDOW)
        return false;
    for (const uint8_t *w = in + HEAD; w + SUM < in + row->windows_len;
         w += WINDOW) {
        uint64_t span_s = get(w + 8, 4);

        if (span_s < WINDOW_SPAN_MIN_S || span_s > WINDOW_SPAN_MAX_S)
            return false;
    }
    return true;
}

bool
row_check(const struct row *row)
{
    return row->key_len == RECORD_KEY && windows_fit(row) &&
           get(row->windows + row->windows_len - SUM, SUM) == row_sum(row) &&
           name_fits(row);
}

bool
row_check_state(const struct row *row)
{
    size_t len = row->state_len - SUM;

    if (row->state == NULL)
        return true;
    return row->state_len > SUM && len <= STORE_STATE_MAX &&
           get(row->state + len, SUM) == checksum(row->id, row->state, len);
}

uint8_t
row_windows(const struct row *row)
{
    return row->windows[2];
}

static void
read_windows(const struct row *row, struct record *r)
{
    const uint8_t *in = row->windows + HEAD;

    for (unsigned i = 0; i < r->n_windows; i++, in += WINDOW) {
        struct record_window *rw = &r->windows[i];

        rw->window = get(in, 8);
        rw->span_s = get(in + 8, 4) & RECORD_SPAN;
        rw->limit = (uint32_t)get(in + 12, 4);
        window_unpack(in + 16, &rw->w);
    }
}

enum ms_err
row_read(const struct row *row, struct record *r)
{
    const uint8_t *in = row->windows;
    struct store_state state;

    state.standing = (enum standing)in[1];
    state.throttle = (uint32_t)get(in + 4, 4);
    state.len = 0;
    if (row->state != NULL && row_check_state(row)) {
        state.len = (uint16_t)(row->state_len - SUM);
        memcpy(state.bytes, row->state, state.len);
    }
    if (record_set_state(r, &state) != MS_OK)
        return MS_NOMEM;
    r->version = (uint32_t)get(in + 8, 4);
    r->first_s = (uint32_t)get(in + 12, 4);
    r->last_s = (uint32_t)get(in + 16, 4);
    r->id = row->id;
    r->flags = RECORD_STORED;
    if (row->state != NULL)
        r->flags |= RECORD_STATE_STORED;
    read_windows(row, r);
    return MS_OK;
}

/* ----- a batch */

enum ms_err
rows_create(struct rows **out)
{
    struct rows *rows = calloc(1, sizeof(*rows));

    if (rows == NULL)
        return MS_NOMEM;
    *out = rows;
    return MS_OK;
}

void
rows_destroy(struct rows *rows)
{
    if (rows != NULL)
        free(rows->bytes);
    free(rows);
}

void
rows_clear(struct rows *rows)
{
    rows->n = 0;
    rows->used = 0;
}

size_t
rows_count(const struct rows *rows)
{
    return rows->n;
}

static enum ms_err
make_room(struct rows *rows, size_t more)
{
    size_t room = rows->room > 0 ? rows->room : FIRST_ROOM;
    uint8_t *bytes;

    while (room - rows->used < more)
        room *= 2;
    if (room == rows->room)
        return MS_OK;
    bytes = realloc(rows->bytes, room);
    if (bytes == NULL)
        return MS_NOMEM;
    rows->bytes = bytes;
    rows->room = room;
    return MS_OK;
}

static void
write_windows(const struct record *r, struct row *row, uint8_t *out)
{
    uint8_t *at = out + HEAD;

    row->windows = out;
    out[0] = LAYOUT;
    out[1] = r->standing;
    out[2] = r->n_windows;
    out[3] = 0;
    put(out + 4, r->state != NULL ? r->state->throttle : 0, 4);
    put(out + 8, r->version, 4);
    put(out + 12, r->first_s, 4);
    put(out + 16, r->last_s, 4);
    for (unsigned i = 0; i < r->n_windows; i++, at += WINDOW) {
        const struct record_window *rw = &r->windows[i];

        put(at, rw->window, 8);
        put(at + 8, rw->span_s, 4);
        put(at + 12, rw->limit, 4);
        window_pack(&rw->w, at + 16);
    }
    put(at, row_sum(row), SUM);
}

/* What is to be written about R, without the bytes. */
static struct row
plan_row(const struct record *r)
{
    bool dead = (r->flags & RECORD_DEAD) != 0;
    size_t state_len = r->state != NULL ? r->state->len : 0;
    struct row row = {.id = r->id, .kind = r->kind, .delete = dead};

    if ((dead || state_len == 0) && (r->flags & RECORD_STATE_STORED))
        row.delete_state = true;
    if (dead)
        return row;
    row.key_len = RECORD_KEY;
    row.name_len = r->len;
    row.windows_len = (size_t)HEAD + SUM + (size_t)r->n_windows * WINDOW;
    if (state_len > 0 && (r->flags & RECORD_STATE_DIRTY))
        row.state_len = state_len + SUM;
    return row;
}

enum ms_err
rows_add(struct rows *rows, const struct record *r)
{
    struct row row = plan_row(r);
    uint8_t *key, *name, *windows, *state;

    if (make_room(rows, row.key_len + row.name_len + row.windows_len +
                            row.state_len) != MS_OK)
        return MS_NOMEM;
    key = rows->bytes + rows->used;
    name = key + row.key_len;
    windows = name + row.name_len;
    state = windows + row.windows_len;
    if (!row.delete) {
        row.key = memcpy(key, r->key, RECORD_KEY);
        row.name = memcpy(name, record_name(r), r->len);
        write_windows(r, &row, windows);
    }
    if (row.state_len > 0) {
        size_t len = row.state_len - SUM;

        memcpy(state, r->state->bytes, len);
        put(state + len, checksum(r->id, state, len), SUM);
    }
    rows->at[rows->n].row = row;
    rows->at[rows->n++].offset = rows->used;
    rows->used += row.key_len + row.name_len + row.windows_len + row.state_len;
    return MS_OK;
}

static int
by_id(const void *a, const void *b)
{
    const struct row *x = a, *y = b; /* each entry begins with its row */

    return x->id < y->id ? -1 : x->id > y->id;
}

void
rows_sort(struct rows *rows)
{
    qsort(rows->at, rows->n, sizeof(rows->at[0]), by_id);
}

struct row
rows_at(const struct rows *rows, size_t i)
{
    struct row row = rows->at[i].row;
    const uint8_t *at = rows->bytes + rows->at[i].offset;

    if (row.delete)
        return row;
    row.key = at;
    row.name = row.key + row.key_len;
    row.windows = row.name + row.name_len;
    row.state = row.state_len > 0 ? row.windows + row.windows_len : NULL;
    return row;
}
