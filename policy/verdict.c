/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/verdict.h"

#include <stdio.h>
#include <string.h>

const char *
verdict_action_name(enum verdict_action action)
{
    switch (action) {
    case VERDICT_CONTINUE:
        return "continue";
    case VERDICT_ACCEPT:
        return "accept";
    case VERDICT_DEFER:
        return "defer";
    case VERDICT_REJECT:
        return "reject";
    case VERDICT_HOLD:
        return "hold";
    }
    return "";
}

void
verdict_continue(struct verdict *out)
{
    out->action = VERDICT_CONTINUE;
    out->observed = out->failed = false;
    out->code = 0;
    out->enhanced[0] = '\0';
    out->rule[0] = '\0';
    out->reason = "";
    out->limit = NULL;
    out->rate = (struct rate){0};
    out->used = 0;
    out->retry_s = 0;
    out->subject.kind = SUBJECT_KINDS;
    out->subject.len = 0;
    out->list = NULL;
    out->domain[0] = '\0';
    out->zombie = NULL;
    out->standing = STANDING_NORMAL;
}

void
verdict_refuse(struct verdict *v, enum verdict_action action, uint16_t code,
               const char *enhanced)
{
    v->action = action;
    v->code = code;
    (void)snprintf(v->enhanced, sizeof(v->enhanced), "%.7s", enhanced);
}

/* ----- the text */

/* Text that is cut where the reply must end, never in silence: "...". */
struct line {
    char *text;
    size_t len, room;
};

static void
put(struct line *line, const char *text)
{
    for (; *text != '\0'; text++) {
        bool printable = *text >= ' ' && *text <= '~';

        if (line->len + 1 == line->room) {
            memcpy(line->text + line->len - 3, "...", 3);
            break;
        }
        line->text[line->len++] = printable ? *text : '?';
    }
    line->text[line->len] = '\0';
}

char *
verdict_span(uint64_t seconds, char buf[RATE_TEXT])
{
    static const struct {
        uint64_t s, least;
        const char *name;
    } unit[] = {
        {86400, UINT64_C(129600), "day"},
        {3600, 5400, "hour"},
        {60, 90, "minute"},
        {1, 0, "second"},
    };
    size_t i = 0;
    uint64_t n;

    while (seconds < unit[i].least &&
           (seconds == 0 || seconds % unit[i].s != 0))
        i++;
    n = seconds / unit[i].s + (seconds % unit[i].s != 0);
    (void)snprintf(buf, RATE_TEXT, "%llu %s%s", (unsigned long long)n,
                   unit[i].name, n == 1 ? "" : "s");
    return buf;
}

const char *
verdict_counted(enum metric metric)
{
    static const char *const words[METRICS] = {
        [METRIC_CONNECTIONS] = "connections",
        [METRIC_MESSAGES] = "messages",
        [METRIC_RECIPIENTS] = "recipients",
        [METRIC_EXTERNAL] = "recipients elsewhere",
        [METRIC_BAD_RECIPIENTS] = "unknown recipients",
        [METRIC_BYTES] = "of mail",
    };

    return words[metric];
}

/* What VERDICT has counted; METRICS: nothing. */
static enum metric
metric_of(const struct verdict *v)
{
    if (v->limit != NULL)
        return v->limit->count;
    return v->zombie != NULL && v->rate.n > 0 ? METRIC_RECIPIENTS : METRICS;
}

/* A count as written in rates: bytes are kept in KiB. */
static void
put_count(struct line *line, const struct verdict *v, uint64_t n)
{
    char buf[RATE_TEXT];

    (void)snprintf(buf, sizeof(buf), "%llu%s", (unsigned long long)n,
                   metric_of(v) == METRIC_BYTES ? "K" : "");
    put(line, buf);
}

static void
put_span(struct line *line, const struct verdict *v)
{
    char buf[RATE_TEXT];

    put(line,
        v->rate.span_s == 0 ? "message" : verdict_span(v->rate.span_s, buf));
}

