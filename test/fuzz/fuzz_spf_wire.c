/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes through the socket between the daemon and mortsafe-spf, on either
 * side: whatever it is, what is believed lies within it.
 */
#include <config.h>

#include "policy/dns/spf_wire.h"

#include <string.h>

#include "test/fuzz/fuzz.h"

static void
check_request(const uint8_t *data, size_t size)
{
    static struct spf_request request;

    if (!spf_request_read(data, size, &request))
        return;
    must(request.n <= SPF_ANSWERS);
    must(strlen(request.sender) < SPF_SENDER);
    must(strlen(request.helo) < RESOLVER_NAME);
    for (unsigned i = 0; i < request.n; i++) {
        const struct spf_answer *a = &request.answer[i];
        const uint8_t *at = a->records;

        must(strlen(a->name) < RESOLVER_NAME);
        must(a->n == 0 || a->status == RESOLVER_DATA);
        for (unsigned j = 0; j < a->n; j++) {
            size_t len;
            const uint8_t *record = spf_record_next(&at, &len);

            must(record >= data && record + len <= data + size);
            must(a->type != RESOLVER_A || len == 4);
            must(a->type != RESOLVER_AAAA || len == 16);
        }
    }
}

static void
check_reply(const uint8_t *data, size_t size)
{
    struct spf_out out = {0};
    struct spf_reply reply, again;

    if (!spf_reply_read(data, size, &reply))
        return;
    must(reply.result < SPF_RESULTS);
    for (const char *p = reply.detail; *p != '\0'; p++)
        must(*p >= ' ' && *p <= '~');
    must(!reply.asks || reply.name[0] != '\0');
    must(spf_reply_write(&reply, &out) == MS_OK && out.len <= SPF_REPLY);
    must(spf_reply_read(out.data, out.len, &again));
    must(again.asks == reply.asks && again.terms == reply.terms &&
         again.result == reply.result && again.type == reply.type &&
         strcmp(again.name, reply.name) == 0 &&
         strcmp(again.detail, reply.detail) == 0);
    free(out.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_request(data, size);
    check_reply(data, size);
    return 0;
}
