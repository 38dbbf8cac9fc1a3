/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/answers.h - what the DNS has said of late, where it can be had
 * without a turn of other threads.  Bounded: a new answer takes the place of
 * the one in its row that was not wanted for the longest time.  It believes
 * what the resolver has believed, and forgets it no later.
 */
#ifndef MORTSAFE_POLICY_DNS_ANSWERS_H
#define MORTSAFE_POLICY_DNS_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/dns/resolver.h"
#include "policy/err.h"

struct answers;

enum {
    ANSWERS = 1024, /* at most, all names and types together */
    ANSWERS_SIZE =
        4096, /* octets of records in one; larger ones are not kept */
    ANSWERS_KEPT_S = 300, /* no longer, whatever its TTL; a no as a yes */
    ANSWERS_LEAST_S = 2   /* a TTL below this says that it is for now only */
};

/* Where one is read to. */
struct answers_room {
    struct resolver_answer answer; /* its records are in here, too */
    struct resolver_record record[RESOLVER_RECORDS];
    uint8_t data[ANSWERS_SIZE];
};

/* Make it in *OUT, empty; the caller ends it with answers_destroy().
 * MS_NOMEM. */
enum ms_err answers_create(struct answers **out);
void answers_destroy(struct answers *answers); /* NULL is fine */

/*
 * Keep ANSWER (copied) about TYPE of NAME, which came at NOW, if it is a yes or
 * a no that holds for a while, and no more than ANSWERS_SIZE.  What fails is
 * not kept, nor what there is no memory for.  Thread-safe; never waits long.
 */
void answers_put(struct answers *answers, const char *name,
                 enum resolver_type type, const struct resolver_answer *answer,
                 struct mono now);

/*
 * The answer about TYPE of NAME (with or without its last dot, in any case) as
 * it is at NOW, in *OUT, its ttl_s what is left.  False: it is not known.
 * Thread-safe; never waits long.
 */
bool answers_get(struct answers *answers, const char *name,
                 enum resolver_type type, struct mono now,
                 struct answers_room *out);

#endif
