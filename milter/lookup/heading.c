/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/lookup/heading.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "policy/address.h"
#include "policy/prefix.h"

enum { WORD = 256 };

const char *
heading_name(enum heading_name name)
{
    switch (name) {
    case HEADING_RESULTS:
        return "Authentication-Results";
    case HEADING_RECEIVED:
        return "Received-SPF";
    case HEADING_LISTS:
    case HEADINGS:
        break;
    }
    return "X-Mortsafe-Lists";
}

/* ----- reading */

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 2045 section 5.1: what no token has. */
static bool
is_special(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7f ||
           strchr("()<>@,;:\\\"/[]?=", c) != NULL;
}

/* Behind the comment at AT; one that does not end goes to the end. */
static const char *
skip_comment(const char *at)
{
    unsigned depth = 0;

    do {
        if (*at == '\\' && at[1] != '\0')
            at++;
        else if (*at == '(')
            depth++;
        else if (*at == ')')
            depth--;
        at++;
    } while (depth > 0 && *at != '\0');
    return at;
}

/* Blanks, folds and comments (RFC 5322 section 3.2.2). */
static const char *
skip_cfws(const char *at)
{
    for (;;) {
        if (is_blank(*at))
            at++;
        else if (*at == '(')
            at = skip_comment(at);
        else
            return at;
    }
}

/* A token or a quoted string at AT (RFC 8601 section 2.2), without its quotes,
 * in OUT; behind it.  One that is too long is as good as another's. */
static const char *
read_value(const char *at, char out[WORD])
{
    bool quoted = *at == '"';
    size_t len = 0;

    at += quoted;
    while (*at != '\0' && (quoted ? *at != '"' : !is_special(*at))) {
        if (quoted && *at == '\\' && at[1] != '\0')
            at++;
        if (len < WORD - 1)
            out[len++] = *at;
        at++;
    }
    out[len] = '\0';
    return quoted && *at == '"' ? at + 1 : at;
}

/* The same name, by its letters and a last dot or none? */
static bool
same_name(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);

    n -= n > 0 && a[n - 1] == '.';
    m -= m > 0 && b[m - 1] == '.';
    return n == m && strncasecmp(a, b, n) == 0;
}

static bool
begins_with_id(const char *value, const char *id)
{
    char word[WORD];

    (void)read_value(skip_cfws(value), word);
    return same_name(word, id);
}

/* Is one of VALUE's keys (RFC 7208 section 9.1) `receiver', and says ID? */
static bool
has_receiver(const char *at, const char *id)
{
    char key[WORD], word[WORD];

    for (at = skip_cfws(at); *at != '\0'; at = skip_cfws(at)) {
        const char *end = skip_cfws(read_value(at, key));

        if (*end == '=') {
            end = read_value(skip_cfws(end + 1), word);
            if (strcasecmp(key, "receiver") == 0 && same_name(word, id))
                return true;
        }
        at = end > at ? end : at + 1;
    }
    return false;
}

static bool
is_forged(enum heading_name name, const char *value, const char *id)
{
    switch (name) {
    case HEADING_RESULTS:
        return id[0] != '\0' && begins_with_id(value, id);
    case HEADING_RECEIVED:
        return id[0] != '\0' && has_receiver(value, id);
    case HEADING_LISTS:
    case HEADINGS:
        break;
    }
    return true;
}

/* Blanks before the colon are no part of a name. */
static bool
is_named(const char *name, enum heading_name of)
{
    size_t len = strlen(name), wanted = strlen(heading_name(of));

    while (len > 0 && is_blank(name[len - 1]))
        len--;
    return len == wanted && strncasecmp(name, heading_name(of), len) == 0;
}

