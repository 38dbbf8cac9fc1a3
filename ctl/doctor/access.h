/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/access.h - may another user reach a file?  By the modes of the
 * file and of all folders above it, as the kernel would look at them.
 */
#ifndef MORTSAFE_CTL_DOCTOR_ACCESS_H
#define MORTSAFE_CTL_DOCTOR_ACCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "policy/err.h"

enum { ACCESS_GROUPS = 64, ACCESS_PATH = 1024 };

struct access_user {
    uid_t uid;
    gid_t group[ACCESS_GROUPS];
    size_t n_groups;
};

/* The user called NAME with its groups.  MS_INVALID: there is none; MS_UNAVAIL,
 * MS_NOMEM; WHY tells. */
enum ms_err access_user(const char *name, struct access_user *out,
                        struct why *why);

enum access_answer {
    ACCESS_YES,
    ACCESS_MISSING, /* AT is not there */
    ACCESS_SEARCH,  /* the folder AT may not be searched */
    ACCESS_DENIED,  /* the file itself may not be read and written */
    ACCESS_UNKNOWN  /* we may not look ourselves */
};

/* May USER read and write what is at PATH, from the root on?  AT is the folder
 * or file that it is about. */
enum access_answer access_look(const char *path, const struct access_user *user,
                               char at[ACCESS_PATH]);

/* Is a folder above PATH, or the one it is in, writable for others than its
 * owner?  It stands in AT then. */
bool access_is_loose(const char *path, char at[ACCESS_PATH]);

#endif
