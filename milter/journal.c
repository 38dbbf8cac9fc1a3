/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/journal.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <sodium.h>

#include "milter/diary/change.h"
#include "milter/line.h"
#include "milter/now.h"
#include "milter/quiet.h"

enum {
    SPOOL_BYTES = 2 << 20, /* twice: some 2 * 9000 lines */
    REFUSAL_PLACES = 4096,
    ONCE_PLACES = 4096,
    REF_BITS = 30, /* of a reference, behind ten of the host */
    DAY_MS = 86400 * 1000
};

struct journal {
    struct spool *spool;
    struct quiet *refusals; /* 20 a subject and minute */
    struct quiet *once;     /* warnings: once a span */
    _Atomic int format;
    _Atomic int level;
    uint32_t host;
    _Atomic uint32_t next_ref;
};

enum ms_err
journal_create(const struct spool_target *target, enum log_format format,
               int level, const char *host, struct journal **out)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    enum ms_err err = MS_NOMEM;
    unsigned char hash[crypto_generichash_BYTES_MIN];

    if (journal == NULL)
        return MS_NOMEM;
    err = spool_create(target, SPOOL_BYTES, &journal->spool);
    if (err == MS_OK)
        err =
            quiet_create(REFUSAL_PLACES, JOURNAL_REFUSALS, &journal->refusals);
    if (err == MS_OK)
        err = quiet_create(ONCE_PLACES, 1, &journal->once);
    if (err != MS_OK) {
        journal_destroy(journal);
        return err;
    }
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)host,
                             strlen(host), NULL, 0);
    journal->host = (uint32_t)(hash[0] | hash[1] << 8) & 1023;
    atomic_init(&journal->next_ref, randombytes_random());
    atomic_init(&journal->format, (int)format);
    atomic_init(&journal->level, level);
    *out = journal;
    return MS_OK;
}

enum ms_err
journal_start(struct journal *journal)
{
    return spool_start(journal->spool);
}

void
journal_set(struct journal *journal, const struct spool_target *target,
            enum log_format format, int level)
{
    spool_aim(journal->spool, target);
    atomic_store(&journal->format, (int)format);
    atomic_store(&journal->level, level);
}

void
journal_destroy(struct journal *journal)
{
    struct store_time end = now_read();

    if (journal == NULL)
        return;
    end.mono.ms = INT64_MAX; /* all periods are over */
    if (journal->refusals != NULL)
        journal_tick(journal, end);
    spool_destroy(journal->spool);
    quiet_destroy(journal->refusals);
    quiet_destroy(journal->once);
    free(journal);
}

void
journal_ref(struct journal *journal, char ref[JOURNAL_REF])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t n = atomic_fetch_add(&journal->next_ref, 1);

    n &= (UINT64_C(1) << REF_BITS) - 1;
    n |= (uint64_t)journal->host << REF_BITS;
    for (int i = JOURNAL_REF - 2; i >= 0; i--, n >>= 5)
        ref[i] = digits[n & 31];
    ref[JOURNAL_REF - 1] = '\0';
}

/* ----- lines */

static void
begin(const struct journal *journal, struct line *line, struct wall now)
{
    line_begin(line, (enum log_format)atomic_load(&journal->format), now);
}

static void
add(struct journal *journal, int level, struct line *line)
{
    line_end(line);
    spool_add(journal->spool, level, line->text, line->len);
}

static bool
is_wanted(const struct journal *journal, int level)
{
    return level <= atomic_load(&journal->level);
}

static bool
is_against(const struct verdict *v)
{
    return v->action == VERDICT_DEFER || v->action == VERDICT_REJECT ||
           v->action == VERDICT_HOLD;
}

/* Seconds, in a unit that a person would use, rounded up. */
static const char *
span_text(uint64_t s, char *buf, size_t size)
{
    static const struct {
        uint64_t least, s;
        char unit;
    } units[] = {{172800, 86400, 'd'}, {7200, 3600, 'h'}, {120, 60, 'm'}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (s >= units[i].least || (s > 0 && s % units[i].s == 0)) {
            (void)snprintf(
                buf, size, "%llu%c",
                (unsigned long long)(s / units[i].s + (s % units[i].s != 0)),
                units[i].unit);
            return buf;
        }
    }
    (void)snprintf(buf, size, "%llus", (unsigned long long)s);
    return buf;
}

/* used=31/30/1m; bytes are counted in KiB. */
static void
put_used(struct line *line, const struct limit *limit, struct rate rate,
         uint64_t used)
{
    const char *unit = limit->count == METRIC_BYTES ? "K" : "";
    char span[32] = "msg", text[96];

    if (rate.span_s > 0)
        (void)span_print(rate.span_s, span);
    (void)snprintf(text, sizeof(text), "%llu%s/%lu%s/%s",
                   (unsigned long long)used, unit, (unsigned long)rate.n, unit,
                   span);
    line_word(line, "used", text, LINE_WORD);
}

