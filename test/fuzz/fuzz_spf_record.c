/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SPF records as strangers publish them, over a DNS in memory: the input is the
 * record of a.example, a NUL, that of b.example, a NUL, and the sender's local
 * part.  Whatever they say, the budget is kept and there is a result.
 */
#include <config.h>

#include <arpa/inet.h>
#include <string.h>

#include "policy/dns/spf_wire.h"
#include "test/fuzz/fuzz.h"
#include "test/spf_lab.h"

enum { PIECE = 255 };

static struct spf_lab *lab;
static struct judge *judge;

/* The octets up to a NUL; *DATA is behind it then. */
static size_t
cut(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size > 0 ? memchr(*data, 0, *size) : NULL;
    size_t len = end != NULL ? (size_t)(end - *data) : *size;
    size_t used = len + (end != NULL);

    *data += used;
    *size -= used;
    return len;
}

/* TEXT as a TXT record of NAME. */
static void
add_txt(const char *name, const uint8_t *text, size_t len)
{
    uint8_t *data = malloc(len + len / PIECE + 1);
    size_t at = 0;

    must(data != NULL);
    for (size_t i = 0; i < len; i += PIECE) {
        size_t n = len - i < PIECE ? len - i : PIECE;

        data[at++] = (uint8_t)n;
        memcpy(data + at, text + i, n);
        at += n;
    }
    spf_lab_add_raw(lab, name, RESOLVER_TXT, data, at);
    free(data);
}

static void
fill(const uint8_t **data, size_t *size)
{
    static const char *const lines[] = {
        "a a.example 198.51.100.1",
        "aaaa a.example 2001:db8::2",
        "mx a.example 10 b.example",
        "mx a.example 20 c.example",
        "a b.example 192.0.2.7",
        "lost lost.example",
        "ptr 1.2.0.192.in-addr.arpa d.a.example",
        "a d.a.example 192.0.2.1",
        "cname e.example a.example"};
    static const char *const names[] = {"a.example", "b.example"};

    spf_lab_clear(lab);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const uint8_t *text = *data;

        add_txt(names[i], text, cut(data, size));
    }
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        must(spf_lab_add(lab, lines[i]));
}

static void
evaluate(const struct sockaddr *client, const char *sender)
{
    const struct spf_ask ask = {.client = client,
                                .helo = "mail.a.example",
                                .sender = sender,
                                .receiver = "here.example"};
    struct spf_cost cost;
    struct spf_finding found = spf_lab_evaluate(lab, judge, &ask, &cost);

    must(found.state == LOOKUP_KNOWN && found.result < SPF_RESULTS);
    must(cost.questions <= SPF_QUESTIONS && cost.runs <= cost.questions);
    for (const char *p = found.detail; *p != '\0'; p++)
        must(*p >= ' ' && *p <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char sender[128];
    size_t local;

    if (lab == NULL) {
        lab = spf_lab_create();
        must(judge_create(&judge) == MS_OK);
    }
    fill(&data, &size);
    local = size < 64 ? size : 64;
    if (local > 0)
        memcpy(sender, data, local);
    memcpy(sender + local, "@a.example", sizeof("@a.example"));
    must(inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr) == 1);
    must(inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr) == 1);
    evaluate((struct sockaddr *)&v4, sender);
    evaluate((struct sockaddr *)&v6, sender);
    return 0;
}
