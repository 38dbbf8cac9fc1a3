/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/flag.h - what an upstream filter says of a message: its
 * headers, one after the other, become one verdict.  Anybody can write such a
 * header; one that stands between those of the message came from outside.  No
 * memory but its own; pure.
 */
#ifndef MORTSAFE_MILTER_DETECT_FLAG_H
#define MORTSAFE_MILTER_DETECT_FLAG_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/scene.h"

enum {
    FLAG_ADDRESS = 1024 /* an address in From that is longer is none */
};

/* The headers so far; all zero is none. */
struct flag {
    bool begun; /* a header of the message itself has come */
    struct {
        uint8_t above, below, any; /* 1 + enum verdict_flag; 0: no copy */
    } copy[VERDICT_HEADERS];
};

/* The next header. */
void flag_header(struct flag *flag, const struct config *config,
                 const char *name, const char *value);

/*
 * The verdict of all of them.  Filters insert on top or append: the topmost
 * copy above the first Received, From, To, Subject, Date or Message-ID counts,
 * else the last one below the last of these; of one that appends, spam counts
 * also where something else is on top.  TRUSTED: the client is one whose own
 * copies are believed; then the topmost of all counts.
 */
enum verdict_flag flag_end(const struct flag *flag, const struct config *config,
                           bool trusted);

/* What VALUE of the header NAME says. */
enum verdict_flag flag_value(const struct config *config, const char *name,
                             const char *value);

/* The address in VALUE of a From header, without angle brackets and comments,
 * in OUT; false: there is none. */
bool flag_from(const char *value, char out[FLAG_ADDRESS]);

#endif
