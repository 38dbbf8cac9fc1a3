/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/greeting.h - what a connection says first: who we are,
 * which database, our name; and what the server may say to that.  Pure.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_GREETING_H
#define MORTSAFE_POLICY_STORE_REDIS_GREETING_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/err.h"
#include "policy/store/redis/codec.h"

enum { GREETINGS = 3 };

/* Commands; they point into it, and to the user's name and the password. */
struct greeting {
    struct codec_command command[GREETINGS];
    const char *what[GREETINGS];
    bool needed[GREETINGS]; /* an error to it is the end */
    size_t n;
    char db[16];
};

/* AUTH, if there is a USER ("") or a PASSWORD (NULL); SELECT, if DB is not 0;
 * CLIENT SETNAME, whose failure does not matter. */
void greeting_compose(const char *user, const char *password, unsigned db,
                      struct greeting *out);

/* MS_UNAVAIL: one of the replies refuses us; WHY has the server's words. */
enum ms_err greeting_judge(const struct greeting *greeting,
                           struct reply *const *replies, struct why *why);

/* MS_UNAVAIL, and in WHY what the server said to WHAT: printable, bounded. */
enum ms_err greeting_why(struct why *why, const char *what,
                         const struct reply *reply);

#endif