static void
put_scene(struct line *line, const struct journal_entry *e)
{
    const struct scene *scene = e->scene;
    char addr[PREFIX_TEXT];

    if (scene == NULL)
        return;
    if (scene->listener != NULL)
        line_word(line, "listener", scene->listener->name, LINE_WORD);
    line_word(line, "via", listener_by_name(scene->by), LINE_WORD);
    line_client(line, e->client_name, prefix_print(scene->client, addr));
    line_word(line, "user", scene->user, LINE_ADDRESS);
}

static void
put_counts(struct line *line, const struct journal_entry *e)
{
    const struct verdict *v = e->verdict;
    char text[32];

    if (e->nrcpt > 0)
        line_number(line, "nrcpt", e->nrcpt);
    if (v->limit != NULL) {
        put_used(line, v->limit, v->rate, v->used);
        if (v->retry_s > 0 && v->retry_s != UINT64_MAX)
            line_word(line, "retry", span_text(v->retry_s, text, sizeof(text)),
                      LINE_WORD);
    }
}

static void
write_entry(struct journal *journal, int level, const struct journal_entry *e)
{
    const struct verdict *v = e->verdict;
    struct line line;

    begin(journal, &line, e->now.wall);
    line_id(&line, e->id);
    line_word(&line, e->deed == JOURNAL_WOULD ? "would" : "action",
              verdict_action_name(v->action), LINE_WORD);
    line_word(&line, "rule", v->rule, LINE_WORD);
    line_word(&line, "error", e->error, LINE_WORD);
    put_scene(&line, e);
    line_path(&line, "from", e->from);
    line_path(&line, "to", e->to);
    line_word(&line, "spf", e->spf, LINE_WORD);
    line_word(&line, "lists", e->lists, LINE_ADDRESS);
    put_counts(&line, e);
    line_word(&line, "store", e->store, LINE_WORD);
    line_word(&line, "ref", e->ref, LINE_WORD);
    line_tenths(&line, "ms",
                e->took_us > 0 ? ((uint64_t)e->took_us + 50) / 100 : 0);
    add(journal, level, &line);
}

/* ----- what is kept quiet */

static void
tell_rest(struct journal *journal, const struct quiet_rest *rest,
          struct wall now)
{
    struct line line;

    if (rest->n == 0 || !is_wanted(journal, LOG_NOTICE))
        return;
    begin(journal, &line, now);
    line_id(&line, NULL);
    line_number(&line, "suppressed", rest->n);
    line_word(&line, "subject", rest->label, LINE_ADDRESS);
    add(journal, LOG_NOTICE, &line);
}

/* Whom ENTRY is about: the limit's subject, else the client; our own failures
 * are about nobody. */
static void
about(const struct journal_entry *e, char *text, size_t size)
{
    static const struct prefix unknown;
    char subject[SUBJECT_TEXT], addr[PREFIX_TEXT];

    if (e->error != NULL) {
        (void)snprintf(text, size, "%.*s", (int)size - 1, e->verdict->rule);
    } else if (e->verdict->subject.kind != SUBJECT_KINDS) {
        (void)snprintf(text, size, "%.*s", (int)size - 1,
                       subject_print(&e->verdict->subject, subject));
    } else {
        (void)snprintf(
            text, size, "client:%s",
            prefix_print(e->scene != NULL ? e->scene->client : unknown, addr));
    }
}

static bool
may_tell(struct journal *journal, const struct journal_entry *e)
{
    struct quiet_rest rest;
    char text[SUBJECT_TEXT];
    bool tell;

    about(e, text, sizeof(text));
    tell = quiet_tell(journal->refusals, text, strlen(text), text, e->now.mono,
                      JOURNAL_PERIOD_MS, &rest);
    tell_rest(journal, &rest, e->now.wall);
    return tell;
}

void
journal_decide(struct journal *journal, const struct journal_entry *entry)
{
    const struct verdict *v = entry->verdict;
    int level = is_against(v) ? LOG_NOTICE : LOG_INFO;

    if (entry->error != NULL)
        level = LOG_ERR;
    if (!is_wanted(journal, level))
        return;
    /* A held message is always told of: Postfix keeps no reason. */
    if (level != LOG_INFO &&
        (v->action != VERDICT_HOLD || entry->deed == JOURNAL_WOULD) &&
        !may_tell(journal, entry))
        return;
    write_entry(journal, level, entry);
}

/* The first time in PERIOD_MS that KEY is told? */
static bool
is_first(struct journal *journal, const void *key, size_t len,
         uint64_t period_ms, struct mono now)
{
    struct quiet_rest rest;

    return quiet_tell(journal->once, key, len, "", now, period_ms, &rest);
}

/* ----- standings */

