/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/diary/change.h"
#include "milter/diary/diary.h"

json_t *
change_json(const struct change *c)
{
    (void)c;
    return json_object();
}
enum ms_err
change_read(const json_t *j, struct change *o)
{
    (void)j;
    (void)o;
    return MS_INVALID;
}
json_t *
evidence_json(const struct evidence *e)
{
    (void)e;
    return json_array();
}
enum ms_err
diary_add_change(struct diary *d, struct change *c)
{
    (void)d;
    (void)c;
    return MS_OK;
}
enum ms_err
diary_changes(struct diary *d, const struct diary_change_query *q,
              bool (*e)(void *, const struct change *), void *a)
{
    (void)d;
    (void)q;
    (void)e;
    (void)a;
    return MS_OK;
}
enum ms_err
diary_add_report(struct diary *d, const struct diary_report *r)
{
    (void)d;
    (void)r;
    return MS_OK;
}
enum ms_err
diary_reports(struct diary *d, const char *s, int64_t t, unsigned l,
              bool (*e)(void *, const struct diary_report *), void *a)
{
    (void)d;
    (void)s;
    (void)t;
    (void)l;
    (void)e;
    (void)a;
    return MS_OK;
}
json_t *
diary_report_json(const struct diary_report *r)
{
    (void)r;
    return json_object();
}
