/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/error.h - what a server's error says about the server:
 * one table.  Pure.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_ERROR_H
#define MORTSAFE_POLICY_STORE_REDIS_ERROR_H

#include <stddef.h>

#include "policy/store/redis/codec.h"

enum redis_error {
    REDIS_ERROR_OTHER,    /* it is about the call; the caller's */
    REDIS_ERROR_SICK,     /* it cannot serve; nothing was done */
    REDIS_ERROR_STALE,    /* the same, and it is not the one to be asked */
    REDIS_ERROR_UNSERVED, /* nobody owns the slot; the server is well */
    REDIS_ERROR_MOVED,
    REDIS_ERROR_ASK,
    REDIS_ERROR_TRYAGAIN,
    REDIS_ERROR_NOSCRIPT
};

/*
 * What the error REPLY means.  Errors inside of a script are found in the
 * forms of Redis 6.2 ("ERR Error running script ... -OOM ...") and 7 ("OOM ...
 * script: ...").
 */
enum redis_error redis_error_means(const struct reply *reply);

/* An error, or what is no error but should not have come, for people:
 * printable ASCII, what does not fit ends in "...".  Returns BUF. */
char *redis_error_print(const struct reply *reply, char *buf, size_t size);

#endif
