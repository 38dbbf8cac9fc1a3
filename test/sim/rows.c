/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/rows.c - one line after the other, of any length.
 */
#include <config.h>

#include "test/sim/rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { BUFFER = 1 << 17, LINE = 1024 };

enum column { T, SUBJECT, RCPTS, FLAG, BOUNCES, PREFIX, FROM, ATTACK, COLUMNS };

static const double t_most = 1e11;

struct rows {
    const char *path;
    gzFile in;
    char *line;
    size_t room;
    unsigned long lines;
    int64_t last_s;
    uint64_t *recipient;
    size_t recipients_room;
};

enum ms_err
rows_open(const char *path, struct rows **out, struct why *why)
{
    struct rows *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return why_set(why, MS_NOMEM, "out of memory");
    r->path = path;
    r->in = gzopen(path, "rb");
    if (r->in == NULL) {
        free(r);
        return why_errno(why, MS_UNAVAIL, path);
    }
    (void)gzbuffer(r->in, BUFFER);
    *out = r;
    return MS_OK;
}

void
rows_close(struct rows *rows)
{
    if (rows == NULL)
        return;
    (void)gzclose(rows->in);
    free(rows->line);
    free(rows->recipient);
    free(rows);
}

static enum ms_err
no_memory(struct why *why)
{
    return why_set(why, MS_NOMEM, "out of memory");
}

static enum ms_err
bad(const struct rows *r, struct why *why, const char *what)
{
    return why_set(why, MS_INVALID, "%s:%lu: %s", r->path, r->lines, what);
}

/* The next line without its end in r->line; *MORE false: there is none. */
static enum ms_err
read_line(struct rows *r, bool *more, struct why *why)
{
    size_t len = 0;
    int error;

    *more = true;
    for (;;) {
        if (len + LINE > r->room) {
            size_t room = 2 * r->room + LINE;
            char *line = realloc(r->line, room);

            if (line == NULL)
                return no_memory(why);
            r->line = line;
            r->room = room;
        }
        if (gzgets(r->in, r->line + len, (int)LINE) == NULL)
            break;
        len += strlen(r->line + len);
        if (len > 0 && r->line[len - 1] == '\n')
            break;
    }
    r->lines++;
    (void)gzerror(r->in, &error);
    if (error != Z_OK && error != Z_STREAM_END)
        return why_set(why, MS_UNAVAIL, "%s: damaged behind line %lu", r->path,
                       r->lines);
    *more = len > 0;
    while (len > 0 && (r->line[len - 1] == '\n' || r->line[len - 1] == '\r'))
        len--;
    r->line[len] = '\0';
    return MS_OK;
}

static bool
cut(char *line, char *column[COLUMNS])
{
    unsigned n = 0;

    for (char *p = line;; p++) {
        if (n == COLUMNS)
            return false;
        column[n++] = p;
        p += strcspn(p, ",");
        if (*p == '\0')
            return n == COLUMNS;
        *p = '\0';
    }
}

/* A whole number of at most MOST, and nothing else. */
static bool
number(const char *text, uint64_t most, uint64_t *out)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *out <= most;
}

/* A hash of any text, 0 of none; of a number as of that number. */
static uint64_t
hash(const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325), n;

    if (*text == '\0')
        return 0;
    if (number(text, UINT64_MAX, &n))
        return rng_mix(n);
    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return rng_mix(h);
}

static bool
read_time(const char *text, int64_t *out)
{
    char *end;
    double t = strtod(text, &end);

    if (end == text || *end != '\0' || !(t >= 0 && t <= t_most))
        return false;
    *out = (int64_t)t + TRAFFIC_DAY_S; /* 0 means never to the detector */
    return true;
}

static enum ms_err
read_recipients(struct rows *r, char *text, uint32_t *n, struct why *why)
{
    size_t most = 1;

    for (const char *p = text; *p != '\0'; p++)
        most += *p == '|' ? 1 : 0;
    if (most > r->recipients_room) {
        uint64_t *more = reallocarray(r->recipient, most, sizeof(*more));

        if (more == NULL)
            return no_memory(why);
        r->recipient = more;
        r->recipients_room = most;
    }
    *n = 0;
    for (char *p = text, *next; p != NULL; p = next) {
        next = strchr(p, '|');
        if (next != NULL)
            *next++ = '\0';
        if (*p == '\0')
            return bad(r, why, "a recipient is missing");
        r->recipient[(*n)++] = hash(p);
    }
    return MS_OK;
}

static bool
read_flag(const char *text, enum mail_flag *out)
{
    *out = *text == '\0'  ? MAIL_UNJUDGED
           : *text == '1' ? MAIL_SPAM
                          : MAIL_CLEAN;
    return *text == '\0' || ((*text == '0' || *text == '1') && text[1] == '\0');
}

static enum ms_err
read_row(struct rows *r, char *column[COLUMNS], struct mail *mail,
         struct why *why)
{
    uint64_t unknown, attack;
    enum ms_err err;

    memset(mail, 0, sizeof(*mail));
    if (!read_time(column[T], &mail->at_s))
        return bad(r, why, "the time is no number of seconds");
    if (mail->at_s < r->last_s)
        return bad(r, why, "earlier than the row before");
    if (*column[SUBJECT] == '\0')
        return bad(r, why, "the subject is missing");
    err = read_recipients(r, column[RCPTS], &mail->n, why);
    if (err != MS_OK)
        return err;
    if (!read_flag(column[FLAG], &mail->flag))
        return bad(r, why, "the flag is neither 0, 1 nor empty");
    if (!number(column[BOUNCES], mail->n, &unknown))
        return bad(r, why, "bounces is no number up to that of the recipients");
    if (!number(column[ATTACK], 1, &attack))
        return bad(r, why, "attack is neither 0 nor 1");
    mail->unknown = (uint32_t)unknown;
    mail->attack = attack == 1;
    mail->network = hash(column[PREFIX]);
    mail->sender = hash(column[FROM]);
    r->last_s = mail->at_s;
    return MS_OK;
}

enum ms_err
rows_next(struct rows *rows, struct mail *mail, const char **subject,
          const uint64_t **recipient, struct why *why)
{
    char *column[COLUMNS];
    enum ms_err err;
    bool more;

    *subject = NULL;
    do {
        err = read_line(rows, &more, why);
        if (err != MS_OK || !more)
            return err;
        if (!cut(rows->line, column))
            return bad(rows, why, "not eight columns");
    } while (rows->lines == 1 && strcmp(column[T], "t") == 0);
    err = read_row(rows, column, mail, why);
    if (err != MS_OK)
        return err;
    *subject = column[SUBJECT];
    *recipient = rows->recipient;
    return MS_OK;
}
