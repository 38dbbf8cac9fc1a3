/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/nodes_lab.h - a farm and the nodes that reach it, with a tiny script
 * that counts, so that every lost or doubled call would show.
 */
#ifndef MORTSAFE_TEST_NODES_LAB_H
#define MORTSAFE_TEST_NODES_LAB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/store/redis/nodes.h"
#include "test/redis_farm.h"

enum { RECOVERY_MS = 2000, LAB_TEXT = 512 };

struct lab {
    struct farm *farm;
    struct redis_nodes *nodes;
    char probe_key[64];
    const char *user, *password, *sentinel_password; /* for lab_again() */
    struct store_shared stats;

    pthread_mutex_t lock; /* guards these */
    unsigned ups, downs;
    char trouble[LAB_TEXT]; /* the last */
    bool degraded;
    unsigned messages, losses;
    char message[LAB_TEXT];
};

/* Start all and wait until it is up. */
struct lab *lab_begin(enum farm_layout layout);
void lab_end(struct lab *lab);

/* Begin with servers as they are now, heard of nothing. */
void lab_again(struct lab *lab);

int64_t now_ms(void);
void pause_ms(int ms);

/* Begin to add N to KEY. */
enum ms_err begin(struct lab *lab, const char *key, const char *n,
                  struct redis_call **out);

struct outcome {
    enum ms_err err;
    bool unknown;
    int64_t value, took_ms;
    char error[LAB_TEXT]; /* the server's */
};

/* Add N to KEY. */
struct outcome count(struct lab *lab, const char *key, const char *n);

/* From now on until a call succeeds, in milliseconds; at most MOST. */
int64_t recovery(struct lab *lab, const char *key, int64_t most);

/* Until UPS and DOWNS were told of. */
void await_told(struct lab *lab, unsigned ups, unsigned downs);

/* Has a trouble with WORD in it been told of last? */
bool told_of(struct lab *lab, const char *word);

/* Until *NUMBER is at least LEAST. */
void await_number(struct lab *lab, const unsigned *number, unsigned least);

const struct store_shared *stats_of(struct lab *lab);

/* For redis_call_leave(). */
struct heard {
    pthread_mutex_t lock;
    unsigned n, good;
    enum ms_err err;
    int64_t value; /* the sum */
};
void hear(void *heard, enum ms_err err, const struct reply *reply);
void await_heard(struct heard *heard, unsigned n);

/* For redis_nodes_subscribe(). */
void take_message(void *lab, const char *text, size_t len);
void take_loss(void *lab);

#endif