/* What an operator, time or a score had to do with it. */
static void
put_cause(struct line *line, const struct change *change)
{
    const struct evidence *e = &change->evidence;
    char why[1024];

    line_word(line, "cause", cause_name(e->cause), LINE_WORD);
    line_word(line, "by", change->by, LINE_WORD);
    if (change->throttle > 0)
        line_number(line, "throttle", change->throttle);
    line_tenths(line, "score", evidence_score(e));
    line_quoted(line, "why", evidence_line(e, why, sizeof(why)));
    line_quoted(line, "note", change->note);
}

void
journal_standing(struct journal *journal, const struct change *change,
                 struct store_time now)
{
    const struct evidence *e = &change->evidence;
    int level = standing_worse(e->to, STANDING_WATCHED) && !change->observed
                    ? LOG_NOTICE
                    : LOG_INFO;
    char subject[SUBJECT_TEXT];
    struct line line;

    if (!is_wanted(journal, level))
        return;
    begin(journal, &line, now.wall);
    line_id(&line, change->n_ids > 0 ? change->ids[0] : NULL);
    line_word(&line, "standing", standing_name(e->to), LINE_WORD);
    line_word(&line, "was", standing_name(e->from), LINE_WORD);
    if (change->observed)
        line_word(&line, "observed", "yes", LINE_WORD);
    line_word(&line, "subject", subject_print(&change->subject, subject),
              LINE_ADDRESS);
    line_word(&line, "rule", change->rule, LINE_WORD);
    put_cause(&line, change);
    add(journal, level, &line);
}

void
journal_warn(struct journal *journal, const struct policy_warning *warning,
             struct store_time now)
{
    struct {
        uint64_t id;
        uint64_t span_s;
        uint8_t subject[SUBJECT_BYTES];
    } key;
    char rule[VERDICT_RULE], subject[SUBJECT_TEXT];
    struct line line;

    key.id = warning->limit->id;
    key.span_s = warning->rate.span_s;
    memcpy(key.subject, warning->subject.bytes, warning->subject.len);
    if (!is_wanted(journal, LOG_WARNING) ||
        !is_first(journal, &key,
                  2 * sizeof(uint64_t) + (size_t)warning->subject.len,
                  (uint64_t)warning->rate.span_s * 1000, now.mono))
        return;
    (void)snprintf(rule, sizeof(rule), "limit.%.80s", warning->limit->name);
    begin(journal, &line, now.wall);
    line_id(&line, NULL);
    line_word(&line, "warning", "near", LINE_WORD);
    line_word(&line, "rule", rule, LINE_WORD);
    line_word(&line, "subject", subject_print(&warning->subject, subject),
              LINE_ADDRESS);
    put_used(&line, warning->limit, warning->rate, warning->used);
    add(journal, LOG_WARNING, &line);
}

void
journal_unlisted(struct journal *journal, const char *domain,
                 struct store_time now)
{
    struct line line;

    if (!is_wanted(journal, LOG_WARNING) ||
        !is_first(journal, domain, strlen(domain), DAY_MS, now.mono))
        return;
    begin(journal, &line, now.wall);
    line_id(&line, NULL);
    line_word(&line, "warning", "unlisted", LINE_WORD);
    line_word(&line, "domain", domain, LINE_ADDRESS);
    line_message(&line, "the MTA takes it for its own, `domains` does not");
    add(journal, LOG_WARNING, &line);
}

void
journal_crowd(struct journal *journal, const struct scene *scene,
              const char *kind, unsigned n, struct store_time now)
{
    char addr[PREFIX_TEXT];
    struct line line;

    if (!is_wanted(journal, LOG_WARNING))
        return;
    begin(journal, &line, now.wall);
    line_id(&line, NULL);
    line_word(&line, "warning", "crowd", LINE_WORD);
    if (scene->network != NULL)
        line_word(&line, "network", scene->network->name, LINE_WORD);
    line_client(&line, NULL, prefix_print(scene->client, addr));
    line_number(&line, kind, n);
    line_message(&line, "a NAT, proxy or gateway? Everybody behind it may "
                        "relay; if that is meant, class = gateway");
    add(journal, LOG_WARNING, &line);
}

void
journal_say(struct journal *journal, int level, const char *format, ...)
{
    char text[1600];
    struct line line;
    va_list args;
    int n;

    if (!is_wanted(journal, level))
        return;
    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0)
        return;
    if ((size_t)n >= sizeof(text))
        memcpy(text + sizeof(text) - 4, "...", 4);
    begin(journal, &line, now_read().wall);
    line_message(&line, text);
    add(journal, level, &line);
}

void
journal_tick(struct journal *journal, struct store_time now)
{
    struct quiet_rest rest;

    while (quiet_over(journal->refusals, now.mono, &rest))
        tell_rest(journal, &rest, now.wall);
}

uint64_t
journal_dropped(struct journal *journal)
{
    return spool_dropped(journal->spool);
}
