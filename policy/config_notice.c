/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_notice.c - whom letters and webhooks go to, and what these must
 * be together.
 */
#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "policy/address.h"
#include "policy/config_build.h"
#include "policy/contact.h"
#include "policy/prefix.h"
#include "policy/rate.h"

/* ----- contacts */

/* Is KEY meant to be a prefix?  A login can have a stroke in it, too. */
static bool
looks_like_prefix(const char *key)
{
    return strchr(key, '/') != NULL && strpbrk(key, ".:") != NULL &&
           key[strspn(key, "0123456789abcdef.:/")] == '\0';
}

/* An address or a prefix is found only as it would be printed. */
static enum ms_err
check_key(const char *key, struct why *why)
{
    char printed[PREFIX_TEXT];
    struct prefix prefix;

    if (prefix_parse(key, &prefix, NULL) != MS_OK)
        return looks_like_prefix(key)
                   ? why_set(why, MS_INVALID, "`%.80s` is no prefix", key)
                   : MS_OK;
    if (strcmp(prefix_print(prefix, printed), key) != 0)
        return why_set(why, MS_INVALID, "`%.80s` must be written `%s`", key,
                       printed);
    return MS_OK;
}

enum ms_err
config_notice_contact(const struct reading *r, const struct table_entry *entry,
                      struct why *why)
{
    const struct config *config = r->build->config;
    struct contact contact;
    enum ms_err err = check_key(entry->key, why);
    size_t i;

    if (err == MS_OK)
        err = contact_parse(entry->value, &contact, why);
    if (err != MS_OK || contact.language[0] == '\0')
        return err;
    for (i = 0; i < config->notice.n_languages; i++)
        if (strcmp(config->notice.languages[i], contact.language) == 0)
            return MS_OK;
    return why_set(why, MS_INVALID,
                   "the language `%s` is not written in `language`",
                   contact.language);
}

enum ms_err
config_notice_rate(const struct reading *r)
{
    struct rates rates = {.n = 1};
    struct why why;

    if (rate_parse(reading_term(r, 0), RATE_EVENTS, &rates.rate[0], &why) !=
        MS_OK)
        reading_error(r, 0, "%s", why.text);
    else if (rates.rate[0].n == 0 || rates.rate[0].span_s == 0)
        reading_error(r, 0, "`%s` is no rate such as 1/6h", reading_term(r, 0));
    else
        memcpy(reading_at(r), &rates, sizeof rates);
    return MS_OK;
}

/* ----- webhook */

/* The host of a URL, without brackets; *END is behind it.  False if it has
 * none that can be one. */
static bool
read_host(const char *text, char host[URL_HOST], const char **end)
{
    const bool literal = *text == '[';
    struct in6_addr any;
    size_t len;

    text += literal;
    len = strspn(text, literal ? "0123456789abcdefABCDEF:."
                               : "0123456789abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-");
    if (len == 0 || len >= URL_HOST)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    *end = text + len + literal;
    return !literal || (text[len] == ']' && inet_pton(AF_INET6, host, &any));
}

bool
config_notice_host(const char *url, char host[URL_HOST])
{
    static const char *const schemes[] = {"https://", "http://"};
    const char *end = NULL, *p;
    uint64_t port = 1;
    size_t i;

    for (i = 0; i < sizeof schemes / sizeof *schemes && end == NULL; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0 &&
            !read_host(url + strlen(schemes[i]), host, &end))
            return false;
    if (end == NULL)
        return false;
    if (*end == ':') {
        end++;
        if (!reading_digits(&end, 10, &port))
            return false;
    }
    for (p = end; *p > ' ' && *p <= '~' && *p != '#'; p++)
        ;
    return port >= 1 && port <= 65535 && *p == '\0' &&
           (*end == '\0' || *end == '/' || *end == '?');
}

enum ms_err
config_notice_url(const struct reading *r)
{
    const char *url = reading_term(r, 0);
    char host[URL_HOST];

    /* it may hold a secret, which is not repeated */
    if (strlen(url) > r->setting->option->most)
        reading_error(r, 0, "longer than %u bytes",
                      (unsigned)r->setting->option->most);
    else if (!config_notice_host(url, host))
        reading_error(r, 0,
                      "not a URL such as https://hooks.example.org/mortsafe, "
                      "without a user, a password or a #");
    memcpy(reading_at(r), &url, sizeof url);
    return MS_OK;
}

/* ----- together */

void
config_notice_check(const struct build *b, const struct config_block *block)
{
    const struct config_setting *smtp = config_text_setting(block, "smtp");

    if (smtp->terms[0].text[0] == '\0')
        notes_error(b->notes, config_text_origin(block, "smtp"),
                    "smtp: the port to which letters go is missing");
    if (config_is_written(block, "webhook_key_file") &&
        !config_is_written(block, "webhook"))
        notes_error(b->notes, config_text_origin(block, "webhook_key_file"),
                    "webhook_key_file: it signs what goes to `webhook`, which "
                    "is not written");
}

void
config_verdict_check(const struct build *b, const struct config_block *block)
{
    static const char *const needing[] = {"spam", "from"};
    const struct config_setting *header = config_text_setting(block, "header");
    size_t i;

    if (header != NULL && header->n_terms > VERDICT_HEADERS)
        notes_error(b->notes, config_text_place(block, header, VERDICT_HEADERS),
                    "header: more than %d header fields", VERDICT_HEADERS);
    if (header != NULL)
        return;
    for (i = 0; i < sizeof needing / sizeof *needing; i++)
        if (config_is_written(block, needing[i]))
            notes_error(b->notes, config_text_origin(block, needing[i]),
                        "%s: without `header` no header field is looked at",
                        needing[i]);
}
