/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/spf_check.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/address.h"
#include "policy/dns/spf_wire.h"

enum {
    MX_TOLD = 11,  /* one more than RFC 7208 section 4.6.4 allows */
    PTR_TOLD = 10, /* it looks at no more */
    TXT_TOLD = 2   /* two are as wrong as many */
};

struct spf_check {
    struct spf_finding found;
    enum spf_step step;
    char question[RESOLVER_NAME];
    enum resolver_type type;
    unsigned asked;
    struct spf_out frame; /* the request, that grows by answers */
};

/* ----- its end */

static void
finish(struct spf_check *c, enum spf_result result, const char *detail)
{
    c->step = SPF_STEP_DONE;
    c->found.state = LOOKUP_KNOWN;
    c->found.result = result;
    spf_printable(detail, strlen(detail), c->found.detail);
}

void
spf_check_give_up(struct spf_check *c, const char *detail)
{
    if (c->step != SPF_STEP_DONE)
        finish(c, SPF_TEMPERROR, detail);
}

void
spf_check_died(struct spf_check *c)
{
    spf_check_give_up(c, "its record could not be read to the end");
}

/* ----- who is asked about */

/* RFC 7208 section 4.3: a name of two labels or more, none of them empty or
 * longer than 63 octets. */
static bool
is_domain(const char *name)
{
    size_t label = 0, labels = 1;

    for (const char *p = name; *p != '\0'; p++) {
        if (*p < 0x21 || *p > 0x7e || *p == '\\' || (*p == '.' && label == 0))
            return false;
        label = *p == '.' ? 0 : label + 1;
        labels += *p == '.';
        if (label > 63)
            return false;
    }
    return label > 0 && labels > 1 && name[0] != '[' &&
           strlen(name) < RESOLVER_NAME;
}

/* TEXT without its last dot, and in A-labels, into OUT. */
static bool
read_domain(const char *text, char out[RESOLVER_NAME])
{
    char ascii[ADDRESS_DOMAIN_MAX + 1];
    size_t len;

    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80) {
            if (!address_domain(text, ascii))
                return false;
            text = ascii;
            break;
        }
    len = strlen(text);
    if (len > 0 && text[len - 1] == '.')
        len--;
    if (len >= RESOLVER_NAME)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return is_domain(out);
}

/* What is asked about: RFC 7208 section 2.4. */
struct identity {
    char sender[SPF_SENDER]; /* local@domain */
    char domain[RESOLVER_NAME];
};

static bool
read_identity(const struct spf_ask *ask, struct identity *out)
{
    const char *helo = ask->helo != NULL ? ask->helo : "";
    const char *sender = ask->sender != NULL ? ask->sender : "";
    const char *at = strrchr(sender, '@');
    const char *domain = at != NULL          ? at + 1
                         : sender[0] != '\0' ? sender
                                             : helo;
    bool local = at != NULL && at > sender;
    int len;

    if (!read_domain(domain, out->domain))
        return false;
    len = snprintf(out->sender, sizeof(out->sender), "%.*s@%s",
                   local ? (int)(at - sender) : (int)sizeof("postmaster") - 1,
                   local ? sender : "postmaster", out->domain);
    return len > 0 && (size_t)len < sizeof(out->sender);
}

/* ----- the request */

/* The client's address, IPv4 where it is IPv4 (RFC 7208 section 5). */
static bool
put_client(struct spf_out *out, const struct sockaddr *client)
{
    const uint8_t *bytes;

    if (client->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)client;

        spf_put_u8(out, 4);
        spf_put_bytes(out, &v4->sin_addr, 4);
        return true;
    }
    if (client->sa_family != AF_INET6)
        return false;
    bytes =
        ((const struct sockaddr_in6 *)(const void *)client)->sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)bytes)) {
        spf_put_u8(out, 4);
        spf_put_bytes(out, bytes + 12, 4);
        return true;
    }
    spf_put_u8(out, 6);
    spf_put_bytes(out, bytes, 16);
    return true;
}

/* A name that a macro may stand for; one that is too long is nobody's. */
static const char *
short_name(const char *name)
{
    return name != NULL && strlen(name) < RESOLVER_NAME ? name : "unknown";
}

static void
ask_dns(struct spf_check *c, const char *name, enum resolver_type type)
{
    if (c->asked == SPF_QUESTIONS) {
        finish(c, SPF_PERMERROR, "more than 40 questions to the DNS");
        return;
    }
    c->asked++;
    c->step = SPF_STEP_ASK;
    c->type = type;
    memcpy(c->question, name, strlen(name) + 1);
}

enum ms_err
spf_check_create(const struct spf_ask *ask, struct spf_check **out)
{
    struct spf_check *c = calloc(1, sizeof(*c));
    struct identity who = {.domain = ""};
    bool domain, client;

    if (c == NULL)
        return MS_NOMEM;
    domain = read_identity(ask, &who);
    if (domain)
        memcpy(c->found.domain, who.domain, sizeof(who.domain));
    spf_frame_begin(&c->frame, SPF_FRAME_REQUEST);
    client = put_client(&c->frame, ask->client);
    spf_put_string(&c->frame, short_name(ask->helo));
    spf_put_string(&c->frame, who.sender);
    spf_put_string(&c->frame, short_name(ask->receiver));
    if (c->frame.err == MS_NOMEM) {
        spf_check_destroy(c);
        return MS_NOMEM;
    }
    c->found.state = LOOKUP_PENDING;
    if (domain && client)
        ask_dns(c, who.domain, RESOLVER_TXT);
    else
        finish(c, SPF_NONE, domain ? "no address" : "no domain");
    *out = c;
    return MS_OK;
}

void
spf_check_destroy(struct spf_check *c)
{
    if (c == NULL)
        return;
    free(c->frame.data);
    free(c);
}

