/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <libmilter/mfapi.h>
#include <netinet/in.h>

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == SOCKET_PATH,
               "as sockaddr_un has it");

/* What follows PREFIX in TEXT, or NULL. */
static const char *
behind(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static enum ms_err
parse_path(const char *text, const char *path, struct socket_spec *out,
           struct why *why)
{
    if (path[0] != '/')
        return why_set(why, MS_INVALID, "socket %s: the path must be absolute",
                       text);
    if (strlen(path) >= SOCKET_PATH)
        return why_set(why, MS_INVALID,
                       "socket %s: the path is longer than %d bytes", text,
                       SOCKET_PATH - 1);
    out->kind = SOCKET_LOCAL;
    out->path = path;
    return MS_OK;
}

/* A number from 1 to MAX that ends at one of ENDS or the end of TEXT; 0. */
static unsigned
read_number(const char *text, unsigned max, const char *ends)
{
    unsigned n = 0;

    for (; *text >= '0' && *text <= '9' && n <= max; text++)
        n = n * 10 + (unsigned)(*text - '0');
    return n <= max && strchr(ends, *text) != NULL ? n : 0;
}

enum ms_err
socket_parse(const char *text, struct socket_spec *out, struct why *why)
{
    const char *rest;

    *out = (struct socket_spec){.fd = -1};
    if ((rest = behind(text, "local:")) != NULL ||
        (rest = behind(text, "unix:")) != NULL)
        return parse_path(text, rest, out, why);
    if (text[0] == '/')
        return parse_path(text, text, out, why);
    if ((rest = behind(text, "fd:")) != NULL) {
        out->kind = SOCKET_FD;
        out->fd = (int)read_number(rest, 65535, "");
        if (out->fd > 2)
            return MS_OK;
        return why_set(why, MS_INVALID,
                       "socket %s: a descriptor from 3 on is needed", text);
    }
    if ((rest = behind(text, "inet:")) != NULL)
        out->kind = SOCKET_INET;
    else if ((rest = behind(text, "inet6:")) != NULL)
        out->kind = SOCKET_INET6;
    else
        return why_set(why, MS_INVALID,
                       "socket %s: must be local:/path, inet:port@host, "
                       "inet6:port@host or fd:3",
                       text);
    if (read_number(rest, 65535, "@") == 0)
        return why_set(why, MS_INVALID,
                       "socket %s: a port from 1 to 65535 is needed, as in "
                       "inet:10033@127.0.0.1",
                       text);
    return MS_OK;
}

/* ----- claiming it */

/* Open and lock PATH.lock; the file stays for ever, because removing it would
 * let two daemons each hold a lock of that name. */
static enum ms_err
take_lock(const char *path, uid_t owner, int *out, struct why *why)
{
    char name[SOCKET_PATH + 8];
    struct stat st;
    enum ms_err err;
    int fd;

    (void)snprintf(name, sizeof(name), "%s.lock", path);
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
              0600);
    if (fd < 0)
        return why_errno(why, MS_UNAVAIL, name);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
        err = why_set(why, MS_INVALID, "%s: not a plain file", name);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = errno == EWOULDBLOCK
                  ? why_set(why, MS_BUSY,
                            "%s: another mortsafe is running on this socket",
                            path)
                  : why_errno(why, MS_UNAVAIL, name);
    } else if (owner != (uid_t)-1 && st.st_uid != owner &&
               fchown(fd, owner, (gid_t)-1) != 0) {
        err = why_errno(why, MS_UNAVAIL, name);
    } else {
        *out = fd;
        return MS_OK;
    }
    (void)close(fd);
    return err;
}

/* Does anybody accept connections at PATH? */
static bool
is_alive(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    bool alive;
    int fd;

    memcpy(addr.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    alive = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ||
            (errno != ECONNREFUSED && errno != ENOENT);
    (void)close(fd);
    return alive;
}

static enum ms_err
clear_path(const char *path, struct why *why)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? MS_OK : why_errno(why, MS_UNAVAIL, path);
    if (!S_ISSOCK(st.st_mode))
        return why_set(why, MS_INVALID,
                       "%s: is there and is not a socket; it is left alone",
                       path);
    if (is_alive(path))
        return why_set(why, MS_BUSY, "%s: another program listens here", path);
    if (unlink(path) != 0 && errno != ENOENT)
        return why_errno(why, MS_UNAVAIL, path);
    return MS_OK;
}

static enum ms_err
check_fd(int fd, struct why *why)
{
    int listening = 0;
    socklen_t len = sizeof(listening);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 ||
        listening == 0)
        return why_set(why, MS_UNAVAIL,
                       "socket fd:%d: no listening socket was handed over "
                       "(is the systemd socket unit enabled?)",
                       fd);
    return MS_OK;
}

