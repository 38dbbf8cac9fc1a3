/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/replay/findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/replay/strings.h"
#include "policy/rate.h"

enum { FIRST = 256, KEY = VERDICT_RULE + SUBJECT_TEXT + 64 };

/* Somebody, stopped by one rule. */
struct stop {
    uint32_t subject, rule; /* texts */
    enum verdict_action action;
    uint64_t times, used; /* the most */
    struct rate rate;
    const struct limit *limit; /* NULL: none counts */
    int64_t first_s, last_s;
};

struct change {
    uint32_t subject, rule, why;
    int64_t at_s;
    enum standing from, to;
};

/* What somebody has used of one rate, by periods of its span. */
struct use {
    size_t rate; /* in rates */
    uint32_t subject;
    int64_t period;
    uint64_t most; /* in this one */
};

struct sample {
    size_t rate;
    uint32_t subject;
    uint64_t most;
};

struct rate_used {
    const struct limit *limit;
    struct rate rate;
};

struct list {
    void *at;
    size_t n, room;
};

struct findings {
    struct findings_totals totals;
    struct strings *texts; /* of subjects, rules, reasons */
    struct strings *keys;  /* a stop's number is that of its key, less one */
    struct strings *uses;  /* the same of a use's */
    struct list stop, change, use, sample, rate;
    struct list bad; /* a byte a text: this subject is no example */
};

enum ms_err
findings_create(struct findings **out)
{
    struct findings *f = calloc(1, sizeof(*f));

    if (f == NULL || strings_create(&f->texts) != MS_OK ||
        strings_create(&f->keys) != MS_OK ||
        strings_create(&f->uses) != MS_OK) {
        findings_destroy(f);
        return MS_NOMEM;
    }
    *out = f;
    return MS_OK;
}

void
findings_destroy(struct findings *f)
{
    if (f == NULL)
        return;
    strings_destroy(f->texts);
    strings_destroy(f->keys);
    strings_destroy(f->uses);
    free(f->stop.at);
    free(f->change.at);
    free(f->use.at);
    free(f->sample.at);
    free(f->rate.at);
    free(f->bad.at);
    free(f);
}

struct findings_totals *
findings_totals(struct findings *f)
{
    return &f->totals;
}

/* A new entry of SIZE bytes at the end of LIST; NULL: no memory. */
static void *
append(struct list *list, size_t size)
{
    size_t room = list->room == 0 ? FIRST : 2 * list->room;
    void *at;

    if (list->n == list->room) {
        at = reallocarray(list->at, room, size);
        if (at == NULL)
            return NULL;
        list->at = at;
        list->room = room;
    }
    at = (char *)list->at + list->n++ * size;
    memset(at, 0, size);
    return at;
}

static enum ms_err
subject_text(struct findings *f, const struct subject *subject, uint32_t *out)
{
    char text[SUBJECT_TEXT];

    if (subject->kind == SUBJECT_KINDS)
        return strings_number(f->texts, "", out);
    return strings_number(f->texts, subject_print(subject, text), out);
}

/* ----- who would have been stopped */

static enum ms_err
find_stop(struct findings *f, const struct verdict *v, uint32_t subject,
          struct stop **out)
{
    char key[KEY];
    uint32_t number, before = strings_count(f->keys);
    enum ms_err err;

    (void)snprintf(key, sizeof(key), "%u %d %u/%u %s", subject, (int)v->action,
                   v->rate.n, v->rate.span_s, v->rule);
    err = strings_number(f->keys, key, &number);
    if (err != MS_OK)
        return err;
    if (number == before && append(&f->stop, sizeof(**out)) == NULL)
        return MS_NOMEM;
    *out = (struct stop *)f->stop.at + (number - 1);
    return MS_OK;
}

enum ms_err
findings_stop(struct findings *f, const struct verdict *v,
              const struct subject *subject, int64_t at_s)
{
    struct stop *stop;
    uint32_t who;
    enum ms_err err = subject_text(f, subject, &who);

    if (err == MS_OK)
        err = find_stop(f, v, who, &stop);
    if (err == MS_OK && stop->times == 0) {
        *stop = (struct stop){.subject = who,
                              .action = v->action,
                              .rate = v->rate,
                              .limit = v->limit,
                              .first_s = at_s};
        err = strings_number(f->texts, v->rule, &stop->rule);
    }
    if (err != MS_OK)
        return err;
    stop->times++;
    stop->last_s = at_s;
    if (v->used > stop->used)
        stop->used = v->used;
    return MS_OK;
}

