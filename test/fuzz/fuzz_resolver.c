/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names in answers: whatever comes, what is handed on is a name that a host can
 * have, and says no more and no less than the octets did.
 */
#include <config.h>

#include "policy/dns/resolver.h"

#include <string.h>

#include "test/fuzz/fuzz.h"

static void
check_text(const char *text)
{
    size_t label = 0;

    must(memchr(text, '\0', RESOLVER_NAME) != NULL);
    for (const char *p = text; *p != '\0'; p++) {
        must(*p > ' ' && *p <= '~' && *p != '\\');
        label = *p == '.' ? 0 : label + 1;
        must(label <= 63 && (label > 0 || (p > text && p[1] != '\0')));
        must(label > 0 || p[1] != '.');
    }
}

/* The same octets again. */
static void
check_octets(const char *text, const uint8_t *data, size_t size)
{
    size_t at = 0;

    while (*text != '\0') {
        size_t n = strcspn(text, ".");

        must(at + 1 + n < size && data[at] == n);
        must(memcmp(data + at + 1, text, n) == 0);
        at += 1 + n;
        text += n + (text[n] == '.');
    }
    must(at + 1 == size && data[at] == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[RESOLVER_NAME];

    if (!resolver_name(data, size, text))
        return 0;
    check_text(text);
    check_octets(text, data, size);
    return 0;
}