void
heading_read(struct heading *heading, const char *name, const char *value,
             const char *authserv_id)
{
    for (unsigned i = 0; i < HEADINGS; i++) {
        uint32_t *n = &heading->of[i].n, *forged = &heading->of[i].n_forged;

        if (!is_named(name, (enum heading_name)i))
            continue;
        if (*n < UINT32_MAX)
            ++*n;
        if (!is_forged((enum heading_name)i, value, authserv_id))
            continue;
        if (*forged < HEADING_FORGED)
            heading->of[i].forged[*forged] = *n;
        if (*forged < UINT32_MAX)
            ++*forged;
    }
}

/* ----- writing */

/* A value that grows, and is none once it did not fit. */
struct text {
    char *at;
    size_t len;
    bool whole;
};

static void
put_bytes(struct text *text, const char *bytes, size_t n)
{
    if (!text->whole || n >= HEADING_VALUE - text->len) {
        text->whole = false;
        return;
    }
    memcpy(text->at + text->len, bytes, n);
    text->len += n;
    text->at[text->len] = '\0';
}

static void
put(struct text *text, const char *words)
{
    put_bytes(text, words, strlen(words));
}

/* WORDS between marks of which each inside gets a backslash; bytes that are not
 * printable come as a question mark. */
static void
put_between(struct text *text, const char *marks, const char *words)
{
    put_bytes(text, marks, 1);
    for (; *words != '\0'; words++) {
        char c = *words >= ' ' && *words <= '~' ? *words : '?';

        if (c == '\\' || c == marks[0] || c == marks[1])
            put(text, "\\");
        put_bytes(text, &c, 1);
    }
    put_bytes(text, marks + 1, 1);
}

static bool
is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~')
            return false;
    }
    return true;
}

/* A value: as it is if it is a token, else with quotes. */
static void
put_value(struct text *text, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (is_special(*c) || (unsigned char)*c > '~') {
            put_between(text, "\"\"", value);
            return;
        }
    }
    put(text, *value != '\0' ? value : "\"\"");
}

/* RFC 5322 section 3.2.3: atoms apart by dots. */
static bool
is_dot_atom(const char *local)
{
    size_t len = strlen(local);

    if (len == 0 || local[0] == '.' || local[len - 1] == '.' ||
        strstr(local, "..") != NULL)
        return false;
    for (; *local != '\0'; local++) {
        if (*local <= ' ' || *local > '~' ||
            strchr("()<>[]:;@\\,\"", *local) != NULL)
            return false;
    }
    return true;
}

/* Who the message is from, as SPF takes it: without one it is the postmaster of
 * the HELO name. */
struct sender {
    const char *local, *domain;
};

static struct sender
sender_of(const struct scene *scene, const char *helo)
{
    const struct address *address = &scene->sender_parsed;

    if (address->form != ADDRESS_DOMAIN)
        return (struct sender){"postmaster", helo};
    return (struct sender){address->local, address->domain};
}

/* What no name has comes as a question mark. */
static void
put_domain(struct text *text, const char *domain)
{
    for (; *domain != '\0'; domain++) {
        bool is = (*domain >= '0' && *domain <= '9') ||
                  (*domain >= 'A' && *domain <= 'Z') ||
                  (*domain >= 'a' && *domain <= 'z') ||
                  strchr("-._", *domain) != NULL;

        put_bytes(text, is ? domain : "?", 1);
    }
}

/* RFC 8601 section 2.2: [local-part] "@" domain-name.  A local part that could
 * not be shown as it is is left out. */
static void
put_sender(struct text *text, struct sender sender)
{
    if (is_dot_atom(sender.local)) {
        put(text, sender.local);
        put(text, "@");
    } else if (is_printable(sender.local)) {
        put_between(text, "\"\"", sender.local);
        put(text, "@");
    }
    put_domain(text, sender.domain);
}

static const char *
result_of(const struct spf_finding *found)
{
    return spf_result_name(found->state == LOOKUP_KNOWN ? found->result
                                                        : SPF_TEMPERROR);
}

static const char *
detail_of(const struct spf_finding *found)
{
    return found->state == LOOKUP_KNOWN ? found->detail : "not known in time";
}

