/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/held.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/field.h"
#include "ctl/queue.h"
#include "ctl/when.h"

enum {
    COMMANDS = 3,  /* messages whose commands are printed */
    BATCH = 500,   /* ids in one request */
    NEWBORN_S = 60 /* a message this young may be on its way into the queue */
};

/* ----- the list */

static const struct out_column columns[] = {
    {.title = "SINCE", .path = "at", .kind = OUT_TIME},
    {.title = "HOST", .path = "host", .least = 8},
    {.title = "ID", .path = "id"},
    {.title = "FOR", .path = "subject", .least = 16},
    {.title = "FROM", .path = "from", .least = 10},
    {.title = "TO", .path = "recipients", .kind = OUT_COUNT},
    {.title = "MTA", .path = "mta", .spare = true},
    {.title = "RULE", .path = "rule", .spare = true},
    {.title = NULL},
};

static const struct out_column columns_of_one[] = {
    {.title = "SINCE", .path = "at", .kind = OUT_TIME},
    {.title = "HOST", .path = "host", .least = 8},
    {.title = "ID", .path = "id"},
    {.title = "FROM", .path = "from", .least = 10},
    {.title = "TO", .path = "recipients", .kind = OUT_COUNT},
    {.title = NULL},
};

static const struct out_column fields[] = {
    {.title = "", .path = "at"},
    {.title = "", .path = "host"},
    {.title = "", .path = "mta"},
    {.title = "", .path = "id"},
    {.title = "", .path = "subject"},
    {.title = "", .path = "rule"},
    {.title = "", .path = "from"},
    {.title = "", .path = "recipients"},
    {.title = "", .path = "command.deliver"},
    {.title = "", .path = "command.delete"},
    {.title = NULL},
};

void
held_print(const struct out *out, const json_t *held)
{
    out_table(out, out->format == OUT_TSV ? fields : columns, held);
}

void
held_print_of_one(const struct out *out, const json_t *held)
{
    out_table(out, columns_of_one, held);
}

void
held_print_commands(const struct out *out, const json_t *held)
{
    size_t n = json_array_size(held);

    out_line(out, OUT_PLAIN, 0,
             "To let them go, or to delete them, root runs on their hosts:");
    for (size_t i = 0; i < n && i < COMMANDS; i++) {
        const json_t *row = json_array_get(held, i);
        const char *host = field_text(row, "host");

        out_verbatim(out, OUT_PLAIN, "    %s  # on %s",
                     field_text(row, "command.deliver"), host);
        out_verbatim(out, OUT_PLAIN, "    %s  # on %s",
                     field_text(row, "command.delete"), host);
    }
    if (n > COMMANDS)
        out_line(out, OUT_PLAIN, 4, "    ... and so on, for %zu more",
                 n - COMMANDS);
}

/* ----- what is to be done */

enum held_deed
held_deed(const struct call *call)
{
    const char *word = call_option(call, "held");

    if (word == NULL || strcmp(word, "keep") == 0)
        return HELD_KEEP;
    return strcmp(word, "deliver") == 0 ? HELD_DELIVER : HELD_DELETE;
}

int
held_check(const struct call *call)
{
    if (call_given(call, "mta-config") && held_deed(call) == HELD_KEEP)
        return call_usage(call, "--mta-config is for --held deliver or delete");
    return CTL_OK;
}

/* What became of one message; ROW is borrowed. */
struct outcome {
    const json_t *row;
    enum queue_fate fate;
    bool told; /* its command is printed */
};

struct settling {
    const struct call *call;
    enum held_deed deed;
    const char *host; /* this one, as the daemon is called */
    struct outcome *all;
    size_t n;
    int code;
};

/* "postfix" or "sendmail"; false: one that this version does not know. */
static bool
mta_of(const json_t *row, enum queue_mta *out)
{
    const char *name = field_text(row, "mta");

    *out = strcmp(name, "sendmail") == 0 ? QUEUE_SENDMAIL : QUEUE_POSTFIX;
    return *out == QUEUE_SENDMAIL || strcmp(name, "postfix") == 0;
}

