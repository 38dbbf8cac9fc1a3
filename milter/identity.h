/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/identity.h - whom the daemon works as.  Started by root it becomes
 * its own user for good, and reads its files as that user already before.
 */
#ifndef MORTSAFE_MILTER_IDENTITY_H
#define MORTSAFE_MILTER_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include "policy/err.h"

enum { IDENTITY_NAME = 64 };

struct identity {
    bool change; /* false: we stay who we are */
    uid_t uid;
    gid_t gid;
    char name[IDENTITY_NAME];
};

/* Are we root? */
bool identity_is_root(void);

/* Who we are: nothing is to change. */
struct identity identity_own(void);

/* Look NAME up.  MS_INVALID: no such user, or root by another name. */
enum ms_err identity_find(const char *name, struct identity *out,
                          struct why *why);

/* Read files as WHO from now on, until identity_back(): for root, and while
 * there is one thread.  MS_UNAVAIL. */
enum ms_err identity_borrow(const struct identity *who, struct why *why);
enum ms_err identity_back(const struct identity *who, struct why *why);

/* Become WHO with no way back, and gain no new privileges.  MS_UNAVAIL; then
 * the process must end. */
enum ms_err identity_become(const struct identity *who, struct why *why);

#endif
