/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config_socket.c - readers of sockets: the MTA's and the API's. */
#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "policy/config_build.h"

static enum ms_err
store_text(const struct reading *r, const char *text)
{
    memcpy(reading_at(r), &text, sizeof text);
    return MS_OK;
}

/* ----- of the MTA */

static void
check_local_socket(const struct reading *r, const char *path)
{
    const struct sockaddr_un un;

    if (path[0] != '/')
        reading_error(r, 0, "`%s` does not begin with /", path);
    else if (strlen(path) >= sizeof un.sun_path)
        reading_error(r, 0, "the path is longer than %zu bytes",
                      sizeof un.sun_path - 1);
}

static bool
check_inet_socket(const struct reading *r, const char *text)
{
    const char *p = text;
    uint64_t port;

    if (!reading_digits(&p, 10, &port) || *p != '@' || p[1] == '\0' ||
        strpbrk(p + 1, "@ \t/") != NULL)
        reading_error(r, 0, "`%s` is not of the form port@host", text);
    else if (port < 1 || port > 65535)
        reading_error(r, 0, "the port is not from 1 to 65535");
    else
        return true;
    return false;
}

static void
check_inet(const struct reading *r, const char *text)
{
    (void)check_inet_socket(r, text);
}

static void
check_descriptor(const struct reading *r, const char *text)
{
    const char *p = text;
    uint64_t n;

    if (!reading_digits(&p, 10, &n) || *p != '\0' || n < 3 || n > 1023)
        reading_error(r, 0, "`%s` is no descriptor from 3 to 1023", text);
}

enum ms_err
config_value_socket(const struct reading *r)
{
    static const struct {
        const char *prefix;
        void (*check)(const struct reading *r, const char *text);
    } forms[] = {{"local:", check_local_socket},
                 {"unix:", check_local_socket},
                 {"inet:", check_inet},
                 {"inet6:", check_inet},
                 {"fd:", check_descriptor}};
    const char *text = reading_term(r, 0);
    size_t i;

    for (i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t len = strlen(forms[i].prefix);

        if (strncmp(text, forms[i].prefix, len) != 0)
            continue;
        forms[i].check(r, text + len);
        return store_text(r, text);
    }
    reading_error(r, 0,
                  "`%s` is none of local:/path, unix:/path, inet:port@host, "
                  "inet6:port@host, fd:N",
                  text);
    return MS_OK;
}

/* ----- of the API */

enum ms_err
config_value_socket_path(const struct reading *r)
{
    const char *path = reading_term(r, 0);

    if (*path != '\0')
        check_local_socket(r, path);
    return store_text(r, path);
}

/* Behind the port: an address, so that no resolver decides who can reach it. */
static void
check_listen_host(const struct reading *r, const char *host)
{
    struct in6_addr any;

    if (strcmp(host, "localhost") != 0 && inet_pton(AF_INET, host, &any) != 1 &&
        inet_pton(AF_INET6, host, &any) != 1)
        reading_error(r, 0, "`%s` is no address such as 127.0.0.1 or ::1",
                      host);
}

enum ms_err
config_value_listen(const struct reading *r)
{
    static const char *const forms[] = {"inet:", "inet6:"};
    const char *text = reading_term(r, 0), *at = strchr(text, '@');
    size_t i, len;

    if (*text == '\0')
        return store_text(r, NULL);
    for (i = 0; i < sizeof forms / sizeof *forms; i++) {
        len = strlen(forms[i]);
        if (strncmp(text, forms[i], len) != 0)
            continue;
        if (check_inet_socket(r, text + len))
            check_listen_host(r, at + 1);
        return store_text(r, text);
    }
    reading_error(r, 0, "`%s` is not of the form inet:port@address", text);
    return MS_OK;
}
