/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/top.c - the busiest subjects of each host on the fleet's board:
 * name "top KIND", a field a host, a blob of milter/counts/pack.h: the time 8,
 * rows 2, and of each row its length 2, subject 2 and bytes, limit 1 and
 * letters, standing 1, metric 1, rate 4 and 4, used 8, share 4, first seen 8,
 * last seen
 * 8.  What a newer mortsafe adds stands behind that.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/clerk/inside.h"
#include "milter/counts/pack.h"

enum {
    ROW = 2 + 1 + 1 + 1 + 4 + 4 + 8 + 4 + 8 + 8, /* without what varies */
    HEAD = PACK_FORM + PACK_SUM + 8 + 2,
    KEEP_S = 3600, /* of the whole name, and of a host that has gone */
    NAME = 32
};

static const char form[] = "mstop001";
_Static_assert(sizeof(form) == PACK_FORM + 1, "as a form is");

static void
print_name(enum subject_kind kind, char out[NAME])
{
    const char *text = subject_kind_name(kind);

    (void)snprintf(out, NAME, "top %s", text != NULL ? text : "?");
}

/* ----- writing */

static size_t
row_len(const struct top_row *row)
{
    return ROW + row->subject.len + strlen(row->limit);
}

static void
pack_row(struct pack *pack, const struct top_row *row)
{
    pack_number(pack, row_len(row), 2);
    pack_number(pack, row->subject.len, 2);
    pack_bytes(pack, row->subject.bytes, row->subject.len);
    pack_number(pack, strlen(row->limit), 1);
    pack_bytes(pack, row->limit, strlen(row->limit));
    pack_number(pack, row->standing, 1);
    pack_number(pack, row->metric, 1);
    pack_number(pack, row->rate.n, 4);
    pack_number(pack, row->rate.span_s, 4);
    pack_number(pack, row->used, 8);
    pack_number(pack, row->share, 4);
    pack_number(pack, (uint64_t)row->first_seen.s, 8);
    pack_number(pack, (uint64_t)row->last_seen.s, 8);
}

/* How many of N rows fit into one blob. */
static size_t
count_fitting(const struct top_row *rows, size_t n)
{
    size_t len = HEAD, fit = 0;

    while (fit < n && len + 2 + row_len(&rows[fit]) <= BOARD_BLOB)
        len += 2 + row_len(&rows[fit++]);
    return fit;
}

static enum ms_err
put_rows(struct store *shared, const char *host, int64_t at_s,
         enum subject_kind kind, const struct top_row *rows, size_t n)
{
    const size_t fit = count_fitting(rows, n);
    struct board_blob blob = {.field = host};
    char name[NAME];
    struct pack pack;
    void *bytes;
    enum ms_err err;

    pack_begin(&pack, form);
    pack_number(&pack, (uint64_t)at_s, 8);
    pack_number(&pack, fit, 2);
    for (size_t i = 0; i < fit; i++)
        pack_row(&pack, &rows[i]);
    err = pack_end(&pack, &bytes, &blob.len);
    if (err != MS_OK)
        return err;
    blob.bytes = bytes;
    print_name(kind, name);
    err = store_board_put(shared, name, &blob, KEEP_S, false);
    free(bytes);
    return err;
}

enum ms_err
clerk_share_top(struct store *shared, const char *host, struct wall now,
                enum subject_kind kind, const struct top_row *rows, size_t n)
{
    return shared != NULL ? put_rows(shared, host, now.s, kind, rows, n)
                          : MS_OK;
}

/* ----- reading */

static bool
read_subject(struct pack_reader *in, struct subject *out)
{
    size_t len = (size_t)pack_read(in, 2);
    const uint8_t *bytes = pack_read_bytes(in, len);

    return bytes != NULL && subject_read(bytes, len, out);
}

static bool
read_limit(struct pack_reader *in, char out[64])
{
    size_t len = (size_t)pack_read(in, 1);
    const uint8_t *bytes = pack_read_bytes(in, len);

    if (bytes == NULL || len >= 64 || memchr(bytes, '\0', len) != NULL)
        return false;
    memcpy(out, bytes, len);
    out[len] = '\0';
    return true;
}

