/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/unbound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unbound.h>

#include "policy/dns/resolvconf.h"
#include "policy/textfile.h"

static enum ms_err
set_failed(struct why *why, const char *what, int err)
{
    return why_set(why, err == UB_NOMEM ? MS_NOMEM : MS_UNAVAIL,
                   "libunbound: %s: %s", what, ub_strerror(err));
}

static enum ms_err
set_options(struct ub_ctx *ub, unsigned in_flight, struct why *why)
{
    char most[16];
    const struct {
        const char *name, *value;
    } options[] = {
        /* a resolver on this host is the best there is */
        {"do-not-query-localhost:", "no"},
        /* what it says about private addresses, lists of them too, counts */
        {"unblock-lan-zones:", "yes"},
        {"insecure-lan-zones:", "yes"},
        {"msg-cache-size:", "4m"},
        {"rrset-cache-size:", "8m"},
        {"key-cache-size:", "1m"},
        {"neg-cache-size:", "1m"},
        /* what it learns of a server that hangs it would hold against it for a
           quarter of an hour, though it may be the only one there is */
        {"infra-host-ttl:", "10"},
        {"outgoing-range:", most},
        {"num-queries-per-thread:", most},
        {"outgoing-num-tcp:", "16"},
        {"use-syslog:", "no"},
    };

    (void)snprintf(most, sizeof(most), "%u", in_flight);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        int err = ub_ctx_set_option(ub, options[i].name, options[i].value);

        if (err != 0)
            return set_failed(why, options[i].name, err);
    }
    return MS_OK;
}

static enum ms_err
set_servers(struct ub_ctx *ub, const struct resolvconf *servers,
            struct why *why)
{
    for (size_t i = 0; i < servers->n; i++) {
        int err = ub_ctx_set_fwd(ub, servers->server[i]);

        if (err == UB_NOMEM)
            return set_failed(why, servers->server[i], err);
        if (err != 0)
            return why_set(why, MS_INVALID, "`%s` is no address of a resolver",
                           servers->server[i]);
    }
    return MS_OK;
}

/* libunbound's own words about a file go to its log, so look at it first. */
static enum ms_err
set_anchor(struct ub_ctx *ub, const char *path, struct why *why)
{
    struct why what = {""};
    char *text = NULL;
    size_t length;
    enum ms_err err = textfile_read(path, &text, &length, NULL, &what);
    int failed;

    if (err == MS_NOMEM)
        return err;
    if (err != MS_OK)
        return why_set(why, MS_INVALID, "trust anchor %s: %s", path, what.text);
    if (strstr(text, "DS") == NULL && strstr(text, "DNSKEY") == NULL)
        err = why_set(why, MS_INVALID,
                      "trust anchor %s: neither a DS nor a DNSKEY record in it",
                      path);
    free(text);
    if (err != MS_OK)
        return err;
    failed = ub_ctx_add_ta_file(ub, path);
    return failed != 0 ? set_failed(why, path, failed) : MS_OK;
}

/* Names that libunbound would answer itself; the servers know better.  Behind
 * the first of these calls nothing can be set any more: what is wrong with a
 * trust anchor shows here. */
static enum ms_err
finish_settings(struct ub_ctx *ub, const char *anchor, struct why *why)
{
    static const char *const zones[] = {"test.", "invalid.", "home.arpa."};

    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        int err = ub_ctx_zone_remove(ub, zones[i]);

        if (err == UB_INITFAIL && anchor != NULL)
            return why_set(why, MS_INVALID,
                           "trust anchor %s: its records cannot be read",
                           anchor);
        if (err != 0)
            return set_failed(why, zones[i], err);
    }
    return MS_OK;
}

static enum ms_err
configure(struct ub_ctx *ub, const struct unbound_options *options,
          struct why *why)
{
    enum ms_err err;

    (void)ub_ctx_debugout(ub, NULL);
    (void)ub_ctx_async(ub, 1);
    err = set_options(ub, options->in_flight, why);
    if (err == MS_OK)
        err = set_servers(ub, options->servers, why);
    if (err == MS_OK && options->trust_anchor != NULL)
        err = set_anchor(ub, options->trust_anchor, why);
    if (err == MS_OK)
        err = finish_settings(ub, options->trust_anchor, why);
    return err;
}

enum ms_err
unbound_open(const struct unbound_options *options, struct ub_ctx **out,
             struct why *why)
{
    struct ub_ctx *ub = ub_ctx_create();
    enum ms_err err;

    if (ub == NULL)
        return MS_NOMEM;
    err = configure(ub, options, why);
    if (err == MS_OK)
        *out = ub;
    else
        ub_ctx_delete(ub);
    return err;
}