/* ----- standings */

static enum ms_err
mark_bad(struct findings *f, uint32_t subject)
{
    while (f->bad.n <= subject) {
        if (append(&f->bad, 1) == NULL)
            return MS_NOMEM;
    }
    ((char *)f->bad.at)[subject] = 1;
    return MS_OK;
}

static bool
is_bad(const struct findings *f, uint32_t subject)
{
    return subject < f->bad.n && ((const char *)f->bad.at)[subject] != 0;
}

enum ms_err
findings_change(struct findings *f, const char *rule,
                const struct subject *subject, const struct evidence *e)
{
    struct change *change = append(&f->change, sizeof(*change));
    char why[8 * EVIDENCE_TEXT];
    enum ms_err err;

    if (change == NULL)
        return MS_NOMEM;
    change->at_s = e->at_s;
    change->from = e->from;
    change->to = e->to;
    err = subject_text(f, subject, &change->subject);
    if (err == MS_OK)
        err = strings_number(f->texts, rule, &change->rule);
    if (err == MS_OK)
        err = strings_number(f->texts, evidence_line(e, why, sizeof(why)),
                             &change->why);
    if (err == MS_OK &&
        (e->to == STANDING_THROTTLED || e->to == STANDING_QUARANTINED))
        err = mark_bad(f, change->subject);
    return err;
}

/* ----- how much is used */

static enum ms_err
find_rate(struct findings *f, const struct limit *limit, struct rate rate,
          size_t *out)
{
    struct rate_used *used = f->rate.at;

    for (*out = 0; *out < f->rate.n; ++*out) {
        if (used[*out].limit == limit && used[*out].rate.n == rate.n &&
            used[*out].rate.span_s == rate.span_s)
            return MS_OK;
    }
    used = append(&f->rate, sizeof(*used));
    if (used == NULL)
        return MS_NOMEM;
    *used = (struct rate_used){limit, rate};
    return MS_OK;
}

/* The period ends: its most is a sample. */
static enum ms_err
end_period(struct findings *f, const struct use *use)
{
    struct sample *sample = append(&f->sample, sizeof(*sample));

    if (sample == NULL)
        return MS_NOMEM;
    *sample = (struct sample){use->rate, use->subject, use->most};
    return MS_OK;
}

enum ms_err
findings_use(struct findings *f, const struct limit *limit, struct rate rate,
             const struct subject *subject, uint64_t used, int64_t at_s)
{
    int64_t period = rate.span_s == 0 ? at_s : at_s / rate.span_s;
    uint32_t who, number, before = strings_count(f->uses);
    char key[64];
    size_t which;
    struct use *use;
    enum ms_err err = subject_text(f, subject, &who);

    if (err == MS_OK)
        err = find_rate(f, limit, rate, &which);
    if (err != MS_OK)
        return err;
    (void)snprintf(key, sizeof(key), "%zu %u", which, who);
    err = strings_number(f->uses, key, &number);
    if (err == MS_OK && number == before &&
        append(&f->use, sizeof(*use)) == NULL)
        err = MS_NOMEM;
    if (err != MS_OK)
        return err;
    use = (struct use *)f->use.at + (number - 1);
    if (use->most > 0 && use->period != period) {
        err = end_period(f, use);
        use->most = 0;
    }
    use->rate = which;
    use->subject = who;
    use->period = period;
    if (used > use->most)
        use->most = used;
    return err;
}

/* ----- what is suggested */

static int
by_rate(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;

    if (x->rate != y->rate)
        return x->rate < y->rate ? -1 : 1;
    return x->most < y->most ? -1 : x->most > y->most;
}

/* The next number from N on that a person would write: 1, 2, 3, 5, 10, 15, 20,
 * 30, 50, ... */
static uint64_t
round_up(uint64_t n)
{
    static const unsigned steps[] = {10, 15, 20, 30, 50, 75};
    uint64_t unit = 1;

    if (n <= 5)
        return n < 1 ? 1 : n == 4 ? 5 : n;
    for (;; unit *= 10) {
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            if (steps[i] * unit >= n)
                return steps[i] * unit;
        }
    }
}

