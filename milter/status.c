/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A line that grows. */
struct text {
    size_t len;
    char at[STATUS_LINE];
};

static void put(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct text *text, const char *format, ...)
{
    size_t room = sizeof(text->at) - text->len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text->at + text->len, room, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < room) {
        text->len += (size_t)n;
        return;
    }
    text->len = sizeof(text->at) - 1;
    memcpy(text->at + text->len - 3, "...", 4);
}

static void
put_number(struct text *text, const char *key, uint64_t n)
{
    put(text, " %s=%llu", key, (unsigned long long)n);
}

static void
put_flag(struct text *text, const char *key, bool is)
{
    put(text, " %s=%s", key, is ? "yes" : "no");
}

/* KEY=VALUE; what is not printable in one word comes as `?`. */
static void
put_word(struct text *text, const char *key, const char *value)
{
    char word[STORE_NODE_NAME];
    size_t n = 0;

    for (; *value != '\0' && n < sizeof(word) - 1; value++)
        word[n++] = *value > ' ' && *value <= '~' ? *value : '?';
    word[n] = '\0';
    put(text, " %s=%s", key, n > 0 ? word : "-");
}

/* KEY="VALUE", if there is one. */
static void
put_quoted(struct text *text, const char *key, const char *value)
{
    char words[STORE_TROUBLE];
    size_t n = 0;

    for (; *value != '\0' && n < sizeof(words) - 1; value++) {
        bool printable = *value >= ' ' && *value <= '~' && *value != '\\';

        words[n++] = (char)(*value == '"' ? '\'' : printable ? *value : '?');
    }
    words[n] = '\0';
    if (n > 0)
        put(text, " %s=\"%s\"", key, words);
}

/* The wall clock when it was SINCE. */
static time_t
wall_of(const struct status *status, struct mono since)
{
    int64_t ago_ms = status->now.mono.ms - since.ms;

    return (time_t)(status->now.wall.s - (ago_ms > 0 ? ago_ms : 0) / 1000);
}

static void
put_since(struct text *text, const struct status *status, struct mono since)
{
    time_t at = wall_of(status, since);
    struct tm tm;
    char when[32];

    if (gmtime_r(&at, &tm) != NULL &&
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        put(text, " since=%s", when);
}

const char *
status_store_type(enum store_type type)
{
    switch (type) {
    case STORE_MEMORY:
        return "memory";
    case STORE_EMBEDDED:
        return "embedded";
    case STORE_REDIS:
        return "redis";
    }
    return "?";
}

/* ----- lines */

/* Records in this host: all there is, or the shadow of a shared store. */
static void
put_records(struct text *text, const struct store_stats *store)
{
    uint64_t subjects = 0;

    for (unsigned i = 0; i < SUBJECT_KINDS; i++)
        subjects += store->subjects[i];
    put_number(text, "subjects", subjects);
    put_number(text, "bytes", store->bytes);
    put_number(text, "evicted", store->evicted);
    put_number(text, "overflowed", store->overflowed);
    put_number(text, "dirty", store->dirty);
    put_number(text, "saves", store->saves);
    put_number(text, "save_errors", store->save_errors);
    if (store->saving_failed)
        put_quoted(text, "trouble", store->trouble);
}

static void
put_shared(struct text *text, const struct status *status)
{
    const struct store_shared *shared = &status->store->shared;

    put_flag(text, "degraded", shared->degraded);
    if (shared->degraded)
        put_since(text, status, shared->since);
    if (shared->foreign)
        put_flag(text, "foreign_key", true);
    put_number(text, "hosts", shared->hosts);
    put_number(text, "local", shared->local);
    put_number(text, "local_now", shared->local_now);
    put_number(text, "deltas", shared->deltas);
    put_number(text, "waits", shared->waits);
    put_number(text, "commands", shared->commands);
    put_number(text, "redirects", shared->redirects);
    put_number(text, "scripts", shared->scripts);
    put_number(text, "denials", shared->denials);
    put_number(text, "denials_used", shared->denials_used);
}

static void
write_store(const struct status *status, struct text *text)
{
    put(text, "store: type=%s", status_store_type(status->type));
    if (status->type == STORE_REDIS)
        put_shared(text, status);
    put_records(text, status->store);
}

static void
write_node(const struct status *status, const struct store_node *node,
           struct text *text)
{
    put(text, "store:");
    put_word(text, "node", node->name);
    put_flag(text, "up", node->up);
    put_since(text, status, node->since);
    put_number(text, "commands", node->commands);
    put_number(text, "errors", node->errors);
    put_number(text, "in_flight", node->in_flight);
    put_quoted(text, "trouble", node->trouble);
}

static void
write_host(const struct store_host *host, struct text *text)
{
    put(text, "store:");
    put_word(text, "host", host->name);
    put_word(text, "version", host->version);
    put_word(text, "config", host->config);
    put_word(text, "mode", host->mode);
    put_number(text, "form", host->form);
    put(text, " seen=%llds", (long long)host->seen_s);
}

static void
write_counts(const struct daemon_counts *counts, struct text *text)
{
    put(text, "counts:");
    put_number(text, "messages", counts->accepted);
    put_number(text, "waits", counts->waits);
    put_number(text, "waits_max", counts->waits_max);
    put_number(text, "local", counts->local);
    put_number(text, "sessions", counts->sessions);
    put_number(text, "sessions_all", counts->sessions_all);
    put_number(text, "capped", counts->capped);
    put_number(text, "deferred", counts->done[VERDICT_DEFER]);
    put_number(text, "rejected", counts->done[VERDICT_REJECT]);
    put_number(text, "held", counts->done[VERDICT_HOLD]);
    put_number(text, "would_defer", counts->would[VERDICT_DEFER]);
    put_number(text, "would_reject", counts->would[VERDICT_REJECT]);
    put_number(text, "would_hold", counts->would[VERDICT_HOLD]);
    put_number(text, "errors", counts->errors);
}

void
status_tell(const struct status *status,
            void (*line)(void *arg, const char *text), void *arg)
{
    const struct store_shared *shared = &status->store->shared;
    struct text text = {.len = 0};

    write_store(status, &text);
    line(arg, text.at);
    for (size_t i = 0; i < shared->n_nodes && i < STORE_NODES; i++) {
        text.len = 0;
        write_node(status, &shared->node[i], &text);
        line(arg, text.at);
    }
    for (size_t i = 0; i < shared->n_hosts && i < STORE_NODES; i++) {
        text.len = 0;
        write_host(&shared->host[i], &text);
        line(arg, text.at);
    }
    text.len = 0;
    write_counts(status->counts, &text);
    line(arg, text.at);
}

/* ----- in short */

char *
status_short(const struct status *status, char out[STATUS_SHORT])
{
    const struct store_shared *shared = &status->store->shared;
    time_t at = wall_of(status, shared->since);
    const char *type = status_store_type(status->type);
    struct tm tm;
    char when[16] = "";

    if (shared->degraded && gmtime_r(&at, &tm) != NULL)
        (void)strftime(when, sizeof(when), "%H:%M:%SZ", &tm);
    if (shared->degraded)
        (void)snprintf(out, STATUS_SHORT,
                       "store %s degraded since %s, %llu decisions made here",
                       type, when, (unsigned long long)shared->local_now);
    else if (status->store->saving_failed)
        (void)snprintf(out, STATUS_SHORT, "store %s cannot save", type);
    else
        (void)snprintf(out, STATUS_SHORT, "store %s", type);
    return out;
}