enum spf_step
spf_check_step(const struct spf_check *c)
{
    return c->step;
}

const char *
spf_check_question(const struct spf_check *c, enum resolver_type *type)
{
    *type = c->type;
    return c->question;
}

const struct spf_finding *
spf_check_found(const struct spf_check *c)
{
    return &c->found;
}

/* ----- what the DNS says */

/* The pieces of a TXT one after the other into OUT, which has room for all of
 * RECORD.  False: they are not what they say. */
static bool
join_txt(const struct resolver_record *record, uint8_t *out, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < record->length;) {
        size_t piece = record->data[i++];

        if (piece > record->length - i)
            return false;
        memcpy(out + *len, record->data + i, piece);
        *len += piece;
        i += piece;
    }
    return true;
}

static void
put_record(struct spf_out *out, const void *data, size_t len)
{
    spf_put_u16(out, (uint16_t)len);
    spf_put_bytes(out, data, len);
}

/* Tell the SPF records of ANSWER; how many there are. */
static unsigned
put_txt(struct spf_check *c, const struct resolver_answer *answer)
{
    unsigned n = 0;

    for (size_t i = 0; i < answer->n && n < TXT_TOLD; i++) {
        uint8_t *text = malloc(answer->record[i].length + 1);
        size_t len;

        if (text == NULL) {
            c->frame.err = MS_NOMEM;
            return n;
        }
        if (join_txt(&answer->record[i], text, &len) &&
            spf_is_record(text, len)) {
            n++;
            if (len > SPF_RECORD)
                c->frame.err = MS_INVALID;
            else
                put_record(&c->frame, text, len);
        }
        free(text);
    }
    if (answer->cut)
        c->frame.err = MS_INVALID;
    return n;
}

static unsigned
put_addresses(struct spf_check *c, const struct resolver_answer *answer)
{
    size_t size = c->type == RESOLVER_A ? 4 : 16;
    unsigned n = 0;

    for (size_t i = 0; i < answer->n && n < RESOLVER_RECORDS; i++)
        if (answer->record[i].length == size) {
            put_record(&c->frame, answer->record[i].data, size);
            n++;
        }
    return n;
}

static unsigned
put_names(struct spf_check *c, const struct resolver_answer *answer)
{
    const size_t skip = c->type == RESOLVER_MX ? 2 : 0; /* preference */
    const unsigned most = c->type == RESOLVER_MX ? MX_TOLD : PTR_TOLD;
    unsigned n = 0;

    for (size_t i = 0; i < answer->n && n < most; i++) {
        const struct resolver_record *r = &answer->record[i];
        char name[RESOLVER_NAME];

        if (r->length < skip ||
            !resolver_name(r->data + skip, r->length - skip, name))
            continue;
        put_record(&c->frame, name, strlen(name));
        n++;
    }
    return n;
}

/* Tell ANSWER's records; how many. */
static unsigned
put_records(struct spf_check *c, const struct resolver_answer *answer)
{
    switch (c->type) {
    case RESOLVER_TXT:
        return put_txt(c, answer);
    case RESOLVER_A:
    case RESOLVER_AAAA:
        return put_addresses(c, answer);
    case RESOLVER_MX:
    case RESOLVER_PTR:
        break;
    }
    return put_names(c, answer);
}

/* The request is to be handed over: end it, unless it has grown too much. */
static void
end_frame(struct spf_check *c)
{
    enum ms_err err = spf_frame_end(&c->frame);

    c->step = SPF_STEP_RUN;
    if (err == MS_INVALID)
        finish(c, SPF_PERMERROR, "its records are too long, or too many");
    else if (err != MS_OK)
        finish(c, SPF_TEMPERROR, "no memory");
}

void
spf_check_answer(struct spf_check *c, const struct resolver_answer *answer)
{
    bool data = answer->status == RESOLVER_DATA;
    bool none = answer->status == RESOLVER_NODATA ||
                answer->status == RESOLVER_NXDOMAIN;
    size_t count;
    unsigned n = 0;

    if (c->step != SPF_STEP_ASK)
        return;
    spf_put_u16(&c->frame, (uint16_t)c->type);
    spf_put_u8(&c->frame,
               (uint8_t)(data || none ? answer->status : RESOLVER_FAILED));
    spf_put_string(&c->frame, c->question);
    count = c->frame.len;
    spf_put_u8(&c->frame, 0);
    if (data)
        n = put_records(c, answer);
    if (c->frame.err == MS_OK)
        c->frame.data[count] = (uint8_t)n;
    end_frame(c);
}

/* ----- what the worker says */

const uint8_t *
spf_check_frame(const struct spf_check *c, size_t *len)
{
    *len = c->frame.len;
    return c->frame.data;
}

/* RFC 7208 section 4.6.4; the worker counts, the limit is kept here. */
static const char *
over_budget(const struct spf_reply *reply)
{
    if (reply->terms > SPF_TERMS)
        return "more than 10 terms ask the DNS";
    if (reply->voids > SPF_VOID)
        return "more than 2 names that are asked for are not there";
    return NULL;
}

enum ms_err
spf_check_reply(struct spf_check *c, const uint8_t *data, size_t len)
{
    struct spf_reply reply;
    const char *over;

    if (c->step != SPF_STEP_RUN)
        return MS_OK;
    if (!spf_reply_read(data, len, &reply)) {
        spf_check_died(c);
        return MS_INVALID;
    }
    over = over_budget(&reply);
    if (over != NULL)
        finish(c, SPF_PERMERROR, over);
    else if (reply.asks)
        ask_dns(c, reply.name, reply.type);
    else
        finish(c, reply.result, reply.detail);
    return MS_OK;
}
