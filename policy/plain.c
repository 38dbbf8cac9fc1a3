/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/plain.h"

#include <string.h>

size_t
plain_decode(const char *from, size_t len, uint32_t *out)
{
    const unsigned char *text = (const unsigned char *)from;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = text[0] < 0x80             ? 1
               : (text[0] & 0xe0) == 0xc0 ? 2
               : (text[0] & 0xf0) == 0xe0 ? 3
               : (text[0] & 0xf8) == 0xf0 ? 4
                                          : 0;
    uint32_t c;

    if (n == 0 || n > len)
        return 0;
    c = n == 1 ? text[0] : text[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (text[i] & 0x3fU);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *out = c;
    return n;
}

bool
plain_is_utf8(const char *text, size_t len)
{
    uint32_t c;

    for (size_t i = 0, n; i < len; i += n) {
        n = plain_decode(text + i, len - i, &c);
        if (n == 0)
            return false;
    }
    return true;
}

/* Control characters, and those that are not seen but change what is: soft
 * hyphen, zero width, direction, line separators, tags, the byte order mark. */
static bool
misleads(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
           (c >= 0x180b && c <= 0x180f) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
           c == 0xfeff || (c >= 0xfff0 && c <= 0xffff) || c >= 0xe0000;
}

bool
plain_is_text(const char *text)
{
    size_t len = strlen(text);
    uint32_t c;

    for (size_t i = 0, n; i < len; i += n) {
        n = plain_decode(text + i, len - i, &c);
        if (n == 0 || misleads(c))
            return false;
    }
    return true;
}
