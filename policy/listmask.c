/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/listmask.h"

#include <string.h>

enum { LOOPBACK = 127 };

/* A decimal octet at *TEXT, without zeros in front of it; *TEXT moves behind
 * it. */
static bool
read_octet(const char **text, uint8_t *out)
{
    const char *p = *text;
    unsigned n = 0;

    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
        return false;
    for (; *p >= '0' && *p <= '9' && n <= UINT8_MAX; p++)
        n = 10 * n + (unsigned)(*p - '0');
    if (n > UINT8_MAX)
        return false;
    *out = (uint8_t)n;
    *text = p;
    return true;
}

bool
listmask_parse(const char *text, struct listmask *out)
{
    struct listmask mask = {0};

    for (int i = 0; i < 3; i++) {
        if (!read_octet(&text, &mask.net[i]) || *text++ != '.')
            return false;
    }
    mask.bits = *text == '&';
    text += mask.bits;
    if (mask.net[0] != LOOPBACK || !read_octet(&text, &mask.first))
        return false;
    mask.last = mask.first;
    if (!mask.bits && *text == '-') {
        text++;
        if (!read_octet(&text, &mask.last))
            return false;
    }
    if (*text != '\0' || mask.last < mask.first ||
        (mask.bits && mask.first == 0))
        return false;
    *out = mask;
    return true;
}

bool
listmask_matches(const struct listmask *mask, const uint8_t code[4])
{
    if (memcmp(mask->net, code, sizeof(mask->net)) != 0)
        return false;
    if (mask->bits)
        return (code[3] & mask->first) != 0;
    return code[3] >= mask->first && code[3] <= mask->last;
}

bool
listmask_is_error(const uint8_t code[4])
{
    static const uint8_t blocked[] = {127, 255, 255}, none[] = {127, 0, 0, 1};

    return code[0] != LOOPBACK || memcmp(code, blocked, sizeof(blocked)) == 0 ||
           memcmp(code, none, sizeof(none)) == 0;
}

bool
listmask_lists(const struct listmask *mask, size_t n, const uint8_t code[4])
{
    if (listmask_is_error(code))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (listmask_matches(&mask[i], code))
            return true;
    }
    return n == 0;
}

bool
listmask_code(const char *text, uint8_t code[4])
{
    for (int i = 0; i < 4; i++) {
        if (!read_octet(&text, &code[i]) || *text++ != (i < 3 ? '.' : '\0'))
            return false;
    }
    return true;
}
