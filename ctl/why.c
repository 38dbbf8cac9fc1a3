/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/why.c - why a message was stopped, in sentences that can be read out to
 * whoever has sent it, and what can be done.
 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/shell.h"
#include "ctl/standing.h"
#include "ctl/when.h"
#include "policy/rate.h"

enum { WHY_DECISIONS = 20 };

/* ----- words */

/* What is counted, as one says it. */
static const struct metric_words {
    const char *name, *words;
} metrics[] = {
    {"connections", "connections"},
    {"messages", "messages"},
    {"recipients", "recipients"},
    {"external", "recipients elsewhere"},
    {"bad_recipients", "unknown recipients"},
    {"bytes", "KiB"},
};

static const char *
metric_words(const char *name)
{
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
        if (strcmp(metrics[i].name, name) == 0)
            return metrics[i].words;
    return name;
}

static const struct action_words {
    const char *name, *done, *would;
} actions[] = {
    {"defer", "put off", "put off"},
    {"reject", "refused", "refused"},
    {"hold", "taken, but held back", "held back"},
};

static const char *
action_words(const char *name, bool would)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(actions[i].name, name) == 0)
            return would ? actions[i].would : actions[i].done;
    return name;
}

static bool
is_would(const json_t *row)
{
    return strcmp(field_text(row, "deed"), "would") == 0;
}

/* Does its rule's name begin so? */
static bool
is_of(const json_t *row, const char *rules)
{
    return strncmp(field_text(row, "rule"), rules, strlen(rules)) == 0;
}

/* Is it a rule about zombies, which judges a sender by all it sent? */
static bool
is_zombie(const json_t *row)
{
    return is_of(row, "zombie.");
}

/* The limit's name in a rule such as "limit.user"; NULL: it is no limit's. */
static const char *
limit_of(const json_t *row)
{
    return is_of(row, "limit.") ? field_text(row, "rule") + 6 : NULL;
}

/* ----- what happened */

/* "the user ann@example.org, from 192.0.2.7 (h.example)". */
static void
put_sender(FILE *text, const json_t *row)
{
    const char *user = field_text(row, "user");
    const char *client = field_text(row, "client");
    const char *name = field_text(row, "client_name");

    if (*user != '\0')
        (void)fprintf(text, "the user %s", user);
    if (*client != '\0')
        (void)fprintf(text, "%s%s", *user != '\0' ? ", connected from " : "",
                      client);
    else if (*user == '\0')
        (void)fputs("somebody whose address is not known", text);
    if (*client != '\0' && *name != '\0' && strcmp(name, client) != 0 &&
        strcmp(name, "unknown") != 0)
        (void)fprintf(text, " (%s)", name);
}

/* "from <a> to <b> and 2 more". */
static void
put_message(FILE *text, const json_t *row)
{
    int64_t others = field_int(row, "nrcpt") - 1;

    if (!field_is(row, "from")) {
        (void)fputs("a connection of ", text);
        put_sender(text, row);
        return;
    }
    (void)fputs("a message of ", text);
    put_sender(text, row);
    (void)fprintf(text, ", from <%s>", field_text(row, "from"));
    if (field_is(row, "to"))
        (void)fprintf(text, " to <%s>", field_text(row, "to"));
    if (field_is(row, "to") && others > 0)
        (void)fprintf(text, " (of %" PRId64 " recipients)", others + 1);
}

static void
print_event(const struct out *out, const json_t *row)
{
    char when[WHEN_TEXT], *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    if (to == NULL)
        return;
    put_message(to, row);
    if (fclose(to) == 0 && is_would(row))
        out_line(out, OUT_PLAIN, 0,
                 "At %s, %s let pass %s. In enforce mode it would have been "
                 "%s.",
                 when_print(field_text(row, "time"), when),
                 field_text(row, "host"), text,
                 action_words(field_text(row, "action"), true));
    else
        out_line(out, OUT_PLAIN, 0, "At %s, on %s, %s was %s.",
                 when_print(field_text(row, "time"), when),
                 field_text(row, "host"), text,
                 action_words(field_text(row, "action"), false));
    free(text);
}

/* "in 1 hour", "in one message". */
static char *
span_words(const json_t *row, char buf[WHEN_TEXT + 16])
{
    char span[WHEN_TEXT];

    if (field_int(row, "rate.span_s") == 0)
        (void)snprintf(buf, WHEN_TEXT + 16, "in one message");
    else
        (void)snprintf(buf, WHEN_TEXT + 16, "within %s",
                       when_span(field_int(row, "rate.span_s"), span));
    return buf;
}