/* Is it in the queue of this host's MTA? */
static bool
is_mine(const struct settling *s, const json_t *row, enum queue_mta mta)
{
    enum queue_mta its;

    return mta_of(row, &its) && its == mta &&
           strcmp(field_text(row, "host"), s->host) == 0 &&
           queue_is_id(field_text(row, "id"));
}

/* The queue of MTA with the messages that are in it; items NULL: no memory. */
static void
gather(const struct settling *s, enum queue_mta mta, struct queue *out)
{
    *out = (struct queue){.mta = mta,
                          .config = call_option(s->call, "mta-config")};
    out->items = calloc(s->n + 1, sizeof(*out->items));
    for (size_t i = 0; i < s->n && out->items != NULL; i++)
        if (is_mine(s, s->all[i].row, mta))
            (void)snprintf(out->items[out->n++].id, QUEUE_ID, "%s",
                           field_text(s->all[i].row, "id"));
}

/* Note the fates of QUEUE's messages. */
static void
note(struct settling *s, const struct queue *queue)
{
    for (size_t i = 0; i < s->n; i++)
        if (is_mine(s, s->all[i].row, queue->mta))
            s->all[i].fate =
                queue_fate_of(queue, field_text(s->all[i].row, "id"));
}

/* Let ACT look at, or deal with, the messages that MTA has. */
static void
deal(struct settling *s, enum queue_mta mta,
     enum ms_err (*act)(struct queue *queue, struct why *why))
{
    struct why why = {"no memory"};
    struct queue queue;
    enum ms_err err;

    gather(s, mta, &queue);
    err = queue.items == NULL ? MS_NOMEM
          : queue.n == 0      ? MS_OK
                              : act(&queue, &why);
    if (err != MS_OK) {
        out_complain(s->call->out, "%s", why.text);
        s->code = err == MS_NOMEM ? EX_OSERR : EX_UNAVAILABLE;
    }
    if (queue.items != NULL)
        note(s, &queue);
    free(queue.items);
}

/* Ask what the daemon's host is called; *ANSWER holds the name. */
static int
ask_host(const struct call *call, json_t **answer)
{
    struct url url;

    url_start(&url, "/v1/status");
    return call_get(call, &url, answer);
}

static bool
is_over(enum queue_fate fate)
{
    return fate == QUEUE_DELIVERED || fate == QUEUE_DELETED ||
           fate == QUEUE_GONE;
}

/* ----- telling the daemon */

static int
post_gone(const struct call *call, json_t *ids, enum queue_fate fate)
{
    json_t *body = json_object(), *answer = NULL;
    struct url url;
    int code;

    (void)json_object_set_new(body, "ids", ids);
    field_set_text(body, "outcome", queue_fate_name(fate));
    url_start(&url, "/v1/held/gone");
    code = call_post(call, &url, body, &answer);
    json_decref(answer);
    return code;
}

/* Those whose fate is FATE; CTL_OK if there are none. */
static int
tell_fate(const struct settling *s, enum queue_fate fate)
{
    json_t *ids = json_array();
    int code = CTL_OK;

    for (size_t i = 0; i < s->n && code == CTL_OK; i++) {
        if (s->all[i].fate != fate)
            continue;
        (void)json_array_append_new(
            ids,
            json_pack("{s:O?, s:O?}", "host", field_at(s->all[i].row, "host"),
                      "id", field_at(s->all[i].row, "id")));
        if (json_array_size(ids) < BATCH)
            continue;
        code = post_gone(s->call, ids, fate);
        ids = json_array();
    }
    if (code == CTL_OK && json_array_size(ids) > 0)
        return post_gone(s->call, ids, fate);
    json_decref(ids);
    return code;
}

static int
tell_fates(const struct settling *s)
{
    static const enum queue_fate fates[] = {QUEUE_DELIVERED, QUEUE_DELETED,
                                            QUEUE_GONE};
    int code = CTL_OK;

    for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++) {
        int told = tell_fate(s, fates[i]);

        code = told != CTL_OK ? told : code;
    }
    return code;
}