static void
put_result(struct text *text, const struct spf_finding *found)
{
    put(text, ";\n\tspf=");
    put(text, result_of(found));
    if (detail_of(found)[0] == '\0')
        return;
    put(text, " ");
    put_between(text, "()", detail_of(found));
}

static void
write_results(struct text *text, const struct scene *scene,
              const struct lookups *lookups, const char *helo, const char *id)
{
    put_value(text, id);
    if (lookups->mail_from.state != LOOKUP_UNASKED) {
        put_result(text, &lookups->mail_from);
        put(text, "\n\tsmtp.mailfrom=");
        put_sender(text, sender_of(scene, helo));
    }
    if (lookups->helo.state != LOOKUP_UNASKED) {
        put_result(text, &lookups->helo);
        put(text, "\n\tsmtp.helo=");
        put_value(text, helo);
    }
}

/* Of the two, the one that the message is judged by. */
static const struct spf_finding *
judging(const struct lookups *lookups)
{
    return lookups->mail_from.state != LOOKUP_UNASKED ? &lookups->mail_from
                                                      : &lookups->helo;
}

static void
put_pair(struct text *text, const char *key, const char *value)
{
    put(text, ";\n\t");
    put(text, key);
    put(text, "=");
    put_between(text, "\"\"", value);
}

/* RFC 7208 section 9.1. */
static void
write_received(struct text *text, const struct scene *scene,
               const struct lookups *lookups, const char *helo, const char *id)
{
    const struct spf_finding *found = judging(lookups);
    char client[PREFIX_TEXT], sender[ADDRESS_TEXT] = "";

    put(text, result_of(found));
    put(text, " ");
    put_between(text, "()",
                detail_of(found)[0] != '\0' ? detail_of(found)
                                            : result_of(found));
    put(text, "\n\tclient-ip=");
    put_between(text, "\"\"", prefix_print(scene->client, client));
    if (scene->sender_parsed.form == ADDRESS_DOMAIN)
        (void)snprintf(sender, sizeof(sender), "%s@%s",
                       scene->sender_parsed.local, scene->sender_parsed.domain);
    put_pair(text, "envelope-from", sender);
    put_pair(text, "helo", helo);
    put_pair(text, "receiver", id);
    put_pair(text, "identity",
             found == &lookups->mail_from ? "mailfrom" : "helo");
}

static void
write_lists(struct text *text, const struct config *config,
            const struct lookups *lookups)
{
    for (size_t i = 0; i < config->n_dnsbls && i < LOOKUPS_LISTS; i++) {
        const struct list_finding *found = &lookups->list[i];
        char code[24];

        if (found->state != LOOKUP_KNOWN || !found->listed)
            continue;
        (void)snprintf(code, sizeof(code), " (%u.%u.%u.%u)", found->code[0],
                       found->code[1], found->code[2], found->code[3]);
        put(text, text->len > 0 ? ",\n\t" : "");
        put(text, config->dnsbls[i]->name);
        put(text, code);
    }
}

bool
heading_write(enum heading_name name, const struct config *config,
              const struct scene *scene, const struct lookups *lookups,
              const char *helo, const char *authserv_id,
              char out[HEADING_VALUE])
{
    bool asked = judging(lookups)->state != LOOKUP_UNASKED;
    bool named = authserv_id[0] != '\0';
    struct text text = {.at = out, .whole = true};

    out[0] = '\0';
    switch (name) {
    case HEADING_RESULTS:
        if (asked && named && config->spf.write_results)
            write_results(&text, scene, lookups, helo, authserv_id);
        break;
    case HEADING_RECEIVED:
        if (asked && named && config->spf.write_received)
            write_received(&text, scene, lookups, helo, authserv_id);
        break;
    case HEADING_LISTS:
    case HEADINGS:
        write_lists(&text, config, lookups);
        break;
    }
    return text.whole && text.len > 0;
}
