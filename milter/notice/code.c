/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/code.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

enum {
    GROUP = 4,
    LETTERS = 24, /* eight of the id, and 80 bits of the hash */
    ABOUT = 64 + SUBJECT_TEXT + DECISION_HOST
};

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

_Static_assert(LETTERS + LETTERS / GROUP <= NOTICE_CODE, "a code has room");
_Static_assert(SITEKEY_HASH * 8 >= (LETTERS - ACT_ID + 1) * 5,
               "the hash has enough bits");

/* N letters of five bits each of BYTES. */
static void
spell(const uint8_t *bytes, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        size_t bit = 5 * i;
        unsigned two = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];

        out[i] = digits[two >> (11 - bit % 8) & 31];
    }
}

void
code_make(const struct sitekey *key, const struct change *change,
          char out[NOTICE_CODE])
{
    char about[ABOUT], subject[SUBJECT_TEXT], plain[LETTERS];
    uint8_t hash[SITEKEY_HASH];
    size_t n = 0;

    (void)snprintf(about, sizeof(about), "release code\n%s\n%s\n%s\n%lld",
                   change->id, change->host,
                   subject_print(&change->subject, subject),
                   (long long)change->evidence.at_s);
    sitekey_hash_text(key, about, hash);
    memcpy(plain, change->id, ACT_ID - 1);
    spell(hash, LETTERS - (ACT_ID - 1), plain + ACT_ID - 1);
    for (size_t i = 0; i < LETTERS; i++) {
        if (i > 0 && i % GROUP == 0)
            out[n++] = '-';
        out[n++] = plain[i];
    }
    out[n] = '\0';
}

/* C as it stands in a code; '\0': it never does. */
static char
as_written(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c == 'O')
        c = '0';
    if (c == 'I' || c == 'L')
        c = '1';
    return c != '\0' && strchr(digits, c) != NULL ? c : '\0';
}

bool
code_read(const char *text, char out[NOTICE_CODE])
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        char c = as_written(*text);

        if (strchr(" \t\r\n-", *text) != NULL)
            continue;
        if (c == '\0' || n == LETTERS)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return n == LETTERS;
}