static void
print_reason(const struct out *out, const json_t *row)
{
    const char *limit = limit_of(row);
    char span[WHEN_TEXT + 16];

    if (limit != NULL && field_is(row, "rate"))
        out_line(out, OUT_PLAIN, 0,
                 "The limit \"%s\" allows %s %" PRId64 " %s %s; this one "
                 "would have made it %" PRId64 ".",
                 limit, field_text(row, "subject"), field_int(row, "rate.n"),
                 metric_words(field_text(row, "metric")), span_words(row, span),
                 field_int(row, "used"));
    else
        out_line(out, OUT_PLAIN, 0, "The rule was %s.",
                 field_text(row, "rule"));
    if (*field_text(row, "error") != '\0')
        out_line(out, OUT_WARN, 0,
                 "This was a fault of our own (%s), not of the sender.",
                 field_text(row, "error"));
    if (field_int(row, "code") > 0 && !is_would(row))
        out_line(out, OUT_PLAIN, 4,
                 "The sending program was told: %" PRId64 " %s %s",
                 field_int(row, "code"), field_text(row, "enhanced"),
                 field_text(row, "text"));
}

static void
print_return(const struct out *out, const json_t *row)
{
    int64_t at, now = when_now(), retry_s = field_int(row, "retry_s");
    char when[WHEN_TEXT], span[WHEN_TEXT];

    if (limit_of(row) == NULL || !field_is(row, "rate") ||
        !when_read(field_text(row, "time"), &at))
        return;
    if (!field_is(row, "retry_s"))
        out_line(out, OUT_PLAIN, 0,
                 "A message as large as this one never fits this limit.");
    else if (retry_s == 0)
        out_line(out, OUT_PLAIN, 0,
                 "The rest can be sent at once, in another message.");
    else
        out_line(
            out, OUT_PLAIN, 0, "There %s room again at %s, %s %s.",
            at + retry_s <= now ? "was" : "will be",
            when_print_s(at + retry_s, when),
            when_span(at + retry_s <= now ? retry_s : at + retry_s - now, span),
            at + retry_s <= now ? "later" : "from now");
}

/* ----- what led to it, and how it is now */

static const json_t *
find_limit(const json_t *subject, const json_t *row)
{
    const json_t *limits = field_at(subject, "limits"), *one;
    const char *limit = limit_of(row);
    size_t i;

    json_array_foreach(limits, i, one)
    {
        if (limit != NULL && strcmp(field_text(one, "limit"), limit) == 0 &&
            field_int(one, "rate.span_s") == field_int(row, "rate.span_s"))
            return one;
    }
    return NULL;
}

static void
print_now(const struct out *out, const json_t *subject, const json_t *row)
{
    const json_t *limit = find_limit(subject, row);
    char span[WHEN_TEXT];

    if (limit == NULL || field_int(row, "rate.span_s") == 0)
        return;
    out_line(out, OUT_PLAIN, 0,
             "Now %" PRId64 "%s of %" PRId64 "%s are used%s%s.",
             field_int(limit, "used"), field_unit(limit),
             field_int(limit, "rate.n"), field_unit(limit),
             field_int(limit, "room_s") == 0 ? ", so there is room"
                                             : "; there is room in ",
             field_int(limit, "room_s") == 0
                 ? ""
                 : when_span(field_int(limit, "room_s"), span));
}

/* How often before, since when. */
static void
print_before(const struct out *out, const json_t *subject, const json_t *row)
{
    const json_t *decisions = field_at(subject, "decisions"), *one,
                 *first = NULL;
    size_t i, n = 0;
    char when[WHEN_TEXT];

    json_array_foreach(decisions, i, one)
    {
        if (strcmp(field_text(one, "time"), field_text(row, "time")) >= 0 ||
            strcmp(field_text(one, "rule"), field_text(row, "rule")) != 0)
            continue;
        n++;
        first = one; /* they come newest first */
    }
    if (n > 0)
        out_line(out, OUT_PLAIN, 0,
                 "The same rule had said so %zu time%s before, first at %s.", n,
                 n == 1 ? "" : "s",
                 when_print(field_text(first, "time"), when));
}

/* ----- what to do */

static void
print_command(const struct out *out, const char *what, const char *command)
{
    out_line(out, OUT_PLAIN, 0, "%s", what);
    out_verbatim(out, OUT_BOLD, "    %s", command);
}

/* Twice RATE, as `raise` takes it: "600/1h"; of bytes "2048K/1d". */
static void
put_twice(FILE *to, const json_t *row, const char *before)
{
    bool bytes = strcmp(field_text(row, "metric"), "bytes") == 0;
    char span[RATE_TEXT];

    (void)fprintf(to, "%s%" PRId64 "%s/%s", before,
                  2 * field_int(row, "rate.n"), bytes ? "K" : "",
                  span_print((uint64_t)field_int(row, "rate.span_s"), span));
}

