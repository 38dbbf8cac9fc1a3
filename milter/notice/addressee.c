/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/addressee.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "milter/notice/letter.h"
#include "policy/domains.h"
#include "policy/prefix.h"

/* ----- languages */

const char *
addressee_language(const struct config *config)
{
    return config->notice.n_languages > 0 ? config->notice.languages[0] : "en";
}

bool
addressee_speaks(const struct config *config, const char *language)
{
    for (size_t i = 0; i < config->notice.n_languages; i++)
        if (strcmp(config->notice.languages[i], language) == 0)
            return true;
    return strcmp(language, addressee_language(config)) == 0;
}

/* ----- the table */

/* ADDRESS, in LANGUAGE or the one for all. */
static void
set(const struct config *config, const char *address, const char *language,
    struct addressee *out)
{
    (void)snprintf(out->address, sizeof(out->address), "%s", address);
    (void)snprintf(out->language, sizeof(out->language), "%s",
                   language[0] != '\0' && addressee_speaks(config, language)
                       ? language
                       : addressee_language(config));
}

static const char *
find_user(const struct table *table, const char *login)
{
    const char *at = strrchr(login, '@');
    const char *value = table_get(table, login);
    char name[SUBJECT_PART_MAX + 1];

    if (value != NULL || at == NULL || at == login)
        return value;
    (void)snprintf(name, sizeof(name), "%.*s", (int)(at - login), login);
    value = table_get(table, name);
    return value != NULL ? value : table_get(table, at);
}

/* The address, then what is around it. */
static const char *
find_network(const struct table *table, const char *text)
{
    struct prefix p;
    char printed[PREFIX_TEXT];
    const char *value = table_get(table, text);

    if (prefix_parse(text, &p, NULL) != MS_OK)
        return value;
    for (unsigned len = p.len; value == NULL && len > 0; len--)
        value =
            table_get(table, prefix_print(prefix_cut(p, len, len), printed));
    return value;
}

static const char *
find_part(const struct config *config, enum subject_kind kind, const char *text)
{
    const struct table *table = config->notice.contacts;

    if (table == NULL)
        return NULL;
    switch (kind) {
    case SUBJECT_USER:
        return find_user(table, text);
    case SUBJECT_CLIENT:
    case SUBJECT_PREFIX:
        return find_network(table, text);
    case SUBJECT_NETWORK:
        return table_get(table, text);
    case SUBJECT_SENDER: /* whoever writes it: not theirs */
    case SUBJECT_DOMAIN:
    case SUBJECT_PAIR:
    case SUBJECT_KINDS:
        break;
    }
    return NULL;
}

/* ----- whose mailbox */

/* The name before "@", and before a "+" in it, of ADDRESS: its length. */
static size_t
box_length(const char *address)
{
    return strcspn(address, "@+");
}

/* Is ADDRESS the mailbox that the account LOGIN reads? */
static bool
is_own(const struct config *config, const char *login, const char *address)
{
    const char *domain = strrchr(address, '@') + 1;
    const char *at = strrchr(login, '@');
    size_t len = box_length(address);
    struct address parsed;

    if (len != box_length(login) || strncasecmp(address, login, len) != 0)
        return false;
    if (at != NULL)
        return strcasecmp(at + 1, domain) == 0;
    address_parse(address, &parsed);
    return config->domains != NULL &&
           domains_has(config->domains, parsed.domain);
}

static bool
is_ours(const struct config *config, const char *address)
{
    struct mailbox from;

    return letter_mailbox(config->notice.from, &from, NULL) == MS_OK &&
           strcasecmp(from.address, address) == 0;
}

/* What the table or the login says. */
static enum ms_err
find(const struct config *config, const char *value, const char *login,
     struct addressee *out, struct why *why)
{
    struct contact contact;
    enum ms_err err;

    if (value == NULL && login != NULL && contact_is_address(login)) {
        set(config, login, "", out);
        out->apart = false;
        return MS_OK;
    }
    if (value == NULL)
        return why_set(why, MS_INVALID, "no address is known");
    err = contact_parse(value, &contact, why);
    if (err != MS_OK)
        return err;
    set(config, contact.address, contact.language, out);
    out->apart = login == NULL || !is_own(config, login, contact.address);
    return MS_OK;
}

enum ms_err
addressee_owner(const struct config *config, const struct subject *subject,
                struct addressee *out, struct why *why)
{
    char text[SUBJECT_PART_MAX + 1];
    const char *value = NULL, *login = NULL;
    struct addressee found;
    enum subject_kind kind;
    enum ms_err err;

    for (size_t i = 0; value == NULL && subject_part(subject, i, &kind, text);
         i++) {
        value = find_part(config, kind, text);
        login = kind == SUBJECT_USER ? text : NULL;
    }
    err = find(config, value, login, &found, why);
    if (err == MS_OK && is_ours(config, found.address))
        err = why_set(why, MS_INVALID, "letters come from that address");
    if (err == MS_OK)
        *out = found;
    return err;
}

enum ms_err
addressee_postmaster(const struct config *config, struct addressee *out,
                     struct why *why)
{
    struct mailbox box;
    enum ms_err err = letter_mailbox(config->notice.postmaster != NULL
                                         ? config->notice.postmaster
                                         : config->notice.from,
                                     &box, why);

    if (err != MS_OK)
        return err;
    set(config, box.address, "", out);
    out->apart = true;
    return MS_OK;
}
