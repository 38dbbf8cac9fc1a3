/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/date.h - days of the Gregorian calendar, as configuration and tables
 * write them: 2027-03-31.
 */
#ifndef MORTSAFE_POLICY_DATE_H
#define MORTSAFE_POLICY_DATE_H

#include <stdbool.h>

#include "policy/clock.h"

/* TEXT's first second, in UTC, in *OUT.  False, with *OUT left alone, if it is
 * no day from 1970 on.  Pure. */
bool date_parse(const char *text, struct wall *out);

#endif
