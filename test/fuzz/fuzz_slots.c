/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What servers tell about themselves and each other: whatever comes, what is
 * believed is an address that can be one, and slots that there are.
 */
#include <config.h>

#include "policy/store/redis/error.h"
#include "policy/store/redis/slots.h"

#include <string.h>

#include "test/fuzz/fuzz.h"

static struct slots slots;

static void
check_address(const struct endpoint *at)
{
    must(at->port > 0 && at->host[0] != '\0');
    must(memchr(at->host, '\0', sizeof(at->host)) != NULL);
    for (const char *p = at->host; *p != '\0'; p++)
        must(*p > ' ' && *p <= '~' && *p != '/');
    must(at->path[0] == '\0' && strcmp(at->user, "u") == 0 && at->tls);
}

static void
check_slots(const struct reply *reply, const struct endpoint *asked)
{
    struct why why;
    unsigned owned = 0;

    if (slots_read(reply, asked, &slots, &why) != MS_OK)
        return;
    must(slots.n <= SLOTS_NODES);
    for (size_t i = 0; i < slots.n; i++)
        check_address(&slots.node[i]);
    for (size_t slot = 0; slot < REDIS_SLOTS; slot++) {
        must(slots.owner[slot] == SLOTS_NOBODY || slots.owner[slot] < slots.n);
        owned += slots.owner[slot] != SLOTS_NOBODY;
    }
    must(slots.owned == owned);
}

static void
check(const struct reply *reply)
{
    const struct endpoint asked = {
        .host = "192.0.2.1", .port = 6379, .user = "u", .tls = true};
    struct endpoint at;
    struct why why;
    unsigned slot;
    char words[40];

    check_slots(reply, &asked);
    if (slots_read_master(reply, &asked, &at, &why) == MS_OK)
        check_address(&at);
    (void)slots_read_epoch(reply);
    (void)slots_is_master(reply);
    for (const char *p = redis_error_print(reply, words, sizeof(words));
         *p != '\0'; p++)
        must(*p >= ' ' && *p <= '~');
    if (reply->type != REPLY_ERROR)
        return;
    (void)redis_error_means(reply);
    if (slots_read_redirect(reply, &asked, &slot, &at)) {
        must(slot < REDIS_SLOTS);
        check_address(&at);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codec_reader *reader;
    struct reply *reply = NULL;

    must(redis_slot(data, size) < REDIS_SLOTS);
    must(codec_reader_create(&reader) == MS_OK);
    if (codec_feed(reader, data, size) == MS_OK)
        while (codec_next(reader, &reply) == MS_OK && reply != NULL) {
            check(reply);
            reply_destroy(reply);
            reply = NULL;
        }
    codec_reader_destroy(reader);
    return 0;
}
