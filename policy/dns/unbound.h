/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/unbound.h - a context of libunbound's as the resolver needs it:
 * with a thread, servers to ask, caches with an end, and no opinions of its own
 * about names.
 */
#ifndef MORTSAFE_POLICY_DNS_UNBOUND_H
#define MORTSAFE_POLICY_DNS_UNBOUND_H

#include "policy/err.h"

struct resolvconf;
struct ub_ctx;

struct unbound_options {
    const struct resolvconf *servers;
    const char *trust_anchor; /* a file; NULL: no DNSSEC */
    unsigned in_flight;       /* questions at one time */
};

/*
 * Make it in *OUT, which ub_ctx_delete() ends; no thread yet.  MS_INVALID: a
 * server or the trust anchor cannot be used (WHY says which); MS_NOMEM;
 * MS_UNAVAIL.
 */
enum ms_err unbound_open(const struct unbound_options *options,
                         struct ub_ctx **out, struct why *why);

#endif
