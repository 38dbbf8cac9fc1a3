/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/move.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "milter/move_line.h"
#include "policy/window.h"

enum {
    AGED_AWAY = 2, /* slices that may have gone since a record was put */
    SUM_BYTES = (MOVE_SUM - 1) / 2
};

static void
tell(const struct move_watch *watch, uint64_t done, uint64_t total)
{
    if (watch != NULL)
        watch->step(watch->arg, done, total);
}

/* ----- the sum of all lines before the last */

static void
sum_start(crypto_generichash_state *sum)
{
    (void)crypto_generichash_init(sum, NULL, 0, SUM_BYTES);
}

static void
sum_add(crypto_generichash_state *sum, const char *line, size_t len)
{
    (void)crypto_generichash_update(sum, (const unsigned char *)line, len);
}

static void
sum_end(crypto_generichash_state *sum, char out[MOVE_SUM])
{
    unsigned char hash[SUM_BYTES];

    (void)crypto_generichash_final(sum, hash, sizeof hash);
    (void)sodium_bin2hex(out, MOVE_SUM, hash, sizeof hash);
}

/* ----- out of a store */

struct exporter {
    FILE *out;
    crypto_generichash_state sum;
    struct move_counts *counts;
    const struct move_watch *watch;
    uint64_t total;
    enum ms_err err;
    struct why *why;
};

/* Write a line, which is freed here. */
static void
write_line(struct exporter *e, char *line, size_t len)
{
    sum_add(&e->sum, line, len);
    if (fwrite(line, 1, len, e->out) != len)
        e->err = why_errno(e->why, MS_UNAVAIL, "cannot write");
    free(line);
}

static bool
export_record(void *arg, const struct store_record *record)
{
    struct exporter *e = arg;
    char *line;
    size_t len;

    e->err = move_line_subject(record, &line, &len);
    if (e->err != MS_OK) {
        why_set(e->why, e->err, "no memory");
        return false;
    }
    write_line(e, line, len);
    e->counts->subjects++;
    e->counts->windows += move_line_windows(record);
    tell(e->watch, e->counts->subjects, e->total);
    return e->err == MS_OK;
}

static void
export_head(struct exporter *e, const char *host, struct wall time)
{
    char *line;
    size_t len;

    e->err = move_line_head(host, time, &line, &len);
    if (e->err == MS_OK)
        write_line(e, line, len);
    else
        why_set(e->why, e->err, "no memory");
}

static void
export_end(struct exporter *e, struct wall time)
{
    struct move_end end = {.subjects = e->counts->subjects,
                           .windows = e->counts->windows,
                           .time = time};
    char *line;
    size_t len;

    sum_end(&e->sum, end.sum);
    e->err = move_line_end(&end, &line, &len);
    if (e->err == MS_OK)
        write_line(e, line, len);
    else
        why_set(e->why, e->err, "no memory");
    if (e->err == MS_OK && fflush(e->out) != 0)
        e->err = why_errno(e->why, MS_UNAVAIL, "cannot write");
}

/* How many subjects STORE holds; 0 if it does not know, for what is in this
 * host is only the shadow of what a fleet shares. */
static uint64_t
total_of(struct store *store)
{
    struct store_stats *stats = calloc(1, sizeof *stats);
    uint64_t n = 0;

    if (stats == NULL)
        return 0;
    store_stats(store, stats);
    for (int kind = 0; kind < SUBJECT_KINDS && stats->shared.n_nodes == 0;
         kind++)
        n += stats->subjects[kind];
    free(stats);
    return n;
}

enum ms_err
move_export(struct store *store, struct store_clock clock, const char *host,
            FILE *out, const struct move_watch *watch,
            struct move_counts *counts, struct why *why)
{
    struct exporter e = {.out = out,
                         .counts = counts,
                         .watch = watch,
                         .total = watch != NULL ? total_of(store) : 0,
                         .why = why};
    enum ms_err err;
    int kind;

    memset(counts, 0, sizeof *counts);
    sum_start(&e.sum);
    export_head(&e, host, clock.now(clock.arg).wall);
    for (kind = 0; kind < SUBJECT_KINDS && e.err == MS_OK; kind++) {
        err = store_list(store, (enum subject_kind)kind, clock.now(clock.arg),
                         export_record, &e);
        if (e.err == MS_OK && err != MS_OK)
            e.err =
                why_set(why, err, "the store has gone away while it was read");
    }
    if (e.err == MS_OK)
        export_end(&e, clock.now(clock.arg).wall);
    return e.err;
}