/* All windows of the limit, for `raise` replaces them all: those of SUBJECT, or
 * the one of ROW if it is not known. */
static void
put_rates(FILE *to, const json_t *subject, const json_t *row)
{
    const json_t *limits = field_at(subject, "limits"), *one;
    const char *limit = limit_of(row), *before = "";
    size_t i;

    json_array_foreach(limits, i, one)
    {
        if (strcmp(field_text(one, "limit"), limit) != 0 ||
            field_int(one, "rate.span_s") <= 0)
            continue;
        put_twice(to, one, before);
        before = ",";
    }
    if (*before == '\0')
        put_twice(to, row, "");
}

/* Of a limit: reset or raise, ready to be pasted. */
static void
advise_limit(const struct out *out, const json_t *subject, const json_t *row,
             const char *key, const char *name)
{
    char *line = NULL;
    size_t len = 0;
    FILE *to;

    if (field_int(row, "rate.span_s") <= 0)
        return; /* nothing is counted beyond the message */
    if (!is_would(row) &&
        asprintf(&line, "mortsafectl reset %s %s", key, name) >= 0) {
        print_command(out, "To let it send at once:", line);
        free(line);
    }
    to = open_memstream(&line, &len);
    if (to == NULL)
        return;
    (void)fprintf(to, "mortsafectl raise %s %s ", key, name);
    put_rates(to, subject, row);
    (void)fputs(" --until 1d", to);
    if (fclose(to) == 0)
        print_command(out, "To allow it twice as much for a day:", line);
    free(line);
}

/* The field NAME of ROW as an option's word; one that it does not have is left
 * out. */
static void
put_word(FILE *to, const char *option, const json_t *row, const char *name)
{
    char *word =
        field_is(row, name) ? shell_quote(field_text(row, name)) : NULL;

    if (word != NULL)
        (void)fprintf(to, " %s %s", option, word);
    free(word);
}

/* What the DNS has said, as `explain` takes it: it looks up nobody. */
static void
put_findings(FILE *to, const json_t *row)
{
    const char *rule = field_text(row, "rule"), *pending = ".pending";
    const json_t *lists = field_at(row, "lists"), *list;
    size_t i, len = strlen(rule), tail = strlen(pending);

    if (strcmp(rule, "spf.pending") == 0)
        (void)fputs(field_is(row, "spf") ? " --spf-helo pending"
                                         : " --spf pending",
                    to);
    else if (is_of(row, "dnsbl.") && len > 6 + tail &&
             strcmp(rule + len - tail, pending) == 0)
        (void)fprintf(to, " --listed %.*s:pending", (int)(len - 6 - tail),
                      rule + 6);
    put_word(to, "--spf", row, "spf");
    if (strcmp(rule, "spf.helo") == 0)
        (void)fputs(" --spf-helo fail", to);
    json_array_foreach(lists, i, list)
    {
        char *word =
            json_is_string(list) ? shell_quote(json_string_value(list)) : NULL;

        if (word != NULL)
            (void)fprintf(to, " --listed %s", word);
        free(word);
    }
}

static void
print_explain(const struct out *out, const json_t *row)
{
    char *line = NULL;
    size_t len = 0;
    FILE *to;

    if (*field_text(row, "client") == '\0' ||
        (to = open_memstream(&line, &len)) == NULL)
        return;
    (void)fputs("mortsafectl explain", to);
    put_word(to, "--client", row, "client");
    put_word(to, "--listener", row, "listener");
    if (*field_text(row, "user") != '\0')
        put_word(to, "--user", row, "user");
    put_word(to, "--from", row, "from");
    put_word(to, "--to", row, "to");
    put_findings(to, row);
    if (fclose(to) == 0)
        print_command(out, "To see every rule that was passed:", line);
    free(line);
}

/* Of SPF or a list: who is let through in spite of it. */
static void
advise_lookup(const struct out *out, const json_t *row)
{
    char *line = NULL;

    out_line(out, OUT_PLAIN, 0,
             "This is no count that could be reset: it follows from what the "
             "DNS says of the client. mortsafe-policy(7) tells under the "
             "rule's name what each side can do.");
    if (asprintf(&line, "exempt known { client = %s  skip = %s }",
                 field_text(row, "client"),
                 is_of(row, "spf.") ? "spf" : "dnsbl") >= 0)
        print_command(out,
                      "If it is a server that you know, and its mail is to "
                      "pass, in the configuration:",
                      line);
    free(line);
}

static void
advise_rule(const struct out *out, const json_t *row)
{
    if (is_of(row, "spf.") || is_of(row, "dnsbl."))
        advise_lookup(out, row);
    else
        out_line(out, OUT_PLAIN, 0,
                 "This is no count that could be reset: it is about who may "
                 "send through this server, and how.");
    print_explain(out, row);
}

