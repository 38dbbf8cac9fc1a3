/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/abuse.c - the command: a letter to a customer, or to a provider whose
 * customer it is. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/abuse_letter.h"
#include "ctl/abuse_mail.h"
#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/display.h"
#include "ctl/field.h"
#include "ctl/load.h"
#include "ctl/when.h"
#include "policy/prefix.h"

#define CONFIG_FILE SYSCONFDIR "/mortsafe/mortsafe.conf"
#define NOTICES PKGDATADIR "/notices"

enum { MOST = 1000, REFERENCE = 48, MAILBOX = 320, DOMAIN = 256 };

static const char usual_since[] = "30d";

struct reporting {
    const struct call *call;
    struct config *config; /* NULL: none */
    json_t *subject, *changes, *reports, *decisions;
    struct arena *arena;
    struct abuse abuse;
    struct abuse_letter letter;
    char reference[REFERENCE], mailbox[MAILBOX];
};

/* ----- what is known */

/* The list KEY of PATH about the subject. */
static int
ask(struct reporting *r, const char *path, json_t **out)
{
    const char *since = call_option(r->call, "since");
    struct url url;

    url_start(&url, path);
    url_query(&url, "subject", field_text(r->subject, "id"));
    url_query(&url, "since", since != NULL ? since : usual_since);
    url_query_number(&url, "limit", MOST);
    return call_get(r->call, &url, out);
}

static int
ask_all(struct reporting *r)
{
    struct url url;
    int code;

    url_subject(&url, NULL, call_word(r->call, 0), NULL);
    code = call_get(r->call, &url, &r->subject);
    if (code == CTL_OK)
        code = ask(r, "/v1/changes", &r->changes);
    if (code == CTL_OK)
        code = ask(r, "/v1/reports", &r->reports);
    if (code == CTL_OK)
        code = ask(r, "/v1/decisions", &r->decisions);
    return code;
}

static int
configuration(struct reporting *r)
{
    const char *path = call_option(r->call, "file");

    if (path == NULL && access(CONFIG_FILE, R_OK) != 0)
        return CTL_OK;
    return load_config(r->call->out, path != NULL ? path : CONFIG_FILE,
                       &r->config);
}

/* ----- the letter */

/* A mailbox that takes mail from somebody who is stopped, too. */
static const char *
mailbox(struct reporting *r)
{
    const struct config *config = r->config;
    const char *from, *at;

    if (config == NULL)
        return NULL;
    if (config->n_support_rcpts > 0)
        return config->support_rcpts[0];
    from = config->notice.from;
    at = from != NULL ? strrchr(from, '@') : NULL;
    if (at == NULL)
        return NULL;
    (void)snprintf(r->mailbox, sizeof(r->mailbox), "postmaster%.*s",
                   (int)strcspn(at, "> \t"), at);
    return r->mailbox;
}

static const char *
folder(const struct reporting *r)
{
    const char *given = call_option(r->call, "templates");

    if (given != NULL)
        return given;
    return r->config != NULL && r->config->notice.templates != NULL
               ? r->config->notice.templates
               : NOTICES;
}

/* Of the newest change: who asks and quotes it is found by it. */
static void
find_reference(struct reporting *r)
{
    const json_t *newest = json_array_get(field_at(r->changes, "changes"), 0);

    if (newest != NULL)
        (void)snprintf(r->reference, sizeof(r->reference), "%.40s",
                       field_text(newest, "id"));
    else
        (void)snprintf(r->reference, sizeof(r->reference), "R%llX",
                       (unsigned long long)when_now());
}

static void
fill_in(struct reporting *r)
{
    const char *kind = call_option(r->call, "kind");
    const char *language = call_option(r->call, "language");

    find_reference(r);
    r->abuse = (struct abuse){
        .kind = kind != NULL && strcmp(kind, "provider") == 0 ? ABUSE_PROVIDER
                                                              : ABUSE_CUSTOMER,
        .subject = r->subject,
        .changes = field_at(r->changes, "changes"),
        .reports = field_at(r->reports, "reports"),
        .decisions = field_at(r->decisions, "decisions"),
        .only_then = call_given(r->call, "since"),
        .support = r->config != NULL ? r->config->support : NULL,
        .mailbox = mailbox(r),
        .reference = r->reference,
        .folder = folder(r),
        .language = language != NULL ? language : "en",
    };
}

static void
tell_line(void *arg, const char *text)
{
    out_complain(arg, "%s", text);
}

static int
write_letter(struct reporting *r)
{
    const struct out *out = r->call->out;
    enum ms_err err = arena_create(&r->arena);

    if (err == MS_OK) {
        fill_in(r);
        err = abuse_letter_write(&r->abuse, r->arena, tell_line,
                                 (void *)(uintptr_t)out, &r->letter);
    }
    switch (err) {
    case MS_OK:
        return CTL_OK;
    case MS_UNAVAIL:
        out_complain(out, "nothing is known against %s of that time",
                     field_text(r->subject, "id"));
        return CTL_NO;
    case MS_INVALID:
        return EX_CONFIG;
    case MS_NOMEM:
    case MS_TIMEOUT:
    case MS_BUSY:
    case MS_VERSION:
        break;
    }
    out_complain(out, "no memory");
    return EX_OSERR;
}

