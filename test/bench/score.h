/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/score.h - what a run came to: outcomes and times, printed for
 * people or as one line of JSON.
 */
#ifndef MORTSAFE_TEST_BENCH_SCORE_H
#define MORTSAFE_TEST_BENCH_SCORE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "test/bench/hist.h"

enum outcome {
    OUTCOME_ACCEPTED,
    OUTCOME_DEFERRED,  /* 4xx */
    OUTCOME_REJECTED,  /* 5xx */
    OUTCOME_HELD,      /* accepted, into the MTA's quarantine */
    OUTCOME_DISCARDED, /* accepted and thrown away */
    OUTCOMES
};

/* What is timed: an event from its packet to its answer, a message from MAIL
 * to the answer that ends it. */
enum timed {
    TIMED_NEGOTIATE,
    TIMED_CONNECT,
    TIMED_HELO,
    TIMED_MAIL,
    TIMED_RCPT,
    TIMED_DATA,
    TIMED_HEADER,
    TIMED_EOH,
    TIMED_BODY,
    TIMED_EOM,
    TIMED_MESSAGE,
    TIMEDS
};

/* All zero is empty. */
struct score {
    uint64_t sessions; /* that were opened */
    uint64_t messages[OUTCOMES];
    uint64_t recipients[OUTCOMES];
    uint64_t errors;   /* connections lost, packets out of place */
    char trouble[160]; /* the first error, in words */
    struct hist took[TIMEDS];
};

/* Note an error: the first one's WHAT is kept. */
void score_error(struct score *score, const char *what);

/* Messages with any verdict. */
uint64_t score_messages(const struct score *score);

/* Print a run of TOOK_NS, of which CPU_US were our own processor time. */
void score_print(const struct score *score, uint64_t took_ns, uint64_t cpu_us,
                 FILE *out);
void score_print_json(const struct score *score, uint64_t took_ns,
                      uint64_t cpu_us, FILE *out);

#endif
