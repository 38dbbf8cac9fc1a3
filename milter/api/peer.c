/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "milter/compat.h"

enum { NAMES = 16384 }; /* a group with many members */

enum ms_err
peer_uid(int fd, uid_t *out)
{
    gid_t gid;

    return compat_peer(fd, out, &gid) == 0 ? MS_OK : MS_UNAVAIL;
}

/* "ann (uid 1000)"; a name could be anything a directory service says. */
static void
name_user(uid_t uid, char out[ACT_BY])
{
    char buf[NAMES];
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r(uid, &entry, buf, sizeof(buf), &found) != 0)
        found = NULL;
    if (found == NULL) {
        (void)snprintf(out, ACT_BY, "uid %lu", (unsigned long)uid);
        return;
    }
    (void)snprintf(out, ACT_BY, "%.64s (uid %lu)", entry.pw_name,
                   (unsigned long)uid);
    for (char *at = out; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~')
            *at = '?';
    }
}

enum ms_err
peer_read(int fd, struct peer *out, struct why *why)
{
    gid_t gid;
    int n;

    memset(out, 0, sizeof(*out));
    if (compat_peer(fd, &out->uid, &gid) != 0)
        return why_errno(why, MS_UNAVAIL, "SO_PEERCRED");
    n = compat_peer_groups(fd, out->groups, PEER_GROUPS - 1);
    out->n_groups = n > 0 ? (size_t)n : 0;
    out->groups[out->n_groups++] = gid;
    name_user(out->uid, out->by);
    return MS_OK;
}

void
peer_tcp(struct peer *out)
{
    memset(out, 0, sizeof(*out));
    out->tcp = true;
    out->uid = (uid_t)-1;
    (void)snprintf(out->by, sizeof(out->by), "status port");
}

bool
peer_is_ours(const struct peer *peer)
{
    return !peer->tcp && (peer->uid == 0 || peer->uid == geteuid());
}

bool
peer_has(const struct peer *peer, gid_t gid)
{
    for (size_t i = 0; i < peer->n_groups; i++) {
        if (peer->groups[i] == gid)
            return true;
    }
    return false;
}

/* Append the name of GID to LEN bytes at OUT; false: there is no room. */
static bool
add_group(gid_t gid, char *out, size_t *len, size_t size)
{
    char buf[NAMES], number[24];
    const char *between = *len > 0 ? ", " : "";
    struct group entry;
    struct group *found = NULL;
    const char *name = number;
    int n;

    (void)snprintf(number, sizeof(number), "%lu", (unsigned long)gid);
    if (getgrgid_r(gid, &entry, buf, sizeof(buf), &found) == 0 && found != NULL)
        name = entry.gr_name;
    n = snprintf(out + *len, size - *len, "%s%.64s", between, name);
    if (n < 0 || (size_t)n >= size - *len - 3)
        return false;
    *len += (size_t)n;
    return true;
}

char *
peer_groups(const struct peer *peer, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < peer->n_groups; i++) {
        /* the primary one, which comes last, most likely stands among them */
        if (i + 1 == peer->n_groups && i > 0) {
            struct peer others = *peer;

            others.n_groups = i;
            if (peer_has(&others, peer->groups[i]))
                break;
        }
        if (!add_group(peer->groups[i], out, &len, size)) {
            (void)snprintf(out + len, size - len, "...");
            break;
        }
    }
    return out;
}
