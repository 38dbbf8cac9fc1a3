/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/heard.h - what a reading of the configuration reported, a line each,
 * warnings with "warning: " in front.
 */
#ifndef MORTSAFE_TEST_HEARD_H
#define MORTSAFE_TEST_HEARD_H

#include <stdio.h>
#include <string.h>

#include "policy/config.h"

struct heard {
    char text[32768];
};

static inline void
heard_line(struct heard *heard, const char *prefix, const char *line)
{
    size_t len = strlen(heard->text);

    (void)snprintf(heard->text + len, sizeof(heard->text) - len, "%s%s\n",
                   prefix, line);
}

static inline void
heard_error(void *arg, const char *line)
{
    heard_line(arg, "", line);
}

static inline void
heard_warning(void *arg, const char *line)
{
    heard_line(arg, "warning: ", line);
}

/* config_load_text() as from a file "t"; HEARD is emptied first. */
static inline enum ms_err
heard_load(struct heard *heard, const char *text, int64_t today_s,
           struct config **out)
{
    const struct config_report report = {heard_error, heard_warning, heard};

    heard->text[0] = '\0';
    return config_load_text("t", text, (struct wall){today_s}, &report, out);
}

/* config_load(), likewise. */
static inline enum ms_err
heard_load_file(struct heard *heard, const char *path, int64_t today_s,
                struct config **out)
{
    const struct config_report report = {heard_error, heard_warning, heard};

    heard->text[0] = '\0';
    return config_load(path, (struct wall){today_s}, &report, out);
}

#endif
