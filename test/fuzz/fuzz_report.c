/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Abuse reports, bounces and logs: whatever comes, the ids are ids, there are
 * no more of them than may be, and what is told is printable.
 */
#include <config.h>

#include "ctl/report.h"

#include <string.h>

#include "test/fuzz/fuzz.h"

static void
check_case(const struct report_case *c)
{
    must(c->n_ids <= REPORT_IDS);
    for (size_t i = 0; i < c->n_ids; i++) {
        size_t n = strnlen(c->ids[i], REPORT_ID);

        must(n > 0 && n < REPORT_ID);
        for (size_t j = 0; j < n; j++)
            must((c->ids[i][j] >= '0' && c->ids[i][j] <= '9') ||
                 (c->ids[i][j] >= 'A' && c->ids[i][j] <= 'Z') ||
                 (c->ids[i][j] >= 'a' && c->ids[i][j] <= 'z'));
    }
}

static void
check(const uint8_t *data, size_t size, enum report_kind want)
{
    struct report report = {.n = 0};
    struct why why = {""};
    enum ms_err err =
        report_read((const char *)data, size, want, &report, &why);

    must(err == MS_OK || (err == MS_INVALID && why.text[0] != '\0'));
    if (err != MS_OK)
        return;
    must(report.kind != REPORT_ANY);
    must(want == REPORT_ANY || want == report.kind);
    must(report.kind == REPORT_LOG ? report.n <= REPORT_CASES : report.n == 1);
    for (size_t i = 0; i < report.n; i++)
        check_case(&report.cases[i]);
    for (const char *p = report.detail; *p != '\0'; p++)
        must(*p >= ' ' && *p <= '~');
    report_end(&report);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size, REPORT_ANY);
    check(data, size, REPORT_LOG);
    return 0;
}
