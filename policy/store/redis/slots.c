/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/store/redis/slots.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { TAG_TRIES = 1 << 19 };

/* (CRC16-CCITT as XMODEM has it, which the Cluster specification names) */
static unsigned
crc16(const uint8_t *at, size_t len)
{
    unsigned crc = 0;

    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned)at[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ ((crc & 0x8000) != 0 ? 0x1021 : 0);
    }
    return crc & 0xffff;
}

unsigned
redis_slot(const void *key, size_t len)
{
    const char *at = key;
    const char *open = len > 0 ? memchr(at, '{', len) : NULL;
    const char *close = NULL;

    if (open != NULL)
        close = memchr(open + 1, '}', len - (size_t)(open + 1 - at));
    if (close != NULL && close > open + 1)
        return crc16((const uint8_t *)open + 1, (size_t)(close - open - 1)) %
               REDIS_SLOTS;
    return crc16(key, len) % REDIS_SLOTS;
}

bool
slots_tag(bool (*is_ours)(void *arg, unsigned slot), void *arg,
          char tag[SLOTS_TAG])
{
    for (unsigned i = 0; i < TAG_TRIES; i++) {
        int len = snprintf(tag, SLOTS_TAG, "%x", i);

        if (is_ours(arg, redis_slot(tag, (size_t)len)))
            return true;
    }
    return false;
}

/* ----- addresses */

/* LEN bytes at HOST as the host of OUT, LIKE another server.  None: on its
 * host. */
static bool
set_host(const char *host, size_t len, const struct endpoint *like,
         struct endpoint *out)
{
    *out = *like;
    if (len == 0)
        return out->host[0] != '\0';
    if (len >= sizeof(out->host))
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)host[i];

        if (!isalnum(c) && (c == '\0' || strchr(".-_:%", c) == NULL))
            return false;
        out->host[i] = (char)tolower(c);
    }
    out->host[len] = '\0';
    out->path[0] = '\0';
    return out->host[0] != '\0';
}

static bool
set_port(int64_t port, struct endpoint *out)
{
    if (port < 1 || port > UINT16_MAX)
        return false;
    out->port = (uint16_t)port;
    return true;
}

/* A number of digits alone, up to MOST, that ends at END. */
static bool
read_number(const char *text, const char *end, int64_t most, int64_t *out)
{
    *out = 0;
    if (text == end)
        return false;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9')
            return false;
        *out = *out * 10 + (*text - '0');
        if (*out > most)
            return false;
    }
    return true;
}

bool
slots_read_redirect(const struct reply *reply, const struct endpoint *asked,
                    unsigned *slot, struct endpoint *out)
{
    const char *end = reply->text + reply->len;
    const char *number = memchr(reply->text, ' ', reply->len);
    const char *host, *port;
    int64_t n;

    if (number == NULL)
        return false;
    number++;
    host = memchr(number, ' ', (size_t)(end - number));
    if (host == NULL || !read_number(number, host, REDIS_SLOTS - 1, &n))
        return false;
    *slot = (unsigned)n;
    host++;
    /* (an IPv6 address comes without brackets) */
    for (port = end; port > host && port[-1] != ':'; port--)
        ;
    return port > host && read_number(port, end, UINT16_MAX, &n) &&
           set_host(host, (size_t)(port - 1 - host), asked, out) &&
           set_port(n, out);
}

/* ----- CLUSTER SLOTS: [[from, to, [host, port, id, ...], replicas...]...] */

static bool
is_array(const struct reply *reply, size_t least)
{
    return reply->type == REPLY_ARRAY && reply->n >= least;
}

static bool
is_text(const struct reply *reply)
{
    return reply->type == REPLY_TEXT || reply->type == REPLY_STATUS;
}

static bool
read_node(const struct reply *reply, const struct endpoint *asked,
          struct endpoint *out)
{
    const struct reply *host, *port;

    if (!is_array(reply, 2))
        return false;
    host = reply->element[0];
    port = reply->element[1];
    if (port->type != REPLY_INTEGER ||
        (host->type != REPLY_NIL && !is_text(host)))
        return false;
    return set_host(host->type == REPLY_NIL ? "" : host->text,
                    host->type == REPLY_NIL ? 0 : host->len, asked, out) &&
           set_port(port->integer, out);
}

