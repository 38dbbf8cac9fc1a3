/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/spf_lab.h - SPF without a network: zones in memory, and an evaluation
 * played to its end over them, by libspf2 in this process.
 */
#ifndef MORTSAFE_TEST_SPF_LAB_H
#define MORTSAFE_TEST_SPF_LAB_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/dns/resolver.h"
#include "policy/dns/spf.h"
#include "policy/dns/worker/judge.h"
#include "policy/lookups.h"

struct spf_lab;

/* Aborts without memory, as everything here does. */
struct spf_lab *spf_lab_create(void);
void spf_lab_destroy(struct spf_lab *lab);
void spf_lab_clear(struct spf_lab *lab);

/*
 * Know LINE too:
 *
 *      a NAME 192.0.2.1        aaaa NAME 2001:db8::1
 *      mx NAME 10 HOST         ptr NAME HOST           cname NAME HOST
 *      txt NAME "piece" ...    lost NAME
 *
 * A word may stand in quotes; in them "\xHH" is an octet.  A name that is lost
 * has no answer but for the types it has rows of.  False: that is no line.
 */
bool spf_lab_add(struct spf_lab *lab, const char *line);

/* Let TYPE of NAME have the RDATA as well. */
void spf_lab_add_raw(struct spf_lab *lab, const char *name, unsigned type,
                     const void *data, size_t len);

/* The next word at *AT, without its quotes, into OUT; *LEN octets and a NUL.
 * False: the line ends, or is no line. */
bool spf_lab_word(const char **at, char *out, size_t size, size_t *len);

/* Hand the answer to TYPE of NAME to DONE(ARG, ...), at once. */
void spf_lab_ask(struct spf_lab *lab, const char *name, enum resolver_type type,
                 void (*done)(void *arg, const struct resolver_answer *answer),
                 void *arg);

struct spf_cost {
    unsigned questions, runs;
};

/* What ASK comes to, and what that took. */
struct spf_finding spf_lab_evaluate(struct spf_lab *lab, struct judge *judge,
                                    const struct spf_ask *ask,
                                    struct spf_cost *cost);

#endif
