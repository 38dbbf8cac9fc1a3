/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/counts/pack.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

_Static_assert((unsigned)PACK_SUM >= crypto_generichash_BYTES_MIN,
               "BLAKE2b makes sums of this length");

static void
make_sum(const uint8_t *bytes, size_t len, uint8_t sum[PACK_SUM])
{
    (void)crypto_generichash(sum, PACK_SUM, bytes, len, NULL, 0);
}

/* Room for LEN bytes more; NULL: there is none. */
static uint8_t *
make_room(struct pack *pack, size_t len)
{
    size_t room = pack->room > 0 ? pack->room : 1024;
    uint8_t *bytes;

    while (!pack->failed && room - pack->len < len && room <= SIZE_MAX / 2)
        room *= 2;
    if (pack->failed || room - pack->len < len) {
        pack->failed = true;
        return NULL;
    }
    if (room > pack->room) {
        bytes = realloc(pack->bytes, room);
        if (bytes == NULL) {
            pack->failed = true;
            return NULL;
        }
        pack->bytes = bytes;
        pack->room = room;
    }
    pack->len += len;
    return pack->bytes + pack->len - len;
}

void
pack_begin(struct pack *pack, const char *form)
{
    *pack = (struct pack){.bytes = NULL};
    pack_bytes(pack, form, PACK_FORM);
}

void
pack_number(struct pack *pack, uint64_t n, unsigned size)
{
    uint8_t *at = make_room(pack, size);

    for (unsigned i = 0; at != NULL && i < size; i++)
        at[i] = (uint8_t)(n >> 8 * i);
}

void
pack_bytes(struct pack *pack, const void *bytes, size_t len)
{
    uint8_t *at = make_room(pack, len);

    if (at != NULL && len > 0)
        memcpy(at, bytes, len);
}

enum ms_err
pack_end(struct pack *pack, void **bytes, size_t *len)
{
    size_t n = pack->len;
    uint8_t *sum = make_room(pack, PACK_SUM);

    if (sum == NULL) {
        free(pack->bytes);
        return MS_NOMEM;
    }
    make_sum(pack->bytes, n, sum);
    *bytes = pack->bytes;
    *len = pack->len;
    return MS_OK;
}

enum ms_err
pack_open(struct pack_reader *reader, const char *form, const void *bytes,
          size_t len)
{
    const uint8_t *at = bytes;
    uint8_t sum[PACK_SUM];

    if (len < PACK_FORM + PACK_SUM || memcmp(at, form, PACK_FORM) != 0)
        return MS_INVALID;
    make_sum(at, len - PACK_SUM, sum);
    if (memcmp(at + len - PACK_SUM, sum, PACK_SUM) != 0)
        return MS_INVALID;
    *reader = (struct pack_reader){.at = at + PACK_FORM,
                                   .left = len - PACK_FORM - PACK_SUM};
    return MS_OK;
}

const uint8_t *
pack_read_bytes(struct pack_reader *reader, size_t len)
{
    const uint8_t *at = reader->at;

    if (reader->failed || len > reader->left) {
        reader->failed = true;
        return NULL;
    }
    reader->at += len;
    reader->left -= len;
    return at;
}

uint64_t
pack_read(struct pack_reader *reader, unsigned size)
{
    const uint8_t *at = pack_read_bytes(reader, size);
    uint64_t n = 0;

    for (unsigned i = 0; at != NULL && i < size; i++)
        n |= (uint64_t)at[i] << 8 * i;
    return n;
}

bool
pack_is_done(const struct pack_reader *reader)
{
    return !reader->failed && reader->left == 0;
}
