/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/attacks.c - what is sent with a customer's computer or password.
 */
#include <config.h>

#include "test/sim/traffic.h"

enum { MOST = 90 };

struct plan {
    const char *name;
    double every_s, for_s;            /* on average; for so long */
    unsigned n;                       /* recipients of a message */
    double unknown;                   /* of them */
    unsigned networks, networks_from; /* that it comes from, from id + this */
    unsigned senders, senders_from;
};

static const struct plan plans[TRAFFIC_ATTACKS] = {
    /* the customer's own computer, thirty a minute */
    {"blast", 2, 3600, 1, 0.20, 1, 0, 1, 0},
    /* the same in twenty minutes, under stolen names */
    {"emotet", 6.95, 1160, 1, 0.20, 1, 0, 501, 100},
    /* a botnet that has the password */
    {"botlogin", 60, 6 * 3600.0, 5, 0.20, 341, 1000, 1, 0},
    /* ninety blind copies, twenty times */
    {"bcc", 90, 1800, 90, 0.20, 1, 999, 1, 0},
    /* addresses that were checked */
    {"cleanlist", 60, 12 * 3600.0, 1, 0.02, 1, 0, 1, 0},
    {"slow10", 360, 3 * 86400.0, 1, 0.15, 1, 0, 1, 0},
    {"slow2", 1800, 7 * 86400.0, 1, 0.15, 1, 0, 1, 0},
    /* one of sixty accounts, a few a day each */
    {"snow15", 5760, 7 * 86400.0, 1, 0.15, 21, 1000, 1, 0},
    /* the sixty seen as one: their network is the subject */
    {"snowagg", 96, 7 * 86400.0, 1, 0.15, 1, 0, 60, 0},
};

const char *const traffic_attacks[TRAFFIC_ATTACKS] = {
    "blast",  "emotet", "botlogin", "bcc",    "cleanlist",
    "slow10", "slow2",  "snow15",   "snowagg"};

void
traffic_attack(struct traffic *t, struct rng *rng, unsigned attack, uint64_t id,
               int64_t at_s, double flagged)
{
    const struct plan *p = &plans[attack];
    uint64_t base = id * 100000000, to[MOST];

    for (double s = 0; s < p->for_s; s += rng_exponential(rng, p->every_s)) {
        struct mail mail = {
            .at_s = at_s + (int64_t)s, .n = p->n, .attack = true};

        for (unsigned i = 0; i < p->n; i++) {
            to[i] = (UINT64_C(1) << 62) + rng_below(rng, UINT64_C(1) << 52);
            mail.unknown += rng_chance(rng, p->unknown) ? 1 : 0;
        }
        mail.flag = rng_chance(rng, flagged) ? MAIL_SPAM : MAIL_CLEAN;
        mail.network =
            rng_mix(base + p->networks_from + rng_below(rng, p->networks));
        mail.sender =
            rng_mix(base + p->senders_from + rng_below(rng, p->senders));
        traffic_add(t, &mail, to);
    }
    traffic_sort(t);
}
