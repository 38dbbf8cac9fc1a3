/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/notices.h - letters and webhooks that were sent, or wait.
 */
#ifndef MORTSAFE_CTL_NOTICES_H
#define MORTSAFE_CTL_NOTICES_H

#include "ctl/out.h"

/* A table of NOTICES, objects of mortsafe-api(7). */
void notices_print(const struct out *out, const json_t *notices);

/* The same where all are about one; for people. */
void notices_print_of_one(const struct out *out, const json_t *notices);

#endif
