/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config_list.c - readers of lists: senders, logins, domains, ports. */
#include <config.h>

#include <string.h>

#include "policy/address.h"
#include "policy/config_build.h"
#include "policy/contact.h"

enum { HEADER_MAX = 64 };

static bool
canonical_mailbox(const char *text, char out[ADDRESS_TEXT])
{
    struct address address;

    address_parse(text, &address);
    if (address.form != ADDRESS_DOMAIN && address.form != ADDRESS_LITERAL)
        return false;
    address_canonical(&address, out);
    return true;
}

/* "user@domain", "domain", ".domain". */
static bool
canonical_pattern(const char *text, char out[ADDRESS_TEXT])
{
    const bool dot = text[0] == '.';

    if (strchr(text, '@') != NULL)
        return canonical_mailbox(text, out);
    out[0] = '.';
    return address_domain(text + dot, out + dot);
}

static bool
canonical_name(const char *text, char out[ADDRESS_TEXT])
{
    return address_domain(text, out);
}

static bool
canonical_word(const char *text, char out[ADDRESS_TEXT])
{
    if (*text == '\0' || strlen(text) >= ADDRESS_TEXT)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

/* RFC 5322 section 3.6.8. */
static bool
canonical_header(const char *text, char out[ADDRESS_TEXT])
{
    const char *p;

    for (p = text; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~' || *p == ':')
            return false;
    return strlen(text) <= HEADER_MAX && canonical_word(text, out);
}

static bool
canonical(const struct reading *r, size_t i, char out[ADDRESS_TEXT])
{
    const struct config *config = r->build->config;
    const char *text = reading_term(r, i);

    switch ((int)r->setting->option->type) {
    case OPTION_SENDERS:
        return canonical_pattern(text, out);
    case OPTION_MAILBOXES:
        return canonical_mailbox(text, out);
    case OPTION_HEADERS:
        return canonical_header(text, out);
    case OPTION_LANGUAGES:
        return contact_language(text, out);
    case OPTION_NAMES:
        return canonical_name(text, out);
    case OPTION_LOGINS:
        return *text != '\0' &&
               address_login(text, config->users_fold,
                             config->users_default_domain, out);
    default:
        return canonical_word(text, out);
    }
}

enum ms_err
config_list_strings(const struct reading *r)
{
    const size_t n = r->setting->n_terms;
    char **list = arena_array(r->build->arena, n, sizeof *list);
    char text[ADDRESS_TEXT];
    size_t i, good = 0;

    if (list == NULL)
        return MS_NOMEM;
    for (i = 0; i < n; i++) {
        if (!canonical(r, i, text)) {
            reading_error(r, i, "`%s` cannot stand in a %s", reading_term(r, i),
                          option_type_name(r->setting->option->type));
            continue;
        }
        list[good] = arena_dup(r->build->arena, text, strlen(text));
        if (list[good++] == NULL)
            return MS_NOMEM;
    }
    memcpy(reading_at(r), &list, sizeof list);
    memcpy(reading_count_at(r), &good, sizeof good);
    return MS_OK;
}

enum ms_err
config_list_ports(const struct reading *r)
{
    const size_t n = r->setting->n_terms;
    uint16_t *ports = arena_array(r->build->arena, n, sizeof *ports);
    size_t i, good = 0;

    if (ports == NULL)
        return MS_NOMEM;
    for (i = 0; i < n; i++) {
        const char *p = reading_term(r, i);
        uint64_t port;

        if (reading_digits(&p, 10, &port) && *p == '\0' && port >= 1 &&
            port <= 65535)
            ports[good++] = (uint16_t)port;
        else
            reading_error(r, i, "`%s` is no port from 1 to 65535",
                          reading_term(r, i));
    }
    memcpy(reading_at(r), &ports, sizeof ports);
    memcpy(reading_count_at(r), &good, sizeof good);
    return MS_OK;
}