/* ----- telling the operator */

static const char *
command_of(const struct settling *s, const json_t *row)
{
    return field_text(row, s->deed == HELD_DELETE ? "command.delete"
                                                  : "command.deliver");
}

static const struct out_column settled_columns[] = {
    {.title = "", .path = "host"},    {.title = "", .path = "id"},
    {.title = "", .path = "subject"}, {.title = "", .path = "outcome"},
    {.title = "", .path = "command"}, {.title = NULL},
};

/* A row for programs: the command only where somebody has to run it. */
static json_t *
outcome_json(const struct settling *s, const struct outcome *one)
{
    json_t *row = json_object();

    field_set_text(row, "host", field_text(one->row, "host"));
    field_set_text(row, "id", field_text(one->row, "id"));
    field_set_text(row, "subject", field_text(one->row, "subject"));
    field_set_text(row, "outcome",
                   is_over(one->fate) ? queue_fate_name(one->fate) : "held");
    if (!is_over(one->fate))
        field_set_text(row, "command", command_of(s, one->row));
    return row;
}

static void
print_settled(const struct settling *s)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < s->n; i++)
        (void)json_array_append_new(rows, outcome_json(s, &s->all[i]));
    out_table(s->call->out, settled_columns, rows);
    json_decref(rows);
}

static const char *
fate_words(enum queue_fate fate)
{
    switch (fate) {
    case QUEUE_DELIVERED:
        return "is on its way";
    case QUEUE_DELETED:
        return "is deleted";
    case QUEUE_GONE:
        return "was not in the queue any more";
    case QUEUE_HELD:
    case QUEUE_UNKNOWN:
        break;
    }
    return "is still held";
}

/* Commands for what is left on HOST. */
static void
print_host(struct settling *s, size_t from, const char *host)
{
    out_heading(s->call->out, "To be run by root on %s:", host);
    for (size_t i = from; i < s->n; i++) {
        struct outcome *one = &s->all[i];

        if (is_over(one->fate) ||
            strcmp(field_text(one->row, "host"), host) != 0)
            continue;
        out_verbatim(s->call->out, OUT_PLAIN, "    %s",
                     command_of(s, one->row));
        one->told = true;
    }
}

static void
print_outcomes(struct settling *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (is_over(s->all[i].fate))
            out_line(s->call->out, OUT_PLAIN, 4, "%s %s.",
                     field_text(s->all[i].row, "id"),
                     fate_words(s->all[i].fate));
    for (size_t i = 0; i < s->n; i++)
        if (!is_over(s->all[i].fate) && !s->all[i].told)
            print_host(s, i, field_text(s->all[i].row, "host"));
}

/* ----- when somebody is released */

static int
settle_all(struct settling *s)
{
    enum ms_err (*act)(struct queue *, struct why *) =
        s->deed == HELD_DELETE ? queue_delete : queue_deliver;
    bool left = false;
    int told;

    if (geteuid() == 0) {
        deal(s, QUEUE_POSTFIX, act);
        deal(s, QUEUE_SENDMAIL, act);
    } else {
        out_remark(s->call->out, "Only root may ask the MTA to do it.");
    }
    told = tell_fates(s);
    if (s->call->out->format == OUT_PEOPLE)
        print_outcomes(s);
    else
        print_settled(s);
    for (size_t i = 0; i < s->n; i++)
        left = left || !is_over(s->all[i].fate);
    if (told != CTL_OK)
        return told;
    return s->code != CTL_OK ? s->code : left ? CTL_NO : CTL_OK;
}

/* An outcome for each of ROWS in S; false: no memory. */
static bool
start_settling(struct settling *s, const json_t *rows)
{
    const json_t *row;
    size_t i;

    s->all = calloc(json_array_size(rows) + 1, sizeof(*s->all));
    json_array_foreach(rows, i, row)
    {
        if (s->all != NULL && json_is_object(row))
            s->all[s->n++].row = row;
    }
    if (s->all == NULL)
        out_complain(s->call->out, "no memory");
    return s->all != NULL;
}

