/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/host.h"

#include <string.h>
#include <strings.h>

/* How long HOST is without its port, whose digits are all that may follow; 0:
 * it is no host. */
static size_t
name_length(const char *host)
{
    size_t len = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");
    const char *port;

    if (host[0] == '[')
        len += host[len] == ']';
    port = host + len;
    if (*port == ':')
        port += 1 + strspn(port + 1, "0123456789");
    return *port == '\0' ? len : 0;
}

static bool
is_name(const char *host, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(host, name, len) == 0;
}

/* Is NAME that of LEN bytes at HOST, an IPv6 address in brackets? */
static bool
is_address(const char *host, size_t len, const char *name)
{
    if (strchr(name, ':') == NULL)
        return is_name(host, len, name);
    return len > 2 && host[0] == '[' && is_name(host + 1, len - 2, name);
}

bool
api_host_fits(const struct config *config, const char *host)
{
    static const char *const own[] = {"localhost", "127.0.0.1", "::1"};
    const char *listen = config->status.listen;
    const char *at = listen != NULL ? strchr(listen, '@') : NULL;
    size_t len = host != NULL ? name_length(host) : 0;

    if (len == 0)
        return false;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (is_address(host, len, own[i]))
            return true;
    }
    for (size_t i = 0; i < config->status.n_hosts; i++) {
        if (is_address(host, len, config->status.hosts[i]))
            return true;
    }
    return at != NULL && is_address(host, len, at + 1);
}

bool
api_origin_fits(const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);

        if (strncasecmp(origin, schemes[i], len) == 0)
            return host != NULL && strcasecmp(origin + len, host) == 0;
    }
    return false;
}
