/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/doctor/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum ms_err
access_user(const char *name, struct access_user *out, struct why *why)
{
    int n = ACCESS_GROUPS;
    struct passwd entry, *found = NULL;
    char buf[16384];
    int failed = getpwnam_r(name, &entry, buf, sizeof(buf), &found);

    if (failed != 0) {
        errno = failed;
        return why_errno(why, MS_UNAVAIL, name);
    }
    if (found == NULL)
        return why_set(why, MS_INVALID, "there is no user %.80s", name);
    out->uid = found->pw_uid;
    if (getgrouplist(name, found->pw_gid, out->group, &n) < 0)
        n = ACCESS_GROUPS;
    out->n_groups = (size_t)n;
    return MS_OK;
}

/* Has USER all of WANT, bits of "rwx", on FILE? */
static bool
may(const struct access_user *user, const struct stat *file, mode_t want)
{
    if (user->uid == 0)
        return true;
    if (user->uid == file->st_uid)
        return (file->st_mode >> 6 & want) == want;
    for (size_t i = 0; i < user->n_groups; i++) {
        if (user->group[i] == file->st_gid)
            return (file->st_mode >> 3 & want) == want;
    }
    return (file->st_mode & want) == want;
}

/* The folder of PATH that ends at its next slash in AT, "/" first; *SLASH is
 * NULL to begin with.  False: that was the last. */
static bool
next_folder(const char *path, const char **slash, char at[ACCESS_PATH])
{
    size_t n;

    *slash = *slash == NULL ? path : strchr(*slash + 1, '/');
    if (*slash == NULL || **slash != '/')
        return false;
    n = *slash == path ? 1 : (size_t)(*slash - path);
    if (n >= ACCESS_PATH)
        return false;
    memcpy(at, path, n);
    at[n] = '\0';
    return true;
}

enum access_answer
access_look(const char *path, const struct access_user *user,
            char at[ACCESS_PATH])
{
    const size_t len = strnlen(path, ACCESS_PATH - 1);
    struct stat found;
    const char *slash = NULL;

    while (next_folder(path, &slash, at)) {
        if (stat(at, &found) != 0)
            return errno == EACCES ? ACCESS_UNKNOWN : ACCESS_MISSING;
        if (!may(user, &found, 1))
            return ACCESS_SEARCH;
    }
    memcpy(at, path, len);
    at[len] = '\0';
    if (stat(path, &found) != 0)
        return errno == EACCES ? ACCESS_UNKNOWN : ACCESS_MISSING;
    return may(user, &found, 6) ? ACCESS_YES : ACCESS_DENIED;
}

bool
access_is_loose(const char *path, char at[ACCESS_PATH])
{
    struct stat found;
    const char *slash = NULL;

    while (next_folder(path, &slash, at)) {
        if (stat(at, &found) == 0 && (found.st_mode & 022) != 0 &&
            (found.st_mode & S_ISVTX) == 0)
            return true;
    }
    return false;
}
