/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/traffic.h - what one subject sends over some weeks: customers of
 * eleven kinds, and nine ways of abusing them.  Where memory runs out the
 * program ends.
 */
#ifndef MORTSAFE_TEST_SIM_TRAFFIC_H
#define MORTSAFE_TEST_SIM_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/config.h"
#include "test/sim/rng.h"

enum {
    TRAFFIC_HOUR_S = 3600,
    TRAFFIC_DAY_S = 86400,
    TRAFFIC_BEGIN_S = 20000 * TRAFFIC_DAY_S /* a midnight */
};

enum mail_flag { MAIL_UNJUDGED, MAIL_CLEAN, MAIL_SPAM };

struct mail {
    int64_t at_s;
    size_t first; /* of its recipients' hashes in the traffic */
    uint32_t n, unknown;
    enum mail_flag flag;
    uint64_t network, sender, message_id; /* hashes; 0: none */
    bool attack;
};

struct traffic {
    struct mail *mail;
    size_t n, room;
    uint64_t *recipient;
    size_t n_recipients, recipients_room;
};

enum { TRAFFIC_KINDS = 11, TRAFFIC_ATTACKS = 9 };

struct traffic_kind {
    const char *name;
    unsigned subjects;        /* in the mix */
    enum network_class class; /* as an operator would declare it */
};
extern const struct traffic_kind traffic_kinds[TRAFFIC_KINDS];
extern const char *const traffic_attacks[TRAFFIC_ATTACKS];

void traffic_begin(struct traffic *t);
void traffic_end(struct traffic *t);

/* Append MAIL with its N recipients, ID by id. */
void traffic_add(struct traffic *t, const struct mail *mail,
                 const uint64_t *id);
/* By time; of one second, as they came. */
void traffic_sort(struct traffic *t);

/* DAYS of the subject ID of KIND. */
void traffic_customer(struct traffic *t, struct rng *rng, unsigned kind,
                      uint64_t id, int days);
/* ATTACK from AT_S on by whoever is subject ID; a filter flags the share
 * FLAGGED of it. */
void traffic_attack(struct traffic *t, struct rng *rng, unsigned attack,
                    uint64_t id, int64_t at_s, double flagged);

#endif