/* The next row; false: it cannot be one. */
static bool
read_row(struct pack_reader *all, struct top_row *out)
{
    size_t len = (size_t)pack_read(all, 2);
    struct pack_reader in = {pack_read_bytes(all, len), len, false};
    uint64_t standing, metric;

    if (in.at == NULL || !read_subject(&in, &out->subject) ||
        !read_limit(&in, out->limit))
        return false;
    standing = pack_read(&in, 1);
    metric = pack_read(&in, 1);
    out->rate.n = (uint32_t)pack_read(&in, 4);
    out->rate.span_s = (uint32_t)pack_read(&in, 4);
    out->used = pack_read(&in, 8);
    out->share = (uint32_t)pack_read(&in, 4);
    out->first_seen.s = (int64_t)pack_read(&in, 8);
    out->last_seen.s = (int64_t)pack_read(&in, 8);
    if (in.failed || standing > STANDING_PROBATION || metric >= METRICS)
        return false;
    out->standing = (enum standing)standing;
    out->metric = (enum metric)metric;
    return true;
}

/* Begin to read BLOB: when it was made, and how many rows it has. */
static bool
open_rows(const struct board_blob *blob, struct pack_reader *in, int64_t *at_s,
          size_t *n)
{
    if (pack_open(in, form, blob->bytes, blob->len) != MS_OK)
        return false;
    *at_s = (int64_t)pack_read(in, 8);
    *n = (size_t)pack_read(in, 2);
    return !in->failed;
}

struct top_to {
    struct store *shared;
    char name[NAME];
    int64_t now_s;
    bool (*each)(void *arg, const char *host, const struct top_row *row);
    void *arg;
};

static bool
tell_host(void *arg, const struct board_blob *blob)
{
    const struct top_to *to = arg;
    struct pack_reader in;
    struct top_row row;
    int64_t at_s;
    size_t n;

    if (!open_rows(blob, &in, &at_s, &n))
        return true;
    if (at_s < to->now_s - KEEP_S) /* it has gone */
        (void)store_board_remove(to->shared, to->name, blob->field);
    if (at_s < to->now_s - CLERK_TOP_KEEP_S ||
        at_s > to->now_s + CLERK_TOP_KEEP_S)
        return true;
    for (size_t i = 0; i < n && read_row(&in, &row); i++)
        if (!to->each(to->arg, blob->field, &row))
            return false;
    return true;
}

enum ms_err
clerk_fleet_top(struct clerk *clerk, enum subject_kind kind,
                bool (*each)(void *arg, const char *host,
                             const struct top_row *row),
                void *arg)
{
    struct top_to to = {.shared = clerk_shared(clerk),
                        .now_s = clerk_now(clerk).wall.s,
                        .each = each,
                        .arg = arg};

    if (to.shared == NULL)
        return MS_OK;
    print_name(kind, to.name);
    return store_board_fields(to.shared, to.name, tell_host, &to);
}

/* ----- forgetting */

struct weeding {
    struct store *shared;
    const struct subject *subject;
    struct top_row *rows; /* BOARD_BLOB / ROW of them */
    enum ms_err err;
};

bool
clerk_is_about(const struct subject *what, const struct subject *subject)
{
    char part[SUBJECT_PART_MAX + 1], its[SUBJECT_PART_MAX + 1];
    enum subject_kind kind, wanted;

    if (subject_same(what, subject))
        return true;
    if (what->kind != SUBJECT_PAIR || subject->kind == SUBJECT_PAIR ||
        !subject_part(subject, 0, &wanted, part))
        return false;
    for (size_t i = 0; i < 2; i++)
        if (subject_part(what, i, &kind, its) && kind == wanted &&
            strcmp(its, part) == 0)
            return true;
    return false;
}

static bool
weed_host(void *arg, const struct board_blob *blob)
{
    struct weeding *w = arg;
    struct pack_reader in;
    enum subject_kind kind = w->subject->kind;
    size_t n, kept = 0, seen = 0;
    int64_t at_s;

    if (!open_rows(blob, &in, &at_s, &n))
        return true;
    for (; seen < n && kept < BOARD_BLOB / ROW && read_row(&in, &w->rows[kept]);
         seen++) {
        kind = w->rows[kept].subject.kind;
        kept += !clerk_is_about(&w->rows[kept].subject, w->subject);
    }
    if (kept < seen)
        w->err = put_rows(w->shared, blob->field, at_s, kind, w->rows, kept);
    return w->err == MS_OK;
}

enum ms_err
clerk_top_forget(struct store *shared, const struct subject *subject)
{
    struct weeding w = {shared, subject, NULL, MS_OK};
    enum ms_err err;
    char name[NAME];

    w.rows = calloc(BOARD_BLOB / ROW, sizeof(*w.rows));
    if (w.rows == NULL)
        return MS_NOMEM;
    print_name(subject->kind, name);
    err = store_board_fields(shared, name, weed_host, &w);
    if (err == MS_OK && subject->kind != SUBJECT_PAIR) {
        print_name(SUBJECT_PAIR, name);
        err = store_board_fields(shared, name, weed_host, &w);
    }
    free(w.rows);
    return err == MS_OK ? w.err : err;
}
