/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/detect_lab.h - a detector with everything behind it: a daemon, a diary
 * in memory, a clock that the test steps, and what it told.
 */
#ifndef MORTSAFE_TEST_DETECT_LAB_H
#define MORTSAFE_TEST_DETECT_LAB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "milter/daemon.h"
#include "milter/detect/detect.h"
#include "milter/diary/diary.h"

/* Rules that act; the default ones only look on. */
#define DETECT_LAB_SITE                                                        \
    "domains local { list = example.org }\n"                                   \
    "network office { addr = 192.0.2.0/24  relay = any }\n"                    \
    "network dial { addr = 198.51.100.0/24  relay = any  dynamic = yes }\n"    \
    "network nat { addr = 203.0.113.0/24  relay = any  class = gateway }\n"    \
    "store { type = memory }\n"
#define DETECT_LAB_ACTS                                                        \
    "mode = enforce\n"                                                         \
    "zombie account { mode = enforce }\nzombie machine { mode = enforce }\n"

enum { DETECT_LAB_CHANGES = 512 };

struct detect_lab {
    struct daemon *daemon;
    struct journal *journal;
    struct store *store; /* that decides */
    struct diary *diary;
    struct detect *detect;
    struct hashes hashes;
    FILE *log;
    _Atomic int64_t now_s;
    _Atomic uint64_t serial; /* for recipients that were never there before */

    pthread_mutex_t lock; /* guards what it told */
    size_t n_changes, n_helds;
    struct change change[DETECT_LAB_CHANGES]; /* the first ones */
    struct held held;                         /* the last */
};

/* Make one under CONFIG on STORE (borrowed; NULL: one in memory that is the
 * daemon's), or fail the test. */
struct detect_lab *detect_lab_create(const char *config, struct store *store);
/* End it; what the log has, which free() ends. */
char *detect_lab_destroy(struct detect_lab *lab);

/* Another configuration takes the place of the one in force. */
void detect_lab_reload(struct detect_lab *lab, const char *config);
struct config *detect_lab_config(const char *text);

/* "user:ann@example.org", or fail the test. */
struct subject detect_lab_subject(const char *text);

/* One message.  LOGIN NULL: of the CLIENT (an address) itself. */
struct detect_lab_message {
    const char *login, *client;
    unsigned known, strange; /* recipients: always the same; never seen */
    unsigned unknown;        /* beside them */
    enum verdict_flag flag;
    const char *id; /* NULL: none */
};
void detect_lab_send(struct detect_lab *lab,
                     const struct detect_lab_message *message);

/* How TEXT stands in the store; the rate it is throttled to. */
enum standing detect_lab_standing(struct detect_lab *lab, const char *text,
                                  uint32_t *throttle);

/* The last change of TEXT's standing; false: none. */
bool detect_lab_changed(struct detect_lab *lab, const char *text,
                        struct change *out);

#endif
