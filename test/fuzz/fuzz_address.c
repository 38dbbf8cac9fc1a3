/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Envelope addresses: whatever comes, the canonical form has no control bytes
 * of its own, and a plain address is one hop to every reader.
 */
#include <config.h>

#include "policy/address.h"
#include "policy/subject.h"

#include <string.h>

#include "test/fuzz/fuzz.h"

static void
check(const char *raw)
{
    static const char hops[] = "%!@:\\(),;";
    char text[ADDRESS_TEXT], login[ADDRESS_TEXT], print[SUBJECT_TEXT];
    struct address a;
    struct subject s, again;

    address_parse(raw, &a);
    address_canonical(&a, text);
    must(strlen(text) < ADDRESS_TEXT);
    if (a.form == ADDRESS_DOMAIN || a.form == ADDRESS_BARE ||
        a.form == ADDRESS_LITERAL) {
        must(strpbrk(a.local, hops) == NULL && a.local[0] != '\0');
        for (const char *p = a.local; *p != '\0'; p++)
            must((unsigned char)*p >= ' ' && *p != 0x7f);
    }
    must((a.form == ADDRESS_DOMAIN) == (a.domain[0] != '\0') ||
         a.form == ADDRESS_HOP);
    for (const char *p = a.domain; *p != '\0'; p++)
        must(*p > ' ' && *p <= '~' && strchr(hops, *p) == NULL);
    must(subject_make(SUBJECT_SENDER, text, &s));
    (void)subject_print(&s, print);
    for (const char *p = print; *p != '\0'; p++)
        must(*p >= ' ' && *p <= '~');
    must(subject_read(s.bytes, s.len, &again));
    (void)address_login(raw, true, "example.org", login);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *raw = malloc(size + 1);
    struct subject s;

    must(raw != NULL);
    memcpy(raw, data, size);
    raw[size] = '\0';
    check(raw);
    (void)subject_read(data, size, &s);
    free(raw);
    return 0;
}