/* The index of AT; SLOTS_NOBODY: there is no room for one more. */
static uint8_t
index_of(struct slots *slots, const struct endpoint *at)
{
    for (size_t i = 0; i < slots->n; i++)
        if (endpoint_same(&slots->node[i], at))
            return (uint8_t)i;
    if (slots->n == SLOTS_NODES)
        return SLOTS_NOBODY;
    slots->node[slots->n] = *at;
    return (uint8_t)slots->n++;
}

static enum ms_err
read_range(const struct reply *range, const struct endpoint *asked,
           struct slots *out, struct why *why)
{
    struct endpoint at;
    int64_t from, to;
    uint8_t owner;

    if (!is_array(range, 3) || range->element[0]->type != REPLY_INTEGER ||
        range->element[1]->type != REPLY_INTEGER ||
        !read_node(range->element[2], asked, &at))
        return why_set(why, MS_INVALID, "no reply to CLUSTER SLOTS");
    from = range->element[0]->integer;
    to = range->element[1]->integer;
    if (from < 0 || to >= REDIS_SLOTS || from > to)
        return why_set(why, MS_INVALID, "CLUSTER SLOTS tells of no such slots");
    owner = index_of(out, &at);
    if (owner == SLOTS_NOBODY)
        return why_set(why, MS_INVALID, "it has more than %d masters",
                       SLOTS_NODES);
    memset(&out->owner[from], owner, (size_t)(to - from + 1));
    return MS_OK;
}

enum ms_err
slots_read(const struct reply *reply, const struct endpoint *asked,
           struct slots *out, struct why *why)
{
    out->n = 0;
    out->owned = 0;
    memset(out->owner, SLOTS_NOBODY, sizeof(out->owner));
    if (reply->type != REPLY_ARRAY)
        return why_set(why, MS_INVALID, "no reply to CLUSTER SLOTS");
    for (size_t i = 0; i < reply->n; i++) {
        enum ms_err err = read_range(reply->element[i], asked, out, why);

        if (err != MS_OK)
            return err;
    }
    for (size_t slot = 0; slot < REDIS_SLOTS; slot++)
        out->owned += out->owner[slot] != SLOTS_NOBODY;
    return MS_OK;
}

/* ----- Sentinels */

enum ms_err
slots_read_master(const struct reply *reply, const struct endpoint *like,
                  struct endpoint *out, struct why *why)
{
    const struct reply *port;
    int64_t n;

    if (reply->type == REPLY_NIL ||
        (reply->type == REPLY_ARRAY && reply->n == 0))
        return why_set(why, MS_INVALID, "it knows no master of that name");
    if (!is_array(reply, 2) || !is_text(reply->element[0]) ||
        !is_text(reply->element[1]) || reply->element[0]->len == 0)
        return why_set(why, MS_INVALID, "no address of a master");
    port = reply->element[1];
    if (!set_host(reply->element[0]->text, reply->element[0]->len, like, out) ||
        !read_number(port->text, port->text + port->len, UINT16_MAX, &n) ||
        !set_port(n, out))
        return why_set(why, MS_INVALID, "no address of a master");
    return MS_OK;
}

uint64_t
slots_read_epoch(const struct reply *reply)
{
    int64_t n;

    if (reply->type != REPLY_ARRAY)
        return 0;
    for (size_t i = 0; i + 1 < reply->n; i += 2) {
        const struct reply *name = reply->element[i];
        const struct reply *value = reply->element[i + 1];

        if (is_text(name) && strcmp(name->text, "config-epoch") == 0 &&
            is_text(value) &&
            read_number(value->text, value->text + value->len, INT64_MAX / 16,
                        &n))
            return (uint64_t)n;
    }
    return 0;
}

bool
slots_is_master(const struct reply *reply)
{
    return is_array(reply, 1) && is_text(reply->element[0]) &&
           strcmp(reply->element[0]->text, "master") == 0;
}
