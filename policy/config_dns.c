/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_dns.c - what is asked of the DNS: whom, which lists, and what
 * must and should be said together.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policy/address.h"
#include "policy/config_build.h"

enum {
    /* 32 nibbles with their dots stand in front of a list's zone, and 253
     * octets are a name (RFC 1035 section 3.1). */
    ZONE_MOST = 253 - 64
};

/* ----- options */

/* TEXT, that READ has turned into something else, as item *N of LIST. */
static enum ms_err
add_text(const struct reading *r, char **list, size_t *n, const char *text)
{
    list[*n] = arena_dup(r->build->arena, text, strlen(text));
    return list[(*n)++] == NULL ? MS_NOMEM : MS_OK;
}

/* Term by term by CANONICAL, which says what is wrong; then the list. */
static enum ms_err
read_texts(const struct reading *r,
           bool (*canonical)(const struct reading *r, size_t i,
                             char out[ADDRESS_TEXT]))
{
    const size_t n = r->setting->n_terms;
    char **list = arena_array(r->build->arena, n, sizeof *list);
    char text[ADDRESS_TEXT];
    size_t i, good = 0;

    if (list == NULL)
        return MS_NOMEM;
    for (i = 0; i < n; i++)
        if (canonical(r, i, text) && add_text(r, list, &good, text) != MS_OK)
            return MS_NOMEM;
    memcpy(reading_at(r), &list, sizeof list);
    memcpy(reading_count_at(r), &good, sizeof good);
    return MS_OK;
}

/* One host, and no network. */
static bool
is_host(const char *text, struct prefix *out)
{
    return prefix_parse(text, out, NULL) == MS_OK &&
           out->len == (out->family == 4 ? 32 : 128);
}

/* "192.0.2.53" or "192.0.2.53@5353". */
static bool
canonical_server(const struct reading *r, size_t i, char out[ADDRESS_TEXT])
{
    const char *term = reading_term(r, i), *at = strchr(term, '@');
    const size_t len = at == NULL ? strlen(term) : (size_t)(at - term);
    char host[PREFIX_TEXT], printed[PREFIX_TEXT];
    struct prefix prefix;
    uint64_t port = 53;

    if (at != NULL)
        at++;
    if (len < sizeof host) {
        memcpy(host, term, len);
        host[len] = '\0';
        if (is_host(host, &prefix) &&
            (at == NULL || (reading_digits(&at, 10, &port) && *at == '\0' &&
                            port >= 1 && port <= 65535))) {
            snprintf(out, ADDRESS_TEXT, "%s@%" PRIu64,
                     prefix_print(prefix, printed), port);
            return true;
        }
    }
    reading_error(r, i,
                  "`%s` is no address of a resolver such as 192.0.2.53 or "
                  "192.0.2.53@5353",
                  term);
    return false;
}

enum ms_err
config_dns_servers(const struct reading *r)
{
    if (r->setting->n_terms > RESOLVER_SERVERS)
        reading_error(r, RESOLVER_SERVERS, "more than %d resolvers",
                      RESOLVER_SERVERS);
    return read_texts(r, canonical_server);
}

/* A name or an address. */
static bool
canonical_own_host(const struct reading *r, size_t i, char out[ADDRESS_TEXT])
{
    const char *term = reading_term(r, i);
    struct prefix prefix;
    char text[PREFIX_TEXT];

    if (is_host(term, &prefix)) {
        snprintf(out, ADDRESS_TEXT, "%s", prefix_print(prefix, text));
        return true;
    }
    /* an address that is none is no name either */
    if (strspn(term, "0123456789.:/") != strlen(term) &&
        address_domain(term, out))
        return true;
    reading_error(r, i, "`%s` is neither a name nor an address of a server",
                  term);
    return false;
}

enum ms_err
config_dns_hosts(const struct reading *r)
{
    return read_texts(r, canonical_own_host);
}

enum ms_err
config_dns_headers(const struct reading *r)
{
    unsigned value, all = 0;
    bool results, received;
    size_t i;

    for (i = 0; i < r->setting->n_terms; i++) {
        if (!config_value_word(r, i, &value))
            continue;
        if (value == 0 && r->setting->n_terms > 1)
            reading_error(r, i, "`%s` can only stand alone",
                          reading_term(r, i));
        all |= value;
    }
    results = (all & SPF_HEADER_RESULTS) != 0;
    received = (all & SPF_HEADER_RECEIVED) != 0;
    memcpy(reading_at(r), &results, sizeof results);
    memcpy(reading_count_at(r), &received, sizeof received);
    return MS_OK;
}

