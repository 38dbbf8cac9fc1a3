/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "milter/compat.h"

bool
identity_is_root(void)
{
    return geteuid() == 0 || getuid() == 0;
}

struct identity
identity_own(void)
{
    struct identity own = {.change = false, .uid = geteuid(), .gid = getegid()};

    return own;
}

enum ms_err
identity_find(const char *name, struct identity *out, struct why *why)
{
    char buf[4096];
    struct passwd entry;
    struct passwd *pw = NULL;

    errno = getpwnam_r(name, &entry, buf, sizeof(buf), &pw);
    if (errno != 0)
        return why_errno(why, MS_UNAVAIL, name);
    if (pw == NULL)
        return why_set(why, MS_INVALID, "user %s: no such user", name);
    if (pw->pw_uid == 0)
        return why_set(why, MS_INVALID,
                       "user %s is root, as whom this must not run", name);
    if (strlen(name) >= IDENTITY_NAME)
        return why_set(why, MS_INVALID, "user %s: the name is too long", name);
    out->change = true;
    out->uid = pw->pw_uid;
    out->gid = pw->pw_gid;
    memcpy(out->name, name, strlen(name) + 1);
    return MS_OK;
}

enum ms_err
identity_borrow(const struct identity *who, struct why *why)
{
    if (!who->change)
        return MS_OK;
    if (initgroups(who->name, who->gid) != 0 || setegid(who->gid) != 0 ||
        seteuid(who->uid) != 0)
        return why_errno(why, MS_UNAVAIL, who->name);
    return MS_OK;
}

enum ms_err
identity_back(const struct identity *who, struct why *why)
{
    const gid_t own = getgid();

    if (!who->change)
        return MS_OK;
    if (seteuid(0) != 0 || setegid(own) != 0 || setgroups(1, &own) != 0)
        return why_errno(why, MS_UNAVAIL, "root");
    return MS_OK;
}

enum ms_err
identity_become(const struct identity *who, struct why *why)
{
    if (who->change) {
        if (initgroups(who->name, who->gid) != 0 || setgid(who->gid) != 0 ||
            setuid(who->uid) != 0)
            return why_errno(why, MS_UNAVAIL, who->name);
        if (setuid(0) == 0 || getuid() != who->uid || geteuid() != who->uid)
            return why_set(why, MS_UNAVAIL, "%s: could still become root",
                           who->name);
    }
    if (identity_is_root())
        return why_set(why, MS_UNAVAIL, "root is not to run this");
    if (compat_no_new_privileges() != 0)
        return why_errno(why, MS_UNAVAIL, "no_new_privs");
    return MS_OK;
}
