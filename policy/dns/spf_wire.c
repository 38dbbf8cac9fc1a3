/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/spf_wire.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { WIRE_VERSION = 1, HEAD = 8, ROOM = 1024 };

/* ----- writing */

static bool
reserve(struct spf_out *out, size_t len)
{
    size_t room = out->room > 0 ? out->room : ROOM;
    uint8_t *data;

    if (out->err == MS_OK && (len > SPF_FRAME || out->len + len > SPF_FRAME))
        out->err = MS_INVALID;
    if (out->err != MS_OK)
        return false;
    while (room < out->len + len)
        room *= 2;
    if (room == out->room)
        return true;
    data = realloc(out->data, room);
    if (data == NULL) {
        out->err = MS_NOMEM;
        return false;
    }
    out->data = data;
    out->room = room;
    return true;
}

void
spf_put_bytes(struct spf_out *out, const void *data, size_t len)
{
    if (!reserve(out, len) || len == 0)
        return;
    memcpy(out->data + out->len, data, len);
    out->len += len;
}

void
spf_put_u8(struct spf_out *out, uint8_t n)
{
    spf_put_bytes(out, &n, 1);
}

void
spf_put_u16(struct spf_out *out, uint16_t n)
{
    const uint8_t bytes[] = {(uint8_t)(n >> 8), (uint8_t)n};

    spf_put_bytes(out, bytes, sizeof(bytes));
}

void
spf_put_string(struct spf_out *out, const char *text)
{
    size_t len = strlen(text) + 1;

    spf_put_u16(out, (uint16_t)(len <= UINT16_MAX ? len : 0));
    spf_put_bytes(out, text, len);
}

void
spf_frame_begin(struct spf_out *out, enum spf_frame kind)
{
    const uint8_t head[HEAD] = {'M', WIRE_VERSION, (uint8_t)kind};

    out->len = 0;
    spf_put_bytes(out, head, sizeof(head));
}

enum ms_err
spf_frame_end(struct spf_out *out)
{
    if (out->err != MS_OK)
        return out->err;
    for (int i = 0; i < 4; i++)
        out->data[4 + i] = (uint8_t)(out->len >> (24 - 8 * i));
    return MS_OK;
}

/* ----- reading */

bool
spf_frame_open(const uint8_t *data, size_t len, enum spf_frame *kind,
               struct spf_in *in)
{
    size_t told = 0;

    if (len < HEAD || len > SPF_FRAME || data[0] != 'M' ||
        data[1] != WIRE_VERSION || data[2] < SPF_FRAME_HELLO ||
        data[2] > SPF_FRAME_RESULT || data[3] != 0)
        return false;
    for (int i = 4; i < HEAD; i++)
        told = told << 8 | data[i];
    if (told != len)
        return false;
    *kind = (enum spf_frame)data[2];
    *in = (struct spf_in){.at = data + HEAD, .end = data + len};
    return true;
}

const uint8_t *
spf_get_bytes(struct spf_in *in, size_t len)
{
    const uint8_t *at = in->at;

    if (in->bad || len > (size_t)(in->end - in->at)) {
        in->bad = true;
        return NULL;
    }
    in->at += len;
    return at;
}

uint8_t
spf_get_u8(struct spf_in *in)
{
    const uint8_t *at = spf_get_bytes(in, 1);

    return at != NULL ? *at : 0;
}

uint16_t
spf_get_u16(struct spf_in *in)
{
    const uint8_t *at = spf_get_bytes(in, 2);

    return at != NULL ? (uint16_t)((unsigned)at[0] << 8 | at[1]) : 0;
}

const char *
spf_get_string(struct spf_in *in)
{
    size_t len = spf_get_u16(in);
    const uint8_t *at = spf_get_bytes(in, len);

    if (at == NULL || len == 0 || memchr(at, '\0', len) != at + len - 1) {
        in->bad = true;
        return "";
    }
    return (const char *)at;
}

/* ----- a request */

static bool
known_type(unsigned type)
{
    return type == RESOLVER_A || type == RESOLVER_AAAA || type == RESOLVER_MX ||
           type == RESOLVER_PTR || type == RESOLVER_TXT;
}

/* Is a record of LEN octets one of TYPE? */
static bool
record_fits(enum resolver_type type, const uint8_t *data, size_t len)
{
    switch (type) {
    case RESOLVER_A:
        return len == 4;
    case RESOLVER_AAAA:
        return len == 16;
    case RESOLVER_MX:
    case RESOLVER_PTR:
        return len < RESOLVER_NAME && memchr(data, '\0', len) == NULL;
    case RESOLVER_TXT:
        break;
    }
    return len <= SPF_RECORD;
}

