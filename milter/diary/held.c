/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/diary/held.h"

json_t *
held_json(const struct held *h)
{
    (void)h;
    return json_object();
}
enum ms_err
held_read(const json_t *j, struct held *o)
{
    (void)j;
    (void)o;
    return MS_INVALID;
}
enum ms_err
diary_add_held(struct diary *d, const struct held *h)
{
    (void)d;
    (void)h;
    return MS_OK;
}
enum ms_err
diary_helds(struct diary *d, const char *s, unsigned l,
            bool (*e)(void *, const struct held *), void *a)
{
    (void)d;
    (void)s;
    (void)l;
    (void)e;
    (void)a;
    return MS_OK;
}
enum ms_err
diary_drop_held(struct diary *d, const char *h, const char *i, bool *f)
{
    (void)d;
    (void)h;
    (void)i;
    *f = false;
    return MS_OK;
}
enum ms_err
diary_count_held(struct diary *d, uint64_t *n, int64_t *o)
{
    (void)d;
    *n = 0;
    *o = 0;
    return MS_OK;
}
