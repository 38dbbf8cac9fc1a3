/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/doctor/doctor.c - doctor: all checks, or those that are named. */
#include <config.h>

#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/doctor/checks.h"

/* Is CHECK one of those that were named?  Without names all are. */
static bool
is_wanted(const struct call *call, const struct check *check)
{
    for (size_t i = 0; i < call->n_words; i++) {
        if (strcmp(call->words[i], check->name) == 0)
            return true;
    }
    return call->n_words == 0;
}

static void
look(struct patient *p)
{
    const struct out *out = p->call->out;

    for (const struct check *one = checks; one->name != NULL; one++) {
        size_t from = json_array_size(p->findings.list);

        if (!is_wanted(p->call, one))
            continue;
        check_run(one, p);
        if (out->format == OUT_PEOPLE)
            findings_print(&p->findings, out, from);
    }
    if (out->format != OUT_PEOPLE)
        findings_print(&p->findings, out, 0);
}

static void
sum_up(const struct patient *p)
{
    const size_t *n = p->findings.n;

    out_remark(p->call->out,
               "%zu ok, %zu to be looked at, %zu wrong, %zu not looked at.",
               n[FINDING_OK], n[FINDING_WARN], n[FINDING_FAIL],
               n[FINDING_SKIP]);
}

int
cmd_doctor(const struct call *call)
{
    struct patient patient;
    int code = patient_start(call, &patient);

    if (code == CTL_OK) {
        look(&patient);
        sum_up(&patient);
        code = patient.findings.n[FINDING_FAIL] > 0 ? CTL_NO : CTL_OK;
    }
    patient_end(&patient);
    return code;
}
