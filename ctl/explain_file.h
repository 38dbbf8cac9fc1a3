/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/explain_file.h - what a configuration alone says about a message, in the
 * shape of the API's answer: no daemon is asked, no count is known.
 */
#ifndef MORTSAFE_CTL_EXPLAIN_FILE_H
#define MORTSAFE_CTL_EXPLAIN_FILE_H

#include <jansson.h>

#include "ctl/out.h"

/*
 * Explain ASKED, the body of the API's request, by the configuration at PATH.
 * CTL_OK with a new reference in *OUT, or the exit code, having complained.
 */
int explain_file(const struct out *out, const char *path, const json_t *asked,
                 json_t **answer);

#endif