/* ----- printing it */

/* TEXT line by line as it is, but for bytes that a terminal would obey. */
static void
print_lines(const struct out *out, const char *text)
{
    char *copy = strdup(text), *rest = copy, *line;

    while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
        char *shown;

        if (*line == '\0' && rest == NULL)
            break;
        shown = display_escape(line, out->utf8);
        (void)fprintf(out->file, "%s\n", shown != NULL ? shown : "");
        free(shown);
    }
    free(copy);
}

/* The address in KEY, of a network its first; "" it is none. */
static const char *
source_ip(const struct reporting *r, char buf[PREFIX_TEXT])
{
    struct prefix p;

    buf[0] = '\0';
    if (strcmp(field_text(r->subject, "kind"), "client") != 0 ||
        prefix_parse(field_text(r->subject, "key"), &p, NULL) != MS_OK)
        return NULL;
    p.len = p.family == 4 ? 32 : 128;
    return prefix_print(p, buf);
}

static const char *
domain_of(const struct reporting *r)
{
    const char *key = field_text(r->subject, "key");
    const char *at = strrchr(key, '@');

    if (strcmp(field_text(r->subject, "kind"), "domain") == 0)
        return key;
    return at != NULL ? at + 1 : NULL;
}

/* The host that the newest message was seen by. */
static const char *
host_of(const struct reporting *r)
{
    const json_t *lists[] = {field_at(r->changes, "changes"),
                             field_at(r->decisions, "decisions"),
                             field_at(r->reports, "reports")};

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (json_array_size(lists[i]) > 0)
            return field_text(json_array_get(lists[i], 0), "host");
    return NULL;
}

static int
print_mail(const struct reporting *r)
{
    const char *from = call_option(r->call, "from");
    char ip[PREFIX_TEXT], *text = NULL;
    struct why why = {""};
    struct abuse_mail mail = {
        .from = from != NULL        ? from
                : r->config != NULL ? r->config->notice.from
                                    : NULL,
        .to = call_option(r->call, "to"),
        .subject = r->letter.subject,
        .body = r->letter.body,
        .source_ip = source_ip(r, ip),
        .domain = domain_of(r),
        .host = host_of(r),
        .now_s = when_now(),
        .arrival_s = r->letter.newest_s,
        .incidents = r->letter.incidents,
        .ids = (const char(*)[64])r->letter.ids,
        .n_ids = r->letter.n_ids,
    };
    enum ms_err err;

    if (mail.from == NULL)
        return call_usage(r->call, "--arf wants --from, or `notice { from }' "
                                   "in the configuration");
    err = abuse_mail_write(&mail, &text, &why);
    if (err == MS_OK)
        (void)fputs(text, r->call->out->file);
    else
        out_complain(r->call->out, "%s",
                     err == MS_NOMEM ? "no memory" : why.text);
    free(text);
    return err == MS_OK ? CTL_OK : err == MS_NOMEM ? EX_OSERR : EX_USAGE;
}

static void
print_json(const struct reporting *r)
{
    json_t *ids = json_array(), *all;

    for (size_t i = 0; i < r->letter.n_ids; i++)
        (void)json_array_append_new(ids, json_string(r->letter.ids[i]));
    all = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "about",
                    field_text(r->subject, "id"), "language", r->abuse.language,
                    "subject", r->letter.subject, "text", r->letter.body,
                    "reference", r->reference, "incidents",
                    (int)r->letter.incidents, "ids", ids);
    if (all != NULL)
        out_json(r->call->out, all);
    json_decref(all);
}

static int
print(const struct reporting *r)
{
    const struct out *out = r->call->out;

    if (call_given(r->call, "arf"))
        return print_mail(r);
    if (out->format == OUT_JSON) {
        print_json(r);
        return CTL_OK;
    }
    (void)fprintf(out->file, "Subject: ");
    print_lines(out, r->letter.subject);
    (void)fputc('\n', out->file);
    print_lines(out, r->letter.body);
    return CTL_OK;
}

/* ----- the command */

static int
report(struct reporting *r)
{
    int code = configuration(r);

    if (code == CTL_OK)
        code = ask_all(r);
    if (code == CTL_OK)
        code = write_letter(r);
    return code == CTL_OK ? print(r) : code;
}

int
cmd_report(const struct call *call)
{
    struct reporting r = {.call = call};
    int code;

    if (!call_given(call, "arf") &&
        (call_given(call, "from") || call_given(call, "to")))
        return call_usage(call, "--from and --to are for --arf");
    code = report(&r);
    json_decref(r.subject);
    json_decref(r.changes);
    json_decref(r.reports);
    json_decref(r.decisions);
    arena_destroy(r.arena);
    config_destroy(r.config);
    return code;
}