enum ms_err
config_dns_zone(const struct reading *r)
{
    char zone[ADDRESS_DOMAIN_MAX + 1];
    const char *copy;

    if (!address_domain(reading_term(r, 0), zone)) {
        reading_error(r, 0, "`%s` is no domain name", reading_term(r, 0));
        return MS_OK;
    }
    if (strlen(zone) > ZONE_MOST)
        reading_error(r, 0, "longer than %d bytes: no address fits before it",
                      ZONE_MOST);
    copy = arena_dup(r->build->arena, zone, strlen(zone));
    if (copy == NULL)
        return MS_NOMEM;
    memcpy(reading_at(r), &copy, sizeof copy);
    return MS_OK;
}

enum ms_err
config_dns_masks(const struct reading *r)
{
    struct listmask masks[DNSBL_MASKS] = {0};
    size_t i, good = 0;

    if (r->setting->n_terms > DNSBL_MASKS)
        reading_error(r, DNSBL_MASKS, "more than %d answers", DNSBL_MASKS);
    for (i = 0; i < r->setting->n_terms && i < DNSBL_MASKS; i++) {
        if (listmask_parse(reading_term(r, i), &masks[good]))
            good++;
        else
            reading_error(r, i,
                          "`%s` is no answer such as 127.0.0.2, 127.0.0.2-11 "
                          "or 127.0.0.&12",
                          reading_term(r, i));
    }
    memcpy(reading_at(r), masks, sizeof masks);
    memcpy(reading_count_at(r), &good, sizeof good);
    return MS_OK;
}

void
config_dns_introduce(const struct build *b)
{
    const struct config_block *block = config_text_find(b->text, BLOCK_SPF, "");

    b->config->spf.written = block != NULL;
    if (block != NULL)
        b->config->spf.origin = block->origin;
}

/* ----- errors */

/* One answer that means two things at once would never be told from an error.
 */
static void
check_masks(const struct build *b, const struct config_block *block)
{
    const struct config_setting *match = config_text_setting(block, "match");
    const struct dnsbl *list = block->object;
    size_t i;

    /* one that could not be read has been noted, and moved the others */
    for (i = 0; i < list->n_match && match->n_terms == list->n_match; i++) {
        const struct listmask *mask = &list->match[i];
        const uint8_t first[4] = {mask->net[0], mask->net[1], mask->net[2],
                                  mask->first};

        if (!mask->bits && listmask_is_error(first))
            notes_error(b->notes, config_text_place(block, match, i),
                        "match: by `%s` lists tell of an error, not of a "
                        "listing",
                        match->terms[i].text);
    }
}

static void
check_list(const struct build *b, const struct config_block *block)
{
    const struct dnsbl *list = block->object;

    if (list->index == DNSBL_LISTS)
        notes_error(b->notes, block->origin, "more than %d blocks `dnsbl`",
                    DNSBL_LISTS);
    if (!list->ipv4 && !list->ipv6)
        notes_error(b->notes, block->origin,
                    "`dnsbl %s` lists neither IPv4 nor IPv6 addresses",
                    list->name);
    check_masks(b, block);
}

/* The resolver would not start without it. */
static void
check_anchor(const struct build *b, const struct config_block *block)
{
    const char *path = b->config->resolver.trust_anchor;
    struct why why;

    if (path == NULL || access(path, R_OK) == 0)
        return;
    (void)why_errno(&why, MS_INVALID, path);
    notes_error(b->notes, config_text_origin(block, "trust_anchor"),
                "trust_anchor: %s", why.text);
}

void
config_dns_check(const struct build *b, const struct config_block *block)
{
    if (block->kind == BLOCK_DNSBL)
        check_list(b, block);
    else if (block->kind == BLOCK_RESOLVER)
        check_anchor(b, block);
}

/* ----- warnings */

/* Is there somebody whose forwarded mail passes, or are there words of the
 * operator's for who meets this? */