static void
read_answer(struct spf_in *in, struct spf_answer *out)
{
    unsigned type = spf_get_u16(in), status = spf_get_u8(in);

    out->name = spf_get_string(in);
    out->n = spf_get_u8(in);
    out->records = in->at;
    if (!known_type(type) || status > RESOLVER_FAILED ||
        (status != RESOLVER_DATA && out->n > 0) ||
        strlen(out->name) >= RESOLVER_NAME)
        in->bad = true;
    out->type = (enum resolver_type)type;
    out->status = (enum resolver_status)status;
    for (unsigned i = 0; i < out->n && !in->bad; i++) {
        size_t len = spf_get_u16(in);
        const uint8_t *data = spf_get_bytes(in, len);

        if (data == NULL || !record_fits(out->type, data, len))
            in->bad = true;
    }
}

bool
spf_request_read(const uint8_t *data, size_t len, struct spf_request *out)
{
    const uint8_t *client;
    enum spf_frame kind;
    struct spf_in in;
    unsigned family;

    if (!spf_frame_open(data, len, &kind, &in) || kind != SPF_FRAME_REQUEST)
        return false;
    family = spf_get_u8(&in);
    client = spf_get_bytes(&in, family == 6 ? 16 : 4);
    if ((family != 4 && family != 6) || client == NULL)
        return false;
    *out = (struct spf_request){.v6 = family == 6};
    memcpy(out->client, client, out->v6 ? 16 : 4);
    out->helo = spf_get_string(&in);
    out->sender = spf_get_string(&in);
    out->receiver = spf_get_string(&in);
    /* what comes up to the end is answers */
    while (!in.bad && in.at < in.end) {
        if (out->n == SPF_ANSWERS)
            return false;
        read_answer(&in, &out->answer[out->n++]);
    }
    return !in.bad && strlen(out->sender) < SPF_SENDER &&
           strlen(out->helo) < RESOLVER_NAME &&
           strlen(out->receiver) < RESOLVER_NAME;
}

const uint8_t *
spf_record_next(const uint8_t **at, size_t *len)
{
    const uint8_t *data = *at + 2;

    *len = (size_t)((*at)[0] << 8 | (*at)[1]);
    *at = data + *len;
    return data;
}

bool
spf_is_record(const void *text, size_t len)
{
    static const char version[] = "v=spf1";
    const size_t n = sizeof(version) - 1;

    return len >= n && strncasecmp(text, version, n) == 0 &&
           (len == n || ((const char *)text)[n] == ' ');
}

/* ----- a reply */

void
spf_printable(const char *text, size_t len, char out[LOOKUPS_DETAIL])
{
    size_t n = len < LOOKUPS_DETAIL ? len : LOOKUPS_DETAIL - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    out[n] = '\0';
    if (n < len)
        memcpy(out + n - 3, "...", 3);
}

bool
spf_reply_read(const uint8_t *data, size_t len, struct spf_reply *out)
{
    enum spf_frame kind;
    struct spf_in in;
    const char *text;
    unsigned word;

    if (!spf_frame_open(data, len, &kind, &in) ||
        (kind != SPF_FRAME_QUESTION && kind != SPF_FRAME_RESULT))
        return false;
    *out = (struct spf_reply){.asks = kind == SPF_FRAME_QUESTION};
    out->terms = spf_get_u8(&in);
    out->voids = spf_get_u8(&in);
    word = spf_get_u16(&in);
    text = spf_get_string(&in);
    if (in.bad || in.at != in.end)
        return false;
    if (!out->asks) {
        out->result = (enum spf_result)word;
        spf_printable(text, strlen(text), out->detail);
        return word < SPF_RESULTS;
    }
    if (!known_type(word) || text[0] == '\0' || strlen(text) >= RESOLVER_NAME)
        return false;
    out->type = (enum resolver_type)word;
    memcpy(out->name, text, strlen(text) + 1);
    return true;
}

enum ms_err
spf_reply_write(const struct spf_reply *reply, struct spf_out *out)
{
    unsigned word =
        reply->asks ? (unsigned)reply->type : (unsigned)reply->result;

    spf_frame_begin(out, reply->asks ? SPF_FRAME_QUESTION : SPF_FRAME_RESULT);
    spf_put_u8(out, (uint8_t)reply->terms);
    spf_put_u8(out, (uint8_t)reply->voids);
    spf_put_u16(out, (uint16_t)word);
    spf_put_string(out, reply->asks ? reply->name : reply->detail);
    return spf_frame_end(out);
}
