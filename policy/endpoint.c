/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A URL may hold a password by mistake, so no error repeats what stands before
 * an `@`, nor a text in which nothing was recognised.
 */
#include <config.h>

#include "policy/endpoint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

enum { LABEL = 63, DB_MAX = 65535, PORT_MAX = 65535 };

/* A part of the text that is read. */
struct part {
    const char *at;
    size_t len;
};

static struct part
part_of(const char *at, const char *end)
{
    return (struct part){at, (size_t)(end - at)};
}

/* Digits and nothing else, up to MOST; false: anything else. */
static bool
read_number(struct part text, unsigned most, unsigned *out)
{
    unsigned n = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (unsigned)(text.at[i] - '0');
        if (n > most)
            return false;
    }
    *out = n;
    return true;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* No blanks, no control bytes, nothing beyond ASCII. */
static bool
is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
            return false;
    return true;
}

/* ----- hosts */

static enum ms_err
read_ipv6(struct part text, char host[ENDPOINT_HOST], struct why *why)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (text.len >= sizeof(copy))
        return why_set(why, MS_INVALID, "[...] is no IPv6 address");
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET6, copy, &address) != 1)
        return why_set(why, MS_INVALID, "[%s] is no IPv6 address", copy);
    (void)inet_ntop(AF_INET6, &address, host, ENDPOINT_HOST);
    return MS_OK;
}

static bool
is_host_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Labels of letters that DNS and /etc/hosts know, one dot between them. */
static bool
is_name(const char *host)
{
    size_t label = 0;

    for (const char *p = host; *p != '\0'; p++) {
        if (*p == '.' ? label == 0 : !is_host_letter(*p))
            return false;
        label = *p == '.' ? 0 : label + 1;
        if (label > LABEL)
            return false;
    }
    return host[0] != '\0' && host[0] != '-';
}

