/* SPDX-License-Identifier: BSD-2-Clause */
/* milter/api/listen.c - the API's sockets, opened while we may. */
#include <config.h>

#include "milter/api/server.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "milter/socket.h"

enum { BACKLOG = API_CONNECTIONS };

#define DEFAULT_PATH RUNSTATEDIR "/mortsafe/api.sock"

_Static_assert(sizeof(((struct api_sockets *)0)->path) == SOCKET_PATH,
               "room for any path of a socket");

void
api_sockets_none(struct api_sockets *out)
{
    *out = (struct api_sockets){.unix_fd = -1, .tcp_fd = -1, .lock = -1};
}

/* ----- in the file system */

/* Is the folder that PATH is in missing? */
static bool
lacks_folder(const char *path)
{
    char folder[SOCKET_PATH];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    struct stat st;

    if (len == 0 || len >= sizeof(folder))
        return false;
    memcpy(folder, path, len);
    folder[len] = '\0';
    return stat(folder, &st) != 0 && errno == ENOENT;
}

/* Everybody may connect: who may do what follows from who it is. */
static enum ms_err
listen_at(const char *path, uid_t owner, int *out, struct why *why)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    enum ms_err err = MS_OK;
    mode_t mask;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return why_errno(why, MS_UNAVAIL, path);
    memcpy(addr.sun_path, path, strlen(path) + 1);
    mask = umask(0111);
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        listen(fd, BACKLOG) != 0)
        err = why_errno(why, MS_UNAVAIL, path);
    (void)umask(mask);
    if (err == MS_OK && owner != (uid_t)-1 &&
        lchown(path, owner, (gid_t)-1) != 0)
        err = why_errno(why, MS_UNAVAIL, path);
    if (err == MS_OK)
        *out = fd;
    else
        (void)close(fd);
    return err;
}

static enum ms_err
listen_unix(const char *path, uid_t owner, struct api_sockets *out,
            struct why *why)
{
    struct socket_spec spec = {.kind = SOCKET_LOCAL, .path = path, .fd = -1};
    struct why cause = {""};
    enum ms_err err;

    if (path == NULL || *path == '\0')
        return MS_OK;
    if (strcmp(path, DEFAULT_PATH) == 0 && lacks_folder(path)) {
        out->left_out = true;
        return MS_OK;
    }
    if (path[0] != '/' || strlen(path) >= SOCKET_PATH)
        return why_set(why, MS_INVALID, "api { socket }: %s is no usable path",
                       path);
    err = socket_claim(&spec, owner, &out->lock, &cause);
    if (err == MS_OK)
        err = listen_at(path, owner, &out->unix_fd, &cause);
    if (err != MS_OK)
        return why_set(why, err,
                       "api { socket }: %s (another path, or \"\" for none, is "
                       "written as api { socket = ... })",
                       cause.text);
    memcpy(out->path, path, strlen(path) + 1);
    return MS_OK;
}

/* ----- by TCP */

/* A port at *AT, which moves behind it; 0: none. */
static uint16_t
read_port(const char **at)
{
    unsigned n = 0;

    for (; **at >= '0' && **at <= '9' && n <= 65535; (*at)++)
        n = n * 10 + (unsigned)(**at - '0');
    return n <= 65535 ? (uint16_t)n : 0;
}

enum ms_err
api_listen_read(const char *text, struct sockaddr_storage *out, struct why *why)
{
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    bool six = strncmp(text, "inet6:", 6) == 0;
    const char *at = text + (six ? 6 : 5);
    const char *host = six ? "::1" : "127.0.0.1";
    uint16_t port;

    memset(out, 0, sizeof(*out));
    if (!six && strncmp(text, "inet:", 5) != 0)
        at = "";
    port = read_port(&at);
    if (*at == '@' && strcmp(at + 1, "localhost") != 0)
        host = at + 1;
    if (strchr(host, ':') != NULL) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        if (port != 0 && inet_pton(AF_INET6, host, &in6->sin6_addr) == 1)
            return MS_OK;
    } else {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        if (port != 0 && inet_pton(AF_INET, host, &in->sin_addr) == 1)
            return MS_OK;
    }
    return why_set(why, MS_INVALID,
                   "status { listen }: %s is not of the form "
                   "inet:port@address",
                   text);
}

static enum ms_err
listen_tcp(const char *text, int *out, struct why *why)
{
    struct sockaddr_storage addr;
    const int on = 1;
    socklen_t len;
    int fd;

    if (text == NULL || *text == '\0')
        return MS_OK;
    if (api_listen_read(text, &addr, why) != MS_OK)
        return MS_INVALID;
    fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    len = addr.ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                    : sizeof(struct sockaddr_in6);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, len) == 0 &&
        listen(fd, BACKLOG) == 0) {
        *out = fd;
        return MS_OK;
    }
    (void)why_set(why, MS_UNAVAIL, "status { listen }: %s: %s", text,
                  errno == EADDRINUSE ? "another program listens there"
                  : errno == EADDRNOTAVAIL
                      ? "this host does not have the address"
                      : "it cannot be listened on");
    if (fd >= 0)
        (void)close(fd);
    return MS_UNAVAIL;
}

/* ----- both */

enum ms_err
api_listen(const struct config *config, uid_t owner, struct api_sockets *out,
           struct why *why)
{
    enum ms_err err;

    api_sockets_none(out);
    err = listen_unix(config->api.socket, owner, out, why);
    if (err == MS_OK)
        err = listen_tcp(config->status.listen, &out->tcp_fd, why);
    if (err != MS_OK)
        api_close(out);
    return err;
}

void
api_close(struct api_sockets *sockets)
{
    if (sockets->unix_fd >= 0) {
        if (sockets->path[0] != '\0')
            (void)unlink(sockets->path);
        (void)close(sockets->unix_fd);
    }
    if (sockets->tcp_fd >= 0)
        (void)close(sockets->tcp_fd);
    if (sockets->lock >= 0)
        (void)close(sockets->lock);
    api_sockets_none(sockets);
}
