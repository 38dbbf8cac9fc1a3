/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/bench/endpoint.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static bool
parse_path(const char *path, struct endpoint *out)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    if (path[0] != '/' || strlen(path) >= sizeof(un.sun_path))
        return false;
    memcpy(un.sun_path, path, strlen(path) + 1);
    memcpy(&out->addr, &un, sizeof(un));
    out->len = sizeof(un);
    return true;
}

static bool
parse_inet(const char *text, int family, struct endpoint *out)
{
    const char *at = strchr(text, '@');
    struct addrinfo hints = {.ai_family = family,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];

    if (at == NULL || (size_t)(at - text) >= sizeof(port))
        return false;
    memcpy(port, text, (size_t)(at - text));
    port[at - text] = '\0';
    if (getaddrinfo(at + 1, port, &hints, &found) != 0)
        return false;
    memcpy(&out->addr, found->ai_addr, found->ai_addrlen);
    out->len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

bool
endpoint_parse(const char *text, struct endpoint *out)
{
    memset(out, 0, sizeof(*out));
    if (strncmp(text, "local:", 6) == 0)
        return parse_path(text + 6, out);
    if (strncmp(text, "unix:", 5) == 0)
        return parse_path(text + 5, out);
    if (strncmp(text, "inet:", 5) == 0)
        return parse_inet(text + 5, AF_INET, out);
    if (strncmp(text, "inet6:", 6) == 0)
        return parse_inet(text + 6, AF_INET6, out);
    return parse_path(text, out);
}

int
endpoint_connect(const struct endpoint *endpoint)
{
    int one = 1;
    int fd = socket(endpoint->addr.ss_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&endpoint->addr, endpoint->len) !=
            0 &&
        errno != EINPROGRESS) {
        int why = errno;

        close(fd);
        errno = why;
        return -1;
    }
    if (endpoint->addr.ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}
