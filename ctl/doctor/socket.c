/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/doctor/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/doctor/access.h"
#include "ctl/doctor/checks.h"
#include "ctl/doctor/recipe.h"

enum { WAIT_MS = 3000 };

/* ----- names */

struct place {
    char path[ACCESS_PATH]; /* "": by TCP */
    char host[256];
    unsigned port;
};

static bool
read_port(const char *text, size_t len, unsigned *out)
{
    unsigned n = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || n > 6553)
            return false;
        n = 10 * n + (unsigned)(text[i] - '0');
    }
    *out = n;
    return n > 0;
}

static bool
read_host(const char *text, size_t len, char out[256])
{
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len == 0 || len >= 256)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    if (strcmp(out, "localhost") == 0)
        (void)snprintf(out, 256, "127.0.0.1");
    return true;
}

/* "PORT@HOST" of milters, "HOST:PORT" of Postfix. */
static bool
read_tcp(const char *text, struct place *out)
{
    const char *at = strchr(text, '@');
    const char *colon = strrchr(text, ':');

    if (at != NULL)
        return read_port(text, (size_t)(at - text), &out->port) &&
               read_host(at + 1, strlen(at + 1), out->host);
    return colon != NULL &&
           read_port(colon + 1, strlen(colon + 1), &out->port) &&
           read_host(text, (size_t)(colon - text), out->host);
}

static bool
read_place(const char *text, const char *root, struct place *out)
{
    const char *colon = strchr(text, ':');
    size_t kind = colon != NULL ? (size_t)(colon - text) : 0;
    const char *path = text[0] == '/' ? text : NULL;

    *out = (struct place){.path = ""};
    if ((kind == 4 && strncmp(text, "unix", 4) == 0) ||
        (kind == 5 && strncmp(text, "local", 5) == 0))
        path = colon + 1;
    if (path != NULL) {
        int n = snprintf(out->path, sizeof(out->path), "%s%s%s", root,
                         path[0] == '/' ? "" : "/", path);

        return n > 0 && n < (int)sizeof(out->path);
    }
    return ((kind == 4 && strncmp(text, "inet", 4) == 0) ||
            (kind == 5 && strncmp(text, "inet6", 5) == 0)) &&
           read_tcp(colon + 1, out);
}

static bool
same_file(const char *a, const char *b)
{
    struct stat x, y;

    return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 &&
                                 x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

bool
socket_is(const char *socket, const char *endpoint, const char *root)
{
    struct place ours, theirs;

    if (!read_place(socket, "", &ours) || !read_place(endpoint, root, &theirs))
        return false;
    if (ours.path[0] != '\0' || theirs.path[0] != '\0')
        return ours.path[0] != '\0' && theirs.path[0] != '\0' &&
               same_file(ours.path, theirs.path);
    return ours.port == theirs.port && strcmp(ours.host, theirs.host) == 0;
}

/* ----- does somebody listen? */

/* 0, or an errno. */
static int
try_path(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd, failed;

    if (strlen(path) >= sizeof(to.sun_path))
        return ENAMETOOLONG;
    memcpy(to.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    failed =
        connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : errno;
    (void)close(fd);
    return failed == EAGAIN ? 0 : failed; /* it listens, and is busy */
}

static int
try_connect(int fd, const struct sockaddr *to, socklen_t size)
{
    struct pollfd end = {.fd = fd, .events = POLLOUT};
    int failed = 0;
    socklen_t len = sizeof(failed);

    if (connect(fd, to, size) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    if (poll(&end, 1, WAIT_MS) <= 0)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 ? failed
                                                                    : errno;
}

static int
try_tcp(const struct place *place)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)place->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)place->port)};
    bool is4 = inet_pton(AF_INET, place->host, &v4.sin_addr) == 1;
    int fd, failed;

    if (!is4 && inet_pton(AF_INET6, place->host, &v6.sin6_addr) != 1)
        return 0; /* a name: not ours to look up */
    fd = socket(is4 ? AF_INET : AF_INET6,
                SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    failed = try_connect(
        fd, is4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6,
        is4 ? sizeof(v4) : sizeof(v6));
    (void)close(fd);
    return failed;
}