static bool
thinks_of_forwarders(const struct config *config)
{
    size_t i;

    for (i = 0; i < config->n_exempts; i++)
        if (config->exempts[i]->skip_spf)
            return true;
    return config_reply(config, "spf.fail") != NULL;
}

/* Where nobody is a stranger nobody is looked up. */
static void
warn_listeners(const struct build *b, const struct config_block *block,
               uint64_t on, const char *what)
{
    size_t i;

    if (!config_refer_has_listener(b->config, on)) {
        notes_warning(b->notes, config_text_origin(block, "on"),
                      "on: %s is asked on no listener", what);
        return;
    }
    for (i = 0; i < b->config->n_listeners && i < 64; i++)
        if ((on >> i & 1) != 0 &&
            b->config->listeners[i]->auth != AUTH_REQUIRE &&
            b->config->listeners[i] != b->config->local)
            return;
    notes_warning(b->notes, config_text_origin(block, "on"),
                  "on: only strangers are looked up, and the listeners of %s "
                  "take logins alone",
                  what);
}

static bool
refuses(enum lookup_action action)
{
    return action == LOOKUP_DEFER || action == LOOKUP_REJECT;
}

static void
warn_spf(const struct build *b, const struct config_block *block)
{
    const struct config *config = b->config;

    warn_listeners(b, block, config->spf.on, "spf");
    if (config->spf.fail == LOOKUP_REJECT && !thinks_of_forwarders(config))
        notes_warning(b->notes, config_text_origin(block, "fail"),
                      "fail: forwarded mail fails too; write an `exempt` with "
                      "`skip = spf` for who forwards to you, or a `reply "
                      "spf.fail` that says what to do");
    if (config->spf.softfail == LOOKUP_REJECT)
        notes_warning(b->notes, config_text_origin(block, "softfail"),
                      "softfail: domains say this while they are not sure; "
                      "RFC 7208 asks that it alone refuses nothing");
    if (config->spf.none == LOOKUP_REJECT)
        notes_warning(b->notes, config_text_origin(block, "none"),
                      "none: many honest domains say nothing");
    if (refuses(config->spf.own_domain_fail) &&
        domains_count(config->domains) == 0)
        notes_warning(b->notes, config_text_origin(block, "own_domain_fail"),
                      "own_domain_fail: there are no `domains` that could be "
                      "forged");
    if (config->spf.authserv_id != NULL && !config->spf.write_results)
        notes_warning(b->notes, config_text_origin(block, "authserv_id"),
                      "authserv_id: `header` does not name "
                      "authentication-results, in which it stands");
}

static void
warn_list(const struct build *b, const struct config_block *block)
{
    const struct dnsbl *list = block->object;
    char what[96];

    snprintf(what, sizeof what, "dnsbl `%.64s`", list->name);
    warn_listeners(b, block, list->on, what);
    if (refuses(list->action) && list->n_match == 0)
        notes_warning(b->notes, config_text_origin(block, "action"),
                      "action: without `match` any answer of dnsbl `%s` "
                      "refuses mail, those about dynamic addresses included",
                      list->name);
}

/* Does BLOCK skip SPF and lists, and nothing else? */
static bool
skips_lookups_alone(const struct config_block *block)
{
    const struct config_setting *skip = config_text_setting(block, "skip");
    size_t i;

    for (i = 0; skip != NULL && i < skip->n_terms; i++)
        if (strncmp(skip->terms[i].text, "spf", 3) != 0 &&
            strncmp(skip->terms[i].text, "dnsbl", 5) != 0)
            return false;
    return skip != NULL && !config_is_written(block, "class");
}

void
config_dns_warn_exempt(const struct build *b, const struct config_block *block)
{
    if (!skips_lookups_alone(block))
        return;
    if (config_is_written(block, "user"))
        notes_warning(b->notes, config_text_origin(block, "user"),
                      "user: SPF and lists ask about strangers, who have no "
                      "login");
    if (config_is_written(block, "network"))
        notes_warning(b->notes, config_text_origin(block, "network"),
                      "network: nobody in a network is looked up; there is "
                      "nothing to skip");
}

void
config_dns_warn(const struct build *b, const struct config_block *block)
{
    if (block->kind == BLOCK_SPF)
        warn_spf(b, block);
    else
        warn_list(b, block);
}
