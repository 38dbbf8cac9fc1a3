/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/script_lab.h - the two scripts on a real Redis, asked one thing after
 * the other over a blocking socket.  One thread; what cannot be done fails the
 * test.
 */
#ifndef MORTSAFE_TEST_SCRIPT_LAB_H
#define MORTSAFE_TEST_SCRIPT_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/store/redis/script.h"
#include "test/redis_farm.h"

#define LAB_PREFIX "t"

struct script_lab {
    struct farm *farm;
    int fd;
    struct codec_reader *reader;
    struct script_room *room;
    struct sitekey *key;
    char sha[SCRIPTS][41];
    uint64_t clock_ms;  /* handed to the scripts; 0: the server's */
    struct reply *last; /* of the last lab_ask() */
};

/* Start a server, load the scripts. */
void script_lab_begin(struct script_lab *lab);
void script_lab_end(struct script_lab *lab);

/* Another connection, or the first. */
void script_lab_connect(struct script_lab *lab);

/* The reply to COMMAND, until the next one. */
const struct reply *script_lab_ask(struct script_lab *lab,
                                   const struct codec_command *command);

/* The same for words, NULL behind the last. */
const struct reply *script_lab_say(struct script_lab *lab, ...)
    __attribute__((sentinel));

/* The reply of SCRIPT to ARGS. */
const struct reply *script_lab_run(struct script_lab *lab, enum script script,
                                   const struct codec_command *args);

/* Subject I's hash, its first key. */
void script_lab_hash(unsigned i, uint8_t hash[SITEKEY_HASH]);
const char *script_lab_key(unsigned i);

/* Charge; the answer, until the next one. */
const struct script_answer *
script_lab_charge(struct script_lab *lab, const struct script_charge *charge);

/* The same for N items of subject I, and with a delta. */
const struct script_answer *
script_lab_charge_one(struct script_lab *lab, unsigned i,
                      const struct charge_item *items, size_t n,
                      const struct script_delta *delta);

/* Take N of LIMIT; was it added? */
bool script_lab_take(struct script_lab *lab, unsigned i, uint64_t window,
                     uint32_t span_s, uint32_t n, uint32_t limit);

/* How many receipts were taken back. */
int64_t script_lab_refund(struct script_lab *lab, unsigned i,
                          const struct receipt *const *receipts, size_t n);

/* Ask for CHANGE, whose prefix, clock and hash (subject I's) are filled in. */
enum ms_err script_lab_change(struct script_lab *lab, unsigned i,
                              struct script_change *change, bool *done);

/* Read subject I's record. */
enum ms_err script_lab_read(struct script_lab *lab, unsigned i, bool *found,
                            struct store_record *out, uint64_t *epoch);

/* Give it a standing by reading and writing, as an update does. */
void script_lab_judge(struct script_lab *lab, unsigned i,
                      enum standing standing, uint32_t throttle, uint16_t len);

/* What is counted in WINDOW. */
uint64_t script_lab_used(struct script_lab *lab, unsigned i, uint64_t window);

#endif