void
check_socket(struct patient *p)
{
    const char *socket = patient_socket(p);
    struct place place;
    struct why why;
    int failed;

    if (!read_place(socket, "", &place)) {
        finding_skip(&p->findings,
                     "the configuration has socket = %s, which does not tell "
                     "where the MTA finds it",
                     socket);
        return;
    }
    failed = place.path[0] != '\0' ? try_path(place.path) : try_tcp(&place);
    if (failed == EACCES) {
        finding_skip(&p->findings, "only root may look at %s", socket);
        return;
    }
    if (failed == 0) {
        finding_ok(&p->findings, "mortsafe listens at %s", socket);
        return;
    }
    errno = failed;
    (void)why_errno(&why, MS_UNAVAIL, socket);
    finding_bad(&p->findings, FINDING_FAIL,
                "systemctl start mortsafe.socket mortsafe.service",
                "nobody listens where the MTA is to ask (%s)", why.text);
}

/* ----- and may the MTA come there? */

static void
tell_denied(struct patient *p, const struct access_user *user, const char *name,
            const char *path)
{
    char at[ACCESS_PATH], cure[FINDING_CURE];

    switch (access_look(path, user, at)) {
    case ACCESS_YES:
        finding_ok(&p->findings, "user %s may use %s", name, path);
        return;
    case ACCESS_UNKNOWN:
        finding_skip(&p->findings, "only root may look at %s", at);
        return;
    case ACCESS_MISSING:
        finding_bad(&p->findings, FINDING_FAIL,
                    "systemctl start mortsafe.socket mortsafe.service",
                    "%s is not there", at);
        return;
    case ACCESS_SEARCH:
        (void)snprintf(cure, sizeof(cure), "chmod o+x %s", at);
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "user %s may not enter %s, so Postfix does not reach "
                    "mortsafe",
                    name, at);
        return;
    case ACCESS_DENIED:
        break;
    }
    (void)snprintf(cure, sizeof(cure),
                   "chgrp %.64s %.900s && chmod g+rw %.900s", name, path, path);
    finding_bad(&p->findings, FINDING_FAIL, cure,
                "user %s may not use %s; for good, set socket_group and "
                "socket_mode (or SocketGroup= of mortsafe.socket)",
                name, path);
}

/* Is every smtpd outside of a chroot? */
static bool
any_chrooted(const struct patient *p)
{
    for (size_t i = 0; i < postconf_services(p->postfix); i++) {
        const struct postconf_service *one = postconf_at(p->postfix, i);
        const struct postconf_service *smtpd = postconf_smtpd(p->postfix, one);

        if (smtpd != NULL && postconf_chroot(p->postfix, smtpd))
            return true;
    }
    return false;
}

void
check_socket_postfix(struct patient *p)
{
    const char *queue = postconf_get(p->postfix, NULL, "queue_directory");
    const char *owner = postconf_get(p->postfix, NULL, "mail_owner");
    char cure[FINDING_CURE], endpoint[RECIPE_TEXT];
    struct access_user user;
    struct place place;
    struct why why;

    if (!read_place(patient_socket(p), "", &place) || place.path[0] == '\0')
        return; /* by TCP anybody comes there */
    if (any_chrooted(p) &&
        !recipe_endpoint(patient_socket(p), queue, true, endpoint)) {
        (void)snprintf(
            cure, sizeof(cure),
            "sed -i '/^socket *=/d' %.500s\n"
            "sed -i '1i socket = local:%.200s/mortsafe/milter.sock' "
            "%.500s\n"
            "systemctl restart mortsafe && mortsafectl setup postfix",
            p->path, queue, p->path);
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "smtpd is chrooted to %s, and does not see %s", queue,
                    place.path);
    }
    if (access_user(owner, &user, &why) != MS_OK) {
        finding_skip(&p->findings, "mail_owner: %s", why.text);
        return;
    }
    tell_denied(p, &user, owner, place.path);
}

/* Sendmail asks as root, but takes no socket that others could replace. */
void
check_socket_sendmail(struct patient *p)
{
    char at[ACCESS_PATH], cure[FINDING_CURE];
    struct place place;

    if (!read_place(patient_socket(p), "", &place) || place.path[0] == '\0')
        return;
    if (!access_is_loose(place.path, at)) {
        finding_ok(&p->findings, "nobody else may replace %s", place.path);
        return;
    }
    (void)snprintf(cure, sizeof(cure), "chmod go-w %s", at);
    finding_bad(&p->findings, FINDING_FAIL, cure,
                "others may write in %s, so Sendmail takes %s for unsafe and "
                "does as if mortsafe were away",
                at, place.path);
}