int
held_settle(const struct call *call, const json_t *held)
{
    struct settling s = {.call = call, .deed = held_deed(call)};
    size_t n = json_array_size(held);
    json_t *status = NULL;
    int code;

    if (n == 0)
        return CTL_OK;
    if (s.deed == HELD_KEEP) {
        out_remark(call->out,
                   "%zu message%s held: --held deliver lets %s go, --held "
                   "delete removes %s.",
                   n, n == 1 ? " stays" : "s stay", n == 1 ? "it" : "them",
                   n == 1 ? "it" : "them");
        return CTL_OK;
    }
    code = ask_host(call, &status);
    if (code != CTL_OK)
        return code;
    s.host = field_text(status, "host");
    code = start_settling(&s, held) ? settle_all(&s) : EX_OSERR;
    free(s.all);
    json_decref(status);
    return code;
}

/* ----- held */

static int
get_held(const struct call *call, bool fleet, json_t **answer)
{
    struct url url;

    url_start(&url, "/v1/held");
    url_query(&url, "subject", call_word(call, 0));
    url_query(&url, "fleet", fleet ? "yes" : "no");
    return call_get(call, &url, answer);
}

/* Was it held long enough ago to be looked for? */
static bool
is_settled_in(const json_t *row)
{
    int64_t at;

    return !when_read(field_text(row, "at"), &at) ||
           at + NEWBORN_S <= when_now();
}

/* Drop what is too young, and what is still held, from what is over. */
static size_t
count_over(struct settling *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (!is_settled_in(s->all[i].row))
            s->all[i].fate = QUEUE_UNKNOWN;
        n += is_over(s->all[i].fate) ? 1 : 0;
    }
    return n;
}

/* Look what the MTA of this host still holds, and tell the daemon. */
static int
check(const struct call *call)
{
    struct settling s = {.call = call};
    json_t *answer = NULL, *status = NULL;
    int code = get_held(call, false, &answer);
    size_t over;

    if (code == CTL_OK)
        code = ask_host(call, &status);
    s.host = field_text(status, "host");
    if (code == CTL_OK && !start_settling(&s, field_at(answer, "held")))
        code = EX_OSERR;
    if (code == CTL_OK) {
        deal(&s, QUEUE_POSTFIX, queue_look);
        deal(&s, QUEUE_SENDMAIL, queue_look);
        over = count_over(&s);
        code = tell_fates(&s);
        if (code == CTL_OK)
            code = s.code;
        if (over > 0)
            out_remark(call->out, "%zu message%s not held any more.", over,
                       over == 1 ? " is" : "s are");
    }
    free(s.all);
    json_decref(status);
    json_decref(answer);
    return code;
}

/* "3 messages are held, the oldest since ...". */
static void
print_count(const struct out *out, const json_t *held)
{
    const char *oldest = field_text(json_array_get(held, 0), "at");
    size_t n = json_array_size(held), i;
    char buf[WHEN_TEXT];
    const json_t *row;

    json_array_foreach(held, i, row)
    {
        if (strcmp(field_text(row, "at"), oldest) < 0)
            oldest = field_text(row, "at");
    }
    if (n == 0)
        out_remark(out, "Nothing is held.");
    else
        out_remark(out, "%zu message%s held, the oldest since %s.", n,
                   n == 1 ? " is" : "s are", when_print(oldest, buf));
}

int
cmd_held(const struct call *call)
{
    int checked = CTL_OK, code;
    json_t *answer = NULL;

    if (call_given(call, "mta-config") && !call_given(call, "check"))
        return call_usage(call, "--mta-config is for --check");
    if (call_given(call, "check"))
        checked = check(call);
    code = get_held(call, call_given(call, "fleet"), &answer);
    if (code != CTL_OK)
        return code;
    held_print(call->out, field_at(answer, "held"));
    print_count(call->out, field_at(answer, "held"));
    json_decref(answer);
    return checked;
}
