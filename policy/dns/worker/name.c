/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/worker/name.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool
name_clean(const char *name, char out[RESOLVER_NAME])
{
    size_t len = strlen(name), label = 0;

    if (len > 0 && name[len - 1] == '.')
        len--;
    while (len >= RESOLVER_NAME) {
        const char *dot = memchr(name, '.', len);

        if (dot == NULL)
            return false;
        len -= (size_t)(dot + 1 - name);
        name = dot + 1;
    }
    for (size_t i = 0; i < len; i++) {
        label = name[i] == '.' ? 0 : label + 1;
        if (label > 63 || name[i] < 0x20 || name[i] > 0x7e || name[i] == '\\' ||
            (name[i] == '.' && (i == 0 || name[i - 1] == '.')))
            return false;
    }
    memcpy(out, name, len);
    out[len] = '\0';
    return len > 0 && label > 0;
}

void
name_arpa(const struct spf_request *ask, char out[RESOLVER_NAME])
{
    const uint8_t *c = ask->client;
    size_t at = 0;

    if (!ask->v6) {
        (void)snprintf(out, RESOLVER_NAME, "%u.%u.%u.%u.in-addr.arpa", c[3],
                       c[2], c[1], c[0]);
        return;
    }
    for (size_t i = 16; i-- > 0;) {
        out[at++] = "0123456789abcdef"[c[i] & 0xf];
        out[at++] = '.';
        out[at++] = "0123456789abcdef"[c[i] >> 4];
        out[at++] = '.';
    }
    memcpy(out + at, "ip6.arpa", sizeof("ip6.arpa"));
}

void
name_client(const struct spf_request *ask, char out[RESOLVER_NAME])
{
    size_t at = 0;

    if (!ask->v6) {
        (void)inet_ntop(AF_INET, ask->client, out, RESOLVER_NAME);
        return;
    }
    for (size_t i = 0; i < 16; i++) {
        out[at++] = "0123456789abcdef"[ask->client[i] >> 4];
        out[at++] = '.';
        out[at++] = "0123456789abcdef"[ask->client[i] & 0xf];
        out[at++] = i < 15 ? '.' : '\0';
    }
}

int
name_rank(const char *name, const char *domain)
{
    size_t n = strlen(name), d = strlen(domain);

    if (n < d || strcasecmp(name + n - d, domain) != 0)
        return 1;
    return n == d ? 3 : name[n - d - 1] == '.' ? 2 : 1;
}

bool
name_is_plain(const char *name)
{
    return name[0] != '\0' && strlen(name) < RESOLVER_NAME &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] ==
               '\0';
}