static json_t *
when(int64_t s)
{
    char text[32];
    time_t t = (time_t)s;
    struct tm tm;

    if (s == 0 || gmtime_r(&t, &tm) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return json_null();
    return json_string(text);
}

static json_t *
rate_text(const struct limit *limit, struct rate rate)
{
    char text[RATE_TEXT];

    enum rate_unit unit = limit != NULL && limit->count == METRIC_BYTES
                              ? RATE_BYTES
                              : RATE_EVENTS;

    return json_string(rate_print(rate, unit, text));
}

/* N samples at S, of one rate, the least first. */
static json_t *
limit_json(const struct findings *f, const struct sample *s, size_t n)
{
    const struct rate_used *used =
        (const struct rate_used *)f->rate.at + s->rate;
    size_t at = n - 1 - n / 1000;
    struct rate suggested = used->rate;
    uint64_t over = 0;

    suggested.n = (uint32_t)round_up(s[at].most);
    for (size_t i = 0; i < n; i++)
        over += s[i].most > used->rate.n;
    return json_pack(
        "{s:s, s:o, s:I, s:I, s:I, s:o, s:I}", "limit", used->limit->name,
        "rate", rate_text(used->limit, used->rate), "periods", (json_int_t)n,
        "most", (json_int_t)s[n - 1].most, "p999", (json_int_t)s[at].most,
        "suggested", rate_text(used->limit, suggested), "over",
        (json_int_t)over);
}

/* Only those who were neither throttled nor quarantined are an example. */
static void
drop_bad(struct findings *f)
{
    struct sample *s = f->sample.at;
    size_t n = 0;

    for (size_t i = 0; i < f->sample.n; i++) {
        if (!is_bad(f, s[i].subject))
            s[n++] = s[i];
    }
    f->sample.n = n;
}

static json_t *
limits_json(struct findings *f)
{
    json_t *list = json_array();
    const struct use *use = f->use.at;
    const struct sample *s;
    enum ms_err err = MS_OK;

    for (size_t i = 0; i < f->use.n && err == MS_OK; i++)
        err = end_period(f, &use[i]);
    f->use.n = 0;
    drop_bad(f);
    s = f->sample.at;
    if (f->sample.n > 0)
        qsort(f->sample.at, f->sample.n, sizeof(*s), by_rate);
    for (size_t i = 0, n; i < f->sample.n && list != NULL; i += n) {
        for (n = 1; i + n < f->sample.n && s[i + n].rate == s[i].rate;)
            n++;
        if (json_array_append_new(list, limit_json(f, s + i, n)) != 0)
            err = MS_NOMEM;
    }
    if (err != MS_OK) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* ----- all of it */

static int
by_times(const void *a, const void *b)
{
    const struct stop *x = a, *y = b;

    if (x->times != y->times)
        return x->times > y->times ? -1 : 1;
    return x->first_s < y->first_s ? -1 : x->first_s > y->first_s;
}

static json_t *
stop_json(const struct findings *f, const struct stop *stop)
{
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:o, s:o, s:I, s:o}", "subject",
        strings_text(f->texts, stop->subject), "rule",
        strings_text(f->texts, stop->rule), "action",
        verdict_action_name(stop->action), "times", (json_int_t)stop->times,
        "first", when(stop->first_s), "last", when(stop->last_s), "used",
        (json_int_t)stop->used, "rate",
        stop->limit != NULL ? rate_text(stop->limit, stop->rate) : json_null());
}

static json_t *
stops_json(struct findings *f)
{
    json_t *list = json_array();
    const struct stop *stop = f->stop.at;

    if (f->stop.n > 0)
        qsort(f->stop.at, f->stop.n, sizeof(*stop), by_times);
    for (size_t i = 0; i < f->stop.n; i++)
        if (json_array_append_new(list, stop_json(f, &stop[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *
changes_json(const struct findings *f)
{
    json_t *list = json_array();
    const struct change *c = f->change.at;

    for (size_t i = 0; i < f->change.n; i++, c++) {
        json_t *one = json_pack(
            "{s:o, s:s, s:s, s:s, s:s, s:s}", "at", when(c->at_s), "subject",
            strings_text(f->texts, c->subject), "rule",
            strings_text(f->texts, c->rule), "from", standing_name(c->from),
            "to", standing_name(c->to), "why", strings_text(f->texts, c->why));

        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *
findings_json(struct findings *f)
{
    const struct findings_totals *t = &f->totals;

    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "from",
                     when(t->first_s), "until", when(t->last_s), "connections",
                     (json_int_t)t->connections, "messages",
                     (json_int_t)t->messages, "recipients",
                     (json_int_t)t->recipients, "stopped",
                     (json_int_t)t->stopped, "stops", stops_json(f), "changes",
                     changes_json(f), "limits", limits_json(f));
}