/* "31 messages in 1 minute, the limit is 30; try again in 12 seconds" */
static void
put_numbers(struct line *line, const struct verdict *v)
{
    char buf[RATE_TEXT];

    put(line, ": ");
    put_count(line, v, v->used);
    put(line, " ");
    put(line, verdict_counted(metric_of(v)));
    put(line, v->rate.span_s == 0 ? " in one " : " in ");
    put_span(line, v);
    put(line, ", the limit is ");
    put_count(line, v, v->rate.n);
    if (v->rate.span_s == 0) {
        put(line, "; send the rest in another message");
    } else if (v->retry_s == UINT64_MAX) {
        put(line, "; this is more than can be sent at all");
    } else {
        put(line, "; try again in ");
        put(line, verdict_span(v->retry_s, buf));
    }
}

/* What a text is made of. */
struct told {
    const struct verdict *v;
    const struct config *config;
    const struct scene *scene;
    const char *recipient; /* NULL: none */
    const char *ref;
};

/* Mail to the postmaster passes for everybody. */
static const char *
help_of(const struct told *told)
{
    const char *support = told->config->support;

    return support != NULL ? support : "write to postmaster";
}

/* One value that an operator's text may ask for. */
static void
put_field(struct line *line, const char *name, size_t len,
          const struct told *told)
{
    static const char *const names[] = {
        "recipient", "sender", "used", "limit", "span",   "retry",
        "ref",       "client", "user", "help",  "domain", "list"};
    const struct verdict *v = told->v;
    const struct scene *scene = told->scene;
    const bool counted = metric_of(v) != METRICS;
    char buf[PREFIX_TEXT];
    size_t i = 0, n = sizeof(names) / sizeof(names[0]);

    while (i < n &&
           (strlen(names[i]) != len || memcmp(names[i], name, len) != 0))
        i++;
    switch (i) {
    case 0:
        put(line, told->recipient != NULL ? told->recipient : "");
        break;
    case 1:
        put(line, scene->sender_said != NULL ? scene->sender_said : "");
        break;
    case 2:
        if (counted)
            put_count(line, v, v->used);
        break;
    case 3:
        if (counted)
            put_count(line, v, v->rate.n);
        break;
    case 4:
        if (counted)
            put_span(line, v);
        break;
    case 5:
        if (counted && v->retry_s != UINT64_MAX)
            put(line, verdict_span(v->retry_s, buf));
        break;
    case 6:
        put(line, told->ref);
        break;
    case 7:
        put(line, prefix_print(scene->client, buf));
        break;
    case 8:
        put(line, scene->user);
        break;
    case 9:
        put(line, help_of(told));
        break;
    case 10:
        put(line, v->domain);
        break;
    case 11:
        put(line, v->list != NULL ? v->list->name : "");
        break;
    default: /* the configuration's check lets no other name pass */
        break;
    }
}

static void
put_template(struct line *line, const char *text, const struct told *told)
{
    char one[2] = "";

    while (*text != '\0') {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;

        if (end != NULL) {
            put_field(line, text + 1, (size_t)(end - text - 1), told);
            text = end + 1;
        } else {
            one[0] = *text++;
            put(line, one);
        }
    }
}

void
verdict_text(const struct verdict *verdict, const struct config *config,
             const struct scene *scene, const char *recipient, const char *ref,
             char out[VERDICT_TEXT])
{
    struct line line = {.text = out, .room = VERDICT_TEXT};
    const struct told told = {verdict, config, scene, recipient, ref};
    const char *written =
        verdict->failed ? NULL : config_reply(config, verdict->rule);

    out[0] = '\0';
    if (written != NULL) {
        put_template(&line, written, &told);
        return;
    }
    put_template(&line, verdict->reason, &told);
    if (metric_of(verdict) != METRICS && scene->own)
        put_numbers(&line, verdict);
    if (verdict->zombie != NULL) {
        put(&line, ". Help: ");
        put(&line, help_of(&told));
    }
    put(&line, " (ref ");
    put(&line, ref);
    put(&line, ")");
}