enum ms_err
socket_claim(const struct socket_spec *spec, uid_t owner, int *lock,
             struct why *why)
{
    enum ms_err err;
    int fd = -1;

    *lock = -1;
    if (spec->kind == SOCKET_FD)
        return check_fd(spec->fd, why);
    if (spec->kind != SOCKET_LOCAL)
        return MS_OK;
    err = take_lock(spec->path, owner, &fd, why);
    if (err != MS_OK)
        return err;
    err = clear_path(spec->path, why);
    if (err != MS_OK) {
        (void)close(fd);
        return err;
    }
    *lock = fd;
    return MS_OK;
}

/* ----- listening */

static enum ms_err
find_group(const char *name, gid_t *out, struct why *why)
{
    char buf[16384]; /* a group with many members */
    struct group group;
    struct group *found = NULL;

    errno = getgrnam_r(name, &group, buf, sizeof(buf), &found);
    if (errno != 0)
        return why_errno(why, MS_UNAVAIL, name);
    if (found == NULL)
        return why_set(why, MS_INVALID, "socket_group %s: no such group", name);
    *out = found->gr_gid;
    return MS_OK;
}

static enum ms_err
give(const char *path, const struct socket_access *access, struct why *why)
{
    gid_t gid = access->gid;
    enum ms_err err = MS_OK;

    if (access->group != NULL)
        err = find_group(access->group, &gid, why);
    if (lchown(path, access->owner, gid) == 0)
        return err;
    (void)why_errno(why, MS_UNAVAIL, path);
    if (access->group == NULL)
        return MS_UNAVAIL;
    return why_set(why, MS_UNAVAIL,
                   "socket_group %s cannot be given to %s: start as root, or "
                   "put the user into the group",
                   access->group, path);
}

enum ms_err
socket_listen(const char *text, const struct socket_spec *spec,
              const struct socket_access *access, int backlog,
              struct why *warning, struct why *why)
{
    mode_t mask = umask((mode_t)(~access->mode & 0777));
    int saved, done;

    warning->text[0] = '\0';
    errno = 0;
    /* libmilter's argument is not const, though it keeps a copy. */
    done = smfi_setconn((char *)(uintptr_t)text);
    if (done == MI_SUCCESS && backlog > 0)
        done = smfi_setbacklog(backlog);
    if (done == MI_SUCCESS)
        done = smfi_opensocket(false);
    saved = errno;
    (void)umask(mask);
    if (done != MI_SUCCESS) {
        errno = saved;
        return saved != 0
                   ? why_errno(why, MS_UNAVAIL, text)
                   : why_set(why, MS_UNAVAIL, "cannot listen on %s", text);
    }
    if (spec->kind == SOCKET_LOCAL)
        (void)give(spec->path, access, warning);
    return MS_OK;
}

/* ----- waking it */

static socklen_t
own_address(const char *text, const struct socket_spec *spec,
            struct sockaddr_storage *out)
{
    struct sockaddr_un *un = (struct sockaddr_un *)out;
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    socklen_t len = sizeof(*out);
    const char *host = strchr(text, '@');
    uint16_t port;

    memset(out, 0, sizeof(*out));
    switch (spec->kind) {
    case SOCKET_LOCAL:
        un->sun_family = AF_UNIX;
        memcpy(un->sun_path, spec->path, strlen(spec->path) + 1);
        return sizeof(*un);
    case SOCKET_FD:
        return getsockname(spec->fd, (struct sockaddr *)out, &len) == 0 ? len
                                                                        : 0;
    case SOCKET_INET:
        port = (uint16_t)read_number(behind(text, "inet:"), 65535, "@");
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        if (inet_pton(AF_INET, host != NULL ? host + 1 : "127.0.0.1",
                      &in->sin_addr) != 1)
            return 0;
        return sizeof(*in);
    case SOCKET_INET6:
        port = (uint16_t)read_number(behind(text, "inet6:"), 65535, "@");
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        if (inet_pton(AF_INET6, host != NULL ? host + 1 : "::1",
                      &in6->sin6_addr) != 1)
            return 0;
        return sizeof(*in6);
    }
    return 0;
}

void
socket_wake(const char *text, const struct socket_spec *spec)
{
    struct sockaddr_storage addr;
    socklen_t len = own_address(text, spec, &addr);
    int fd;

    if (len == 0)
        return;
    fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void)connect(fd, (struct sockaddr *)&addr, len);
    (void)close(fd);
}