/* ----- reading a file */

struct importer {
    struct store *store; /* NULL: only to check the file */
    struct store_clock clock;
    FILE *in;
    const struct move_watch *watch;
    struct move_counts *counts;
    struct move_end end; /* of a file that has been checked */
    char line[MOVE_LINE];
    struct store_record record, found;
    struct subject differs; /* the last that is not as it was put */
    uint64_t n_differ;
    struct why *why;
};

/* The next line in M->line; *LEN is 0 at the end of the file. */
static enum ms_err
next_line(struct importer *m, size_t *len)
{
    const char *end;

    *len = 0;
    errno = 0;
    while (*len + 1 < sizeof m->line) {
        const int c = getc_unlocked(m->in);

        if (c == EOF)
            break;
        m->line[(*len)++] = (char)c;
        if (c == '\n')
            return MS_OK;
    }
    m->line[*len] = '\0';
    end = *len + 1 == sizeof m->line ? "it is too long" : "it is cut short";
    if (ferror(m->in))
        return why_errno(m->why, MS_UNAVAIL, "cannot read");
    return *len == 0 ? MS_OK : why_set(m->why, MS_INVALID, "%s", end);
}

/* Is END, behind the lines of SUM, what M has counted?  Nothing may follow. */
static enum ms_err
check_end(struct importer *m, crypto_generichash_state *sum)
{
    char text[MOVE_SUM];
    size_t len;
    enum ms_err err;

    sum_end(sum, text);
    if (m->end.subjects != m->counts->subjects ||
        m->end.windows != m->counts->windows)
        return why_set(m->why, MS_INVALID,
                       "the file has %" PRIu64 " subjects and %" PRIu64
                       " windows, but was written with %" PRIu64
                       " and %" PRIu64,
                       m->counts->subjects, m->counts->windows, m->end.subjects,
                       m->end.windows);
    if (strcmp(m->end.sum, text) != 0)
        return why_set(m->why, MS_INVALID,
                       "its sum is wrong: the file is not as it was written");
    err = next_line(m, &len);
    if (err != MS_OK)
        return err;
    return len == 0 ? MS_OK
                    : why_set(m->why, MS_INVALID, "something follows the end");
}

/* ----- into a store */

/* Make M's record as old as it is at NOW. */
static void
grow_older(struct importer *m, struct wall now)
{
    const int64_t age_s = now.s > m->end.time.s ? now.s - m->end.time.s : 0;
    struct store_record *record = &m->record;
    size_t i, j, n = 0;

    for (i = 0; i < record->n_windows; i++) {
        struct store_window w = record->windows[i];
        const int64_t gone = age_s / window_slice_s(w.span_s);

        w.used = 0;
        for (j = 0; j < WINDOW_SLICES; j++) {
            w.slices[j] = (int64_t)j + gone < WINDOW_SLICES
                              ? w.slices[j + (size_t)gone]
                              : 0;
            w.used += w.slices[j];
        }
        if (w.used > 0)
            record->windows[n++] = w;
        else
            m->counts->aged++;
    }
    record->n_windows = n;
}

/* Has FOUND what W has, but for what has aged away since?  More may have been
 * counted by others. */
static bool
has_window(const struct store_record *found, const struct store_window *w)
{
    uint64_t due = 0;
    size_t i;

    for (i = AGED_AWAY; i < WINDOW_SLICES; i++)
        due += w->slices[i];
    for (i = 0; i < found->n_windows; i++)
        if (found->windows[i].window == w->window &&
            found->windows[i].span_s == w->span_s)
            return found->windows[i].used >= due;
    return due == 0;
}

static bool
is_as_put(const struct store_record *put, const struct store_record *found)
{
    size_t i;

    if (found->state.standing != put->state.standing ||
        found->state.throttle != put->state.throttle ||
        found->state.len != put->state.len ||
        memcmp(found->state.bytes, put->state.bytes, put->state.len) != 0)
        return false;
    for (i = 0; i < put->n_windows; i++)
        if (!has_window(found, &put->windows[i]))
            return false;
    return true;
}

