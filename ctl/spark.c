/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/spark.h"

#include <stddef.h>

enum { LEVELS = 8 };

/* A column filled by eighths: from the left, from below, and in ASCII. */
static const char *const from_left[LEVELS + 1] = {" ",
                                                  "\xE2\x96\x8F",
                                                  "\xE2\x96\x8E",
                                                  "\xE2\x96\x8D",
                                                  "\xE2\x96\x8C",
                                                  "\xE2\x96\x8B",
                                                  "\xE2\x96\x8A",
                                                  "\xE2\x96\x89",
                                                  "\xE2\x96\x88"};
static const char *const from_below[LEVELS + 1] = {
    "\xC2\xB7",     "\xE2\x96\x81", "\xE2\x96\x82",
    "\xE2\x96\x83", "\xE2\x96\x84", "\xE2\x96\x85",
    "\xE2\x96\x86", "\xE2\x96\x87", "\xE2\x96\x88"};
static const char *const in_ascii[LEVELS + 1] = {"_", ".", ".", ":", ":",
                                                 "-", "=", "+", "#"};

void
spark_bar(FILE *to, double share, unsigned width, bool utf8)
{
    unsigned most = width * LEVELS, filled;

    if (!(share > 0)) /* not a number either */
        share = 0;
    filled = share >= 1 ? most : (unsigned)(share * most);
    if (share > 0 && filled == 0)
        filled = 1;
    for (unsigned i = 0; i < width; i++) {
        unsigned here = filled > LEVELS ? LEVELS : filled;

        filled -= here;
        if (utf8)
            (void)fputs(from_left[here], to);
        else
            (void)fputc(here >= LEVELS / 2 || (i == 0 && here > 0) ? '#' : '-',
                        to);
    }
}

void
spark_line(FILE *to, const json_t *values, bool utf8)
{
    double most = 0;
    const json_t *one;
    size_t i;

    json_array_foreach(values, i, one)
    {
        if (json_number_value(one) > most)
            most = json_number_value(one);
    }
    json_array_foreach(values, i, one)
    {
        double share = most > 0 ? json_number_value(one) / most : 0;
        unsigned level = share > 0 ? (unsigned)(share * LEVELS + 0.5) : 0;

        if (share > 0 && level == 0)
            level = 1;
        (void)fputs(utf8 ? from_below[level] : in_ascii[level], to);
    }
}