/* Shell words: KEY. */
static void
advise_zombie(const struct out *out, const char *key)
{
    char *line = NULL;

    out_line(out, OUT_PLAIN, 0,
             "First the cause has to go: a password that others know, or a "
             "computer that is infected.");
    if (asprintf(&line, "mortsafectl release %s", key) >= 0)
        print_command(out, "Then, to let it send again:", line);
    free(line);
    line = NULL;
    if (asprintf(&line, "mortsafectl held %s", key) >= 0)
        print_command(out, "To see its mail that is held:", line);
    free(line);
}

static void
print_advice(const struct out *out, const json_t *known, const json_t *row)
{
    const char *subject = field_text(row, "subject"), *limit = limit_of(row);
    char *key = shell_quote(subject);
    char *name = shell_quote(limit != NULL ? limit : "");
    char *line = NULL;

    out_heading(out, "What can be done");
    if (is_zombie(row) && key != NULL && *subject != '\0')
        advise_zombie(out, key);
    else if (limit == NULL)
        advise_rule(out, row);
    else if (key != NULL && name != NULL && *subject != '\0')
        advise_limit(out, known, row, key, name);
    if (key != NULL && *subject != '\0' &&
        asprintf(&line, "mortsafectl show %s", key) >= 0) {
        print_command(out, "To see all about it:", line);
        free(line);
    }
    free(key);
    free(name);
}

/* ----- all of it */

/* What is known of whom ROW is about; NULL: nothing, which is no error here. */
static json_t *
ask_subject(const struct call *call, const json_t *row)
{
    json_t *subject = NULL;
    struct why why;
    struct url url;

    if (*field_text(row, "subject") == '\0')
        return NULL;
    url_subject(&url, NULL, field_text(row, "subject"), NULL);
    if (client_ask(call->client, CLIENT_GET, &url, NULL, &subject, &why) !=
        CTL_OK)
        return NULL;
    return subject;
}

static void
print(const struct call *call, const json_t *row)
{
    json_t *subject = ask_subject(call, row);

    print_event(call->out, row);
    print_reason(call->out, row);
    print_return(call->out, row);
    if (subject != NULL) {
        print_before(call->out, subject, row);
        print_now(call->out, subject, row);
        if (is_zombie(row))
            standing_print_now(call->out, subject);
    }
    print_advice(call->out, subject, row);
    json_decref(subject);
}

/* Decisions whose NAME ("id", "ref") is WORD. */
static int
ask(const struct call *call, const char *name, json_t **rows)
{
    json_t *answer = NULL;
    struct url url;
    int code;

    url_start(&url, "/v1/decisions");
    url_query(&url, name, call_word(call, 0));
    url_query_number(&url, "limit", WHY_DECISIONS);
    code = call_get(call, &url, &answer);
    if (code == CTL_OK)
        *rows = json_incref(json_object_get(answer, "decisions"));
    json_decref(answer);
    return code;
}

#define FIELD(name)                                                            \
    {                                                                          \
        .title = "", .path = name                                              \
    }
static const struct out_column columns[] = {
    FIELD("time"),      FIELD("host"),    FIELD("deed"),   FIELD("action"),
    FIELD("rule"),      FIELD("client"),  FIELD("user"),   FIELD("from"),
    FIELD("to"),        FIELD("subject"), FIELD("metric"), FIELD("used"),
    FIELD("rate.text"), FIELD("retry_s"), FIELD("code"),   FIELD("enhanced"),
    FIELD("text"),      FIELD("id"),      FIELD("ref"),    {.title = NULL}};
#undef FIELD

int
cmd_why(const struct call *call)
{
    json_t *rows = NULL;
    const json_t *row;
    size_t i;
    int code = ask(call, "ref", &rows);

    if (code == CTL_OK && json_array_size(rows) == 0) {
        json_decref(rows);
        rows = NULL;
        code = ask(call, "id", &rows);
    }
    if (code != CTL_OK)
        return code;
    if (json_array_size(rows) == 0) {
        out_complain(call->out,
                     "nothing is known of %s: it was accepted (then the log "
                     "has it), or it was too long ago",
                     call_word(call, 0));
        code = CTL_NO;
    } else if (call->out->format != OUT_PEOPLE) {
        out_table(call->out, columns, rows);
    }
    json_array_foreach(rows, i, row)
    {
        if (call->out->format != OUT_PEOPLE)
            break;
        if (i > 0)
            out_line(call->out, OUT_PLAIN, 0, "%s", "");
        print(call, row);
    }
    json_decref(rows);
    return code;
}
