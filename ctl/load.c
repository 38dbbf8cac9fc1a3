/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/load.h"

#include <sysexits.h>
#include <unistd.h>

#include "ctl/call.h"
#include "ctl/when.h"

static void
tell_error(void *arg, const char *line)
{
    out_complain(arg, "%s", line);
}

static void
tell_nothing(void *arg, const char *line)
{
    (void)arg, (void)line; /* `check` tells warnings */
}

int
load_config(const struct out *out, const char *path, struct config **config)
{
    const struct config_report report = {
        .error = tell_error,
        .warning = tell_nothing,
        .arg = (void *)(uintptr_t)out,
    };
    enum ms_err err;

    if (access(path, R_OK) != 0) {
        struct why why;

        (void)why_errno(&why, MS_UNAVAIL, path);
        out_complain(out, "%s", why.text);
        return EX_NOINPUT;
    }
    err = config_load(path, (struct wall){when_now()}, &report, config);
    if (err == MS_NOMEM)
        out_complain(out, "no memory");
    return err == MS_OK ? CTL_OK : err == MS_NOMEM ? EX_OSERR : EX_CONFIG;
}
