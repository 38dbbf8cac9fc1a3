/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/diary/passed.h"

enum ms_err
diary_add_passed(struct diary *d, const struct passed *p, size_t n)
{
    (void)d;
    (void)p;
    (void)n;
    return MS_OK;
}
enum ms_err
diary_passed(struct diary *d, const char *i,
             bool (*e)(void *, const struct passed *), void *a)
{
    (void)d;
    (void)i;
    (void)e;
    (void)a;
    return MS_OK;
}
