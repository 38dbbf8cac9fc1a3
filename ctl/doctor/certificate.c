/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/doctor/certificate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool
read_month(const char *text, int *out)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++) {
        if (strncmp(names + 3 * i, text, 3) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool
certificate_end(const char *line, int64_t *out_s)
{
    static const char head[] = "notAfter=";
    struct tm tm = {.tm_isdst = 0};
    char month[4], zone[4];

    if (strncmp(line, head, sizeof(head) - 1) != 0 ||
        sscanf(line + sizeof(head) - 1, "%3s %2d %2d:%2d:%2d %4d %3s", month,
               &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &tm.tm_year,
               zone) != 7 ||
        strcmp(zone, "GMT") != 0 || !read_month(month, &tm.tm_mon))
        return false;
    tm.tm_year -= 1900;
    *out_s = timegm(&tm);
    return true;
}
