/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/unending.c - a libmilter that does not end when it is told to: what
 * happens if one of its workers ends with the lock that all others wait for.
 */
#include <config.h>

#include <libmilter/mfapi.h>

int
smfi_stop(void)
{
    return MI_SUCCESS;
}
