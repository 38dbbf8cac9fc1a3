/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/prefix.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = 96 };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static struct prefix
host4(const uint8_t addr[4])
{
    struct prefix p = {.family = 4, .len = V4_BITS};

    memcpy(p.addr, addr, 4);
    return p;
}

static struct prefix
host6(const uint8_t addr[16])
{
    struct prefix p = {.family = 6, .len = V6_BITS};

    if (memcmp(addr, mapped, sizeof(mapped)) == 0)
        return host4(addr + sizeof(mapped));
    memcpy(p.addr, addr, 16);
    return p;
}

struct prefix
prefix_of_sockaddr(const struct sockaddr *sa)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (sa != NULL && sa->sa_family == AF_INET) {
        memcpy(&in, sa, sizeof(in));
        return host4((const uint8_t *)&in.sin_addr);
    }
    if (sa != NULL && sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof(in6));
        return host6(in6.sin6_addr.s6_addr);
    }
    return (struct prefix){0};
}

/* Zero the bits of ADDR from LEN on. */
static void
mask(uint8_t *addr, unsigned bytes, unsigned len)
{
    for (unsigned i = 0; i < bytes; i++) {
        unsigned kept = len > 8 * i ? len - 8 * i : 0;

        if (kept < 8)
            addr[i] &= (uint8_t)(0xff00 >> kept);
    }
}

/* The decimal number at TEXT, all of it, at most MOST. */
static bool
parse_length(const char *text, unsigned most, unsigned *out)
{
    unsigned n = 0;

    if (*text == '\0' || strlen(text) > 3)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        n = 10 * n + (unsigned)(*text - '0');
    }
    *out = n;
    return n <= most;
}

/* Copy TEXT up to its "/", without brackets and without an "IPv6:" tag. */
static bool
copy_host(const char *text, char host[INET6_ADDRSTRLEN])
{
    size_t len = strcspn(text, "/");

    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len > 5 && strncasecmp(text, "IPv6:", 5) == 0) {
        text += 5;
        len -= 5;
    }
    if (len == 0 || len >= INET6_ADDRSTRLEN)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    return true;
}

enum ms_err
prefix_parse(const char *text, struct prefix *out, struct why *why)
{
    const char *slash = strchr(text, '/');
    char host[INET6_ADDRSTRLEN];
    uint8_t addr[16] = {0};
    struct prefix p, cut;
    unsigned len, most;

    if (!copy_host(text, host))
        return why_set(why, MS_INVALID, "`%.60s' is no IP address", text);
    if (inet_pton(AF_INET, host, addr) == 1) {
        p = host4(addr);
        most = V4_BITS;
    } else if (inet_pton(AF_INET6, host, addr) == 1) {
        p = host6(addr);
        most = V6_BITS;
    } else {
        return why_set(why, MS_INVALID, "`%.60s' is no IP address", text);
    }
    if (slash == NULL) {
        *out = p;
        return MS_OK;
    }
    if (!parse_length(slash + 1, most, &len))
        return why_set(why, MS_INVALID, "`%.60s': the length must be 0 to %u",
                       text, most);
    if (most == V6_BITS && p.family == 4) { /* ::ffff:192.0.2.0/120 */
        if (len < MAPPED_BITS)
            return why_set(why, MS_INVALID, "`%.60s' mixes IPv4 and IPv6",
                           text);
        len -= MAPPED_BITS;
    }
    cut = prefix_cut(p, len, len);
    if (memcmp(cut.addr, p.addr, sizeof(p.addr)) != 0) {
        char buf[PREFIX_TEXT];

        return why_set(why, MS_INVALID,
                       "`%.60s' has bits behind the length; `%s' is meant?",
                       text, prefix_print(cut, buf));
    }
    *out = cut;
    return MS_OK;
}

struct prefix
prefix_cut(struct prefix p, unsigned len4, unsigned len6)
{
    unsigned len = p.family == 4 ? len4 : len6;

    if (p.family == 0 || len >= p.len)
        return p;
    p.len = (uint8_t)len;
    mask(p.addr, p.family == 4 ? 4 : 16, len);
    return p;
}

bool
prefix_covers(struct prefix outer, struct prefix inner)
{
    if (outer.family == 0 || outer.family != inner.family ||
        outer.len > inner.len)
        return false;
    inner = prefix_cut(inner, outer.len, outer.len);
    return memcmp(outer.addr, inner.addr, sizeof(outer.addr)) == 0;
}

bool
prefix_is_loopback(struct prefix p)
{
    static const struct prefix v4 = {4, 8, {127}};
    static const struct prefix v6 = {6, V6_BITS, {[15] = 1}};

    return prefix_covers(v4, p) || prefix_covers(v6, p);
}

/* snprintf() and inet_ntop() take ten times as long, several times a
 * message. */
static char *
put_decimal(char *out, unsigned n)
{
    if (n >= 100)
        *out++ = (char)('0' + n / 100);
    if (n >= 10)
        *out++ = (char)('0' + n / 10 % 10);
    *out++ = (char)('0' + n % 10);
    return out;
}

static char *
put_host4(char *out, const uint8_t addr[4])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *out++ = '.';
        out = put_decimal(out, addr[i]);
    }
    *out = '\0';
    return out;
}

bool
prefix_is_private(struct prefix p)
{
    static const struct prefix ranges[] = {
        {4, 8, {10}},   {4, 12, {172, 16}},    {4, 16, {192, 168}},
        {4, 8, {127}},  {4, 16, {169, 254}},   {4, 10, {100, 64}},
        {6, 7, {0xfc}}, {6, 10, {0xfe, 0x80}}, {6, 128, {[15] = 1}}};
    size_t i;

    for (i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (prefix_covers(ranges[i], p))
            return true;
    return false;
}

char *
prefix_print(struct prefix p, char buf[PREFIX_TEXT])
{
    char *out = buf;

    if (p.family == 4) {
        out = put_host4(buf, p.addr);
    } else if (p.family == 6 &&
               inet_ntop(AF_INET6, p.addr, buf, INET6_ADDRSTRLEN) != NULL) {
        out += strlen(buf);
    } else {
        memcpy(buf, "unknown", sizeof("unknown"));
        return buf;
    }
    if (p.len != (p.family == 4 ? V4_BITS : V6_BITS)) {
        *out++ = '/';
        out = put_decimal(out, p.len);
        *out = '\0';
    }
    return buf;
}