static enum ms_err
read_name(struct part text, char host[ENDPOINT_HOST], struct why *why)
{
    struct in_addr address;

    if (text.len >= ENDPOINT_HOST)
        return why_set(why, MS_INVALID,
                       "the name of the host is longer than %d bytes",
                       ENDPOINT_HOST - 1);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        host[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    host[text.len] = '\0';
    if (!is_name(host))
        return why_set(why, MS_INVALID, "`%s` is no name of a host", host);
    if (strspn(host, "0123456789.") == text.len &&
        inet_pton(AF_INET, host, &address) != 1)
        return why_set(why, MS_INVALID, "`%s` is no IPv4 address", host);
    return MS_OK;
}

static enum ms_err
read_port(struct part text, struct endpoint *out, struct why *why)
{
    unsigned port;

    if (!read_number(text, PORT_MAX, &port) || port == 0)
        return why_set(why, MS_INVALID, "`%.*s` is no port from 1 to %d",
                       text.len < 16 ? (int)text.len : 16, text.at, PORT_MAX);
    out->port = (uint16_t)port;
    return MS_OK;
}

/* "[address]" and what follows it; *REST is left at the colon or the end. */
static enum ms_err
read_bracket(struct part text, struct endpoint *out, const char **rest,
             struct why *why)
{
    const char *end = memchr(text.at, ']', text.len);
    enum ms_err err;

    if (end == NULL)
        return why_set(why, MS_INVALID, "a `]` is missing");
    err = read_ipv6(part_of(text.at + 1, end), out->host, why);
    if (err != MS_OK)
        return err;
    *rest = end + 1;
    if (*rest < text.at + text.len && **rest != ':')
        return why_set(why, MS_INVALID,
                       "behind a `]` only a colon and a port may stand");
    return MS_OK;
}

/* host, host:port, [address], [address]:port; PORT is set before. */
static enum ms_err
read_host(struct part text, struct endpoint *out, struct why *why)
{
    const char *end = text.at + text.len;
    const char *colon = memchr(text.at, ':', text.len);
    enum ms_err err;

    if (text.len > 0 && text.at[0] == '[') {
        err = read_bracket(text, out, &colon, why);
    } else if (colon != NULL &&
               memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL) {
        err = why_set(why, MS_INVALID,
                      "an IPv6 address stands in brackets: [2001:db8::1]:%u",
                      out->port);
    } else {
        colon = colon != NULL ? colon : end;
        err = read_name(part_of(text.at, colon), out->host, why);
    }
    if (err != MS_OK || colon == end)
        return err;
    return read_port(part_of(colon + 1, end), out, why);
}

enum ms_err
endpoint_parse_host(const char *text, uint16_t port, struct endpoint *out,
                    struct why *why)
{
    struct endpoint made = {.port = port};
    enum ms_err err;

    if (text[0] == '\0')
        return why_set(why, MS_INVALID, "the name of a host is missing");
    if (!is_plain(text))
        return why_set(why, MS_INVALID,
                       "the name of a host has neither blanks nor bytes beyond "
                       "ASCII");
    if (strstr(text, "://") != NULL)
        return why_set(why, MS_INVALID,
                       "only host:port is wanted here, not a URL");
    err = read_host(part_of(text, text + strlen(text)), &made, why);
    if (err == MS_OK)
        *out = made;
    return err;
}

/* ----- URLs */

/* The byte at *I, which may be written %XX; *I is moved behind it.  -1: a %
 * without two hexadecimal digits. */
static int
next_byte(struct part text, size_t *i)
{
    int high, low;

    if (text.at[*i] != '%')
        return (unsigned char)text.at[(*i)++];
    if (text.len - *i < 3)
        return -1;
    high = hex_digit(text.at[*i + 1]);
    low = hex_digit(text.at[*i + 2]);
    *i += 3;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* The user's name, its %XX decoded. */
static enum ms_err
read_user(struct part text, char user[ENDPOINT_USER], struct why *why)
{
    size_t n = 0;

    if (text.len == 0)
        return why_set(why, MS_INVALID, "the user before the @ is missing");
    for (size_t i = 0; i < text.len;) {
        int c = next_byte(text, &i);

        if (c < 0)
            return why_set(why, MS_INVALID,
                           "the user's name has a %% without two hexadecimal "
                           "digits behind it");
        if (c <= ' ' || c >= 0x7f)
            return why_set(why, MS_INVALID,
                           "the user's name has a blank, a control byte or "
                           "one beyond ASCII");
        if (n + 1 == ENDPOINT_USER)
            return why_set(why, MS_INVALID,
                           "the user's name is longer than %d bytes",
                           ENDPOINT_USER - 1);
        user[n++] = (char)c;
    }
    user[n] = '\0';
    return MS_OK;
}

static enum ms_err
read_db(struct part text, unsigned *db, struct why *why)
{
    if (read_number(text, DB_MAX, db))
        return MS_OK;
    return why_set(why, MS_INVALID,
                   "the number of the database is one from 0 to %d", DB_MAX);
}

/* Split "user@rest" off *REST, if there is one. */
static enum ms_err
take_user(const char **rest, struct endpoint *out, struct why *why)
{
    const char *at = strrchr(*rest, '@');
    struct part user;

    if (at == NULL)
        return MS_OK;
    user = part_of(*rest, at);
    /* also one with a slash in it, which ends a host */
    if (memchr(user.at, ':', user.len) != NULL)
        return why_set(why, MS_INVALID,
                       "a password does not belong here: write it to a file "
                       "that only the daemon can read, and name that with "
                       "`password_file =`");
    if (memchr(user.at, '/', user.len) != NULL)
        return why_set(why, MS_INVALID,
                       "a slash in the user's name is written %%2F");
    *rest = at + 1;
    return read_user(user, out->user, why);
}

/* What follows redis:// and rediss:// */
static enum ms_err
read_net(const char *rest, struct endpoint *out, struct why *why)
{
    const char *slash;
    enum ms_err err;

    out->port = ENDPOINT_PORT;
    err = take_user(&rest, out, why);
    if (err != MS_OK)
        return err;
    if (strpbrk(rest, "?#") != NULL)
        return why_set(why, MS_INVALID,
                       "behind the host only a port and /database may stand");
    slash = strchr(rest, '/');
    if (slash != NULL && slash[1] != '\0')
        err = read_db(part_of(slash + 1, strchr(slash, '\0')), &out->db, why);
    if (err != MS_OK)
        return err;
    slash = slash != NULL ? slash : strchr(rest, '\0');
    if (rest[0] == ':')
        return why_set(why, MS_INVALID, "there is a port, but no host");
    return slash == rest ? MS_OK : read_host(part_of(rest, slash), out, why);
}

/* What follows unix: */
static enum ms_err
read_unix(const char *rest, struct endpoint *out, struct why *why)
{
    const char *end;
    enum ms_err err = MS_OK;

    if (strncmp(rest, "//", 2) == 0) {
        rest += 2;
        err = take_user(&rest, out, why);
    }
    if (err != MS_OK)
        return err;
    if (rest[0] != '/')
        return why_set(why, MS_INVALID,
                       "the path of a Unix socket must be absolute: "
                       "unix:/run/redis/redis.sock");
    end = strchr(rest, '?');
    if (end != NULL && strncmp(end, "?db=", 4) != 0)
        return why_set(why, MS_INVALID,
                       "behind the path only ?db=NUMBER may stand");
    if (end != NULL)
        err = read_db(part_of(end + 4, strchr(end, '\0')), &out->db, why);
    if (err != MS_OK)
        return err;
    end = end != NULL ? end : strchr(rest, '\0');
    if ((size_t)(end - rest) >= ENDPOINT_PATH)
        return why_set(why, MS_INVALID,
                       "the path of the socket is longer than %d bytes",
                       ENDPOINT_PATH - 1);
    memcpy(out->path, rest, (size_t)(end - rest));
    out->path[end - rest] = '\0';
    return MS_OK;
}

/* The ways to write it elsewhere, and ours. */
static enum ms_err
refuse_scheme(const char *text, struct why *why)
{
    static const struct {
        const char *theirs, *ours;
    } rows[] = {
        {"redis", "redis://"},
        {"rediss", "rediss://"},
        {"valkey", "redis://"},
        {"valkeys", "rediss://"},
        {"tcp", "redis://"},
        {"inet", "redis://"},
        {"tls", "rediss://"},
        {"redis+tls", "rediss://"},
        {"redis+ssl", "rediss://"},
        {"redis+unix", "unix:/path"},
        {"unix+redis", "unix:/path"},
        {"redis+socket", "unix:/path"},
        {"redis-socket", "unix:/path"},
        {"local", "unix:/path"},
    };
    size_t len = strcspn(text, ":");

    if (text[0] == '/')
        return why_set(why, MS_INVALID, "write unix: before the path");
    if (text[len] == ':')
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
            if (strlen(rows[i].theirs) == len &&
                strncasecmp(text, rows[i].theirs, len) == 0)
                return why_set(why, MS_INVALID, "write %s instead of `%s:`",
                               rows[i].ours, rows[i].theirs);
    return why_set(why, MS_INVALID,
                   "a server is written redis://user@host:6379/0, "
                   "rediss://user@host:6379/0 (with TLS) or unix:/path?db=0");
}

enum ms_err
endpoint_parse(const char *text, struct endpoint *out, struct why *why)
{
    static const struct {
        const char *scheme;
        bool tls;
        enum ms_err (*read)(const char *rest, struct endpoint *out,
                            struct why *why);
    } rows[] = {
        {"redis://", false, read_net},
        {"rediss://", true, read_net},
        {"unix:", false, read_unix},
    };

    if (!is_plain(text))
        return why_set(why, MS_INVALID,
                       "a URL has neither blanks nor bytes beyond ASCII");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = strlen(rows[i].scheme);
        struct endpoint made = {.tls = rows[i].tls};
        enum ms_err err;

        if (strncasecmp(text, rows[i].scheme, len) != 0)
            continue;
        err = rows[i].read(text + len, &made, why);
        if (err == MS_OK)
            *out = made;
        return err;
    }
    return refuse_scheme(text, why);
}

/* ----- printing, comparing */

char *
endpoint_print(const struct endpoint *endpoint, char buf[ENDPOINT_NAME])
{
    bool bare = strchr(endpoint->host, ':') == NULL;

    if (endpoint->path[0] != '\0')
        (void)snprintf(buf, ENDPOINT_NAME, "unix:%s", endpoint->path);
    else
        (void)snprintf(buf, ENDPOINT_NAME, "%s%s%s:%u", bare ? "" : "[",
                       endpoint->host, bare ? "" : "]",
                       (unsigned)endpoint->port);
    return buf;
}

bool
endpoint_same(const struct endpoint *a, const struct endpoint *b)
{
    if (a->path[0] != '\0' || b->path[0] != '\0')
        return strcmp(a->path, b->path) == 0;
    return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}
