/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/lookup/lookup.h - the daemon's part of SPF and lists: who asks, who
 * waits and how long, and who is put off once.  All functions are thread-safe
 * unless they say otherwise.
 */
#ifndef MORTSAFE_MILTER_LOOKUP_LOOKUP_H
#define MORTSAFE_MILTER_LOOKUP_LOOKUP_H

#include <stdbool.h>
#include <sys/socket.h>

#include "policy/clock.h"
#include "policy/config.h"
#include "policy/dns/dnsbl.h"
#include "policy/dns/resolver.h"
#include "policy/dns/spf.h"
#include "policy/lookups.h"

struct journal;
struct lookup;
struct lookup_case;
struct why;

/*
 * What cannot be started (mortsafe-spf; the resolver, where the network is not
 * up yet) does not keep mail from being judged by all else: it is told in the
 * log, once, what it was to find out has failed, and lookup_beat() tries again.
 */
enum { LOOKUP_AGAIN_MS = 60000 };

/*
 * Make it in *OUT, and start mortsafe-spf if CONFIG has `spf`; before any
 * thread is.  MS_NOMEM (WHY).
 */
enum ms_err lookup_create(const struct config *config, struct journal *journal,
                          struct lookup **out, struct why *why);

/* Begin: after privileges are dropped, with the CONFIG of before.  What that
 * does not need is not started.  MS_INVALID (what it says about the resolver
 * cannot be), MS_NOMEM (WHY). */
enum ms_err lookup_run(struct lookup *lookup, const struct config *config,
                       struct why *why);

/* A reload: what CONFIG needs is started, if it can be (else told in the log);
 * what it does not need any more is no longer asked. */
void lookup_set(struct lookup *lookup, const struct config *config);

/* About once a second, by one thread: CONFIG is in force, NOW it is.  It may
 * wait for mortsafe-spf to come up. */
void lookup_beat(struct lookup *lookup, const struct config *config,
                 struct mono now);
void lookup_destroy(struct lookup *lookup); /* NULL is fine */

/*
 * A session's look-ups.  lookup_begin() asks what WANTED says, beside what has
 * been asked before in *CASE (made if it is NULL), and waits for nothing.  A
 * failure leaves what could not be asked as failed.
 */
struct lookup_ask {
    const struct config *config; /* a list's index is of this one; it must live
                                    until lookup_end() */
    const struct lookups_wanted *wanted;
    const struct sockaddr *client;
    const char *helo, *sender, *receiver; /* as struct spf_ask */
};
void lookup_begin(struct lookup *lookup, const struct lookup_ask *ask,
                  struct lookup_case **c);

/* What is known by now, in *OUT.  WAIT: if something is not, and few enough
 * others wait, wait for it, GATE_WAIT_MS at most. */
enum lookup_wait { LOOKUP_NOW, LOOKUP_WAIT };
void lookup_read(struct lookup_case *c, enum lookup_wait wait,
                 struct lookups *out);

/* The message has ended (its SPF is forgotten), or the session has (all is).
 * Never waits long.  NULL is fine. */
void lookup_next(struct lookup_case *c);
void lookup_end(struct lookup_case *c);

/* CLIENT is put off now for what was not yet known; for an hour it is not put
 * off for that again (struct lookups, put_off). */
void lookup_put_off(struct lookup *lookup, struct lookup_case *c);

struct lookup_counts {
    bool resolver, spf; /* run */
    struct resolver_counts dns;
    struct spf_counts evaluations;
    uint64_t waits, not_waited, waited_us; /* callbacks that waited, might not,
                                              and how long */
    uint64_t put_off;
};
/* Of LOOKUP; NULL has none.  At most N lists or servers go into OUT; how many
 * there are. */
void lookup_counts(struct lookup *lookup, struct lookup_counts *out);
size_t lookup_lists(struct lookup *lookup, struct dnsbl_state *out, size_t n);
enum { LOOKUP_SERVER = 64 };
size_t lookup_servers(struct lookup *lookup, char (*out)[LOOKUP_SERVER],
                      size_t n);

/* Is a list of such HEALTH asked? */
bool lookup_is_usable(enum dnsbl_health health);

#endif
