/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/detect/hashes.h"

#include <ctype.h>
#include <string.h>

#include <sodium.h>

/* 0 says "none". */
static uint64_t
hash(const struct hashes *hashes, const void *bytes, size_t len)
{
    uint8_t out[crypto_shorthash_BYTES];
    uint64_t h = 0;

    (void)crypto_shorthash(out, bytes, len, hashes->key);
    for (size_t i = 0; i < sizeof(out); i++)
        h = h << 8 | out[i];
    return h != 0 ? h : 1;
}

uint64_t
hashes_address(const struct hashes *hashes, const char *address)
{
    char folded[1024] = "<>";
    size_t len = 2;

    if (address != NULL && *address != '\0') {
        len = strnlen(address, sizeof(folded));
        for (size_t i = 0; i < len; i++)
            folded[i] = (char)tolower((unsigned char)address[i]);
    }
    return hash(hashes, folded, len);
}

uint64_t
hashes_text(const struct hashes *hashes, const char *text)
{
    return hash(hashes, text, strlen(text));
}

uint64_t
hashes_network(const struct hashes *hashes, struct prefix host)
{
    struct prefix wide = prefix_cut(host, 16, 32);
    char text[PREFIX_TEXT];

    return wide.family == 0 ? 0 : hashes_text(hashes, prefix_print(wide, text));
}