static void
verify(struct importer *m, bool found)
{
    if (found && is_as_put(&m->record, &m->found)) {
        m->counts->verified++;
        return;
    }
    m->n_differ++;
    m->differs = m->record.subject;
}

static enum ms_err
import_record(struct importer *m)
{
    const struct subject *subject = &m->record.subject;
    struct store_time now = m->clock.now(m->clock.arg);
    bool before = false, after = false;
    enum ms_err err;

    grow_older(m, now.wall);
    err = store_get(m->store, subject, now, &before, &m->found);
    if (err == MS_OK)
        err = store_put(m->store, &m->record, now);
    if (err == MS_OK)
        err = store_get(m->store, subject, m->clock.now(m->clock.arg), &after,
                        &m->found);
    if (err == MS_OK) {
        m->counts->replaced += before;
        m->counts->subjects++;
        m->counts->windows += m->record.n_windows;
        tell(m->watch, m->counts->subjects, m->end.subjects);
        verify(m, after);
        return MS_OK;
    }
    if (err == MS_INVALID)
        return why_set(m->why, err, "the store does not take this subject");
    return why_set(m->why, err,
                   "the store has failed behind %" PRIu64
                   " subjects: import the file again, which replaces them",
                   m->counts->subjects);
}

/* A line behind the first.  *ENDS: it is the last. */
static enum ms_err
take_line(struct importer *m, size_t len, bool *ends)
{
    enum move_line_kind kind;
    enum ms_err err;

    err = move_line_read(m->line, len, &kind, &m->record, &m->end, m->why);
    *ends = err == MS_OK && kind == MOVE_LINE_END;
    if (err != MS_OK || *ends)
        return err;
    if (m->store != NULL)
        return import_record(m);
    m->counts->subjects++;
    m->counts->windows += m->record.n_windows;
    return MS_OK;
}

/* Put the number of the line in front of what is wrong with it. */
static enum ms_err
blame_line(struct importer *m, enum ms_err err, uint64_t line)
{
    const struct why what = *m->why;

    return why_set(m->why, err, "line %" PRIu64 ": %.400s", line, what.text);
}

/* All lines from the first: to check them, or to import them. */
static enum ms_err
read_lines(struct importer *m)
{
    crypto_generichash_state sum;
    enum ms_err err = MS_OK;
    uint64_t line = 0;
    bool ends = false;
    size_t len;

    memset(m->counts, 0, sizeof *m->counts);
    sum_start(&sum);
    while (err == MS_OK && !ends) {
        line++;
        err = next_line(m, &len);
        if (err == MS_OK && len == 0)
            err = why_set(m->why, MS_INVALID,
                          line == 1 ? "the file is empty"
                                    : "the file ends without its last line");
        else if (err == MS_OK)
            err = line == 1 ? move_line_read_head(m->line, len, m->why)
                            : take_line(m, len, &ends);
        if (err == MS_OK && !ends)
            sum_add(&sum, m->line, len);
    }
    if (err == MS_OK && m->store == NULL)
        err = check_end(m, &sum);
    return err == MS_OK ? MS_OK : blame_line(m, err, line);
}

enum ms_err
move_import(struct store *store, struct store_clock clock, FILE *in,
            const struct move_watch *watch, struct move_counts *counts,
            struct why *why)
{
    struct importer *m = calloc(1, sizeof *m);
    char text[SUBJECT_TEXT];
    enum ms_err err;

    if (m == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    *m = (struct importer){
        .clock = clock, .in = in, .watch = watch, .counts = counts, .why = why};
    err = read_lines(m);
    if (err == MS_OK && fseeko(in, 0, SEEK_SET) != 0)
        err = why_errno(why, MS_UNAVAIL, "cannot read it again");
    if (err == MS_OK) {
        m->store = store;
        err = read_lines(m);
    }
    if (err == MS_OK && m->n_differ > 0)
        err = why_set(why, MS_UNAVAIL,
                      "%" PRIu64 " subjects are not as they were put, such as "
                      "%.200s",
                      m->n_differ, subject_print(&m->differs, text));
    free(m);
    return err;
}
