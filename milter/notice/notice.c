/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/notice.h"

#include <stdlib.h>
#include <string.h>

struct notice {
    struct notice_needs needs;
};
enum ms_err
notice_create(const struct notice_needs *n, struct notice **o)
{
    *o = calloc(1, sizeof(**o));
    if (*o == NULL)
        return MS_NOMEM;
    (*o)->needs = *n;
    return MS_OK;
}
enum ms_err
notice_start(struct notice *n)
{
    (void)n;
    return MS_OK;
}
void
notice_stop(struct notice *n)
{
    (void)n;
}
void
notice_destroy(struct notice *n)
{
    free(n);
}
void
notice_beat(struct notice *n)
{
    (void)n;
}
void
notice_change(struct notice *n, const struct change *c)
{
    (void)n;
    (void)c;
}
const char *
notice_kind_name(enum notice_kind k)
{
    (void)k;
    return "";
}
enum ms_err
notice_preview(struct notice *n, const struct change *c, enum notice_kind k,
               const char *l, char **o, struct why *w)
{
    (void)n;
    (void)c;
    (void)k;
    (void)l;
    (void)o;
    (void)w;
    return MS_INVALID;
}
json_t *
notice_list(struct notice *n, const char *s, unsigned l)
{
    (void)n;
    (void)s;
    (void)l;
    return json_array();
}
enum ms_err
notice_resend(struct notice *n, const struct subject *s, unsigned *c)
{
    (void)n;
    (void)s;
    *c = 0;
    return MS_OK;
}
enum ms_err
notice_forget(struct notice *n, const struct subject *s, uint64_t *c)
{
    (void)n;
    (void)s;
    *c = 0;
    return MS_OK;
}
void
notice_code(struct notice *n, const struct change *c, char o[NOTICE_CODE])
{
    (void)n;
    (void)c;
    o[0] = 0;
}
bool
notice_code_id(const char *c, char i[ACT_ID])
{
    (void)c;
    i[0] = 0;
    return false;
}
bool
notice_code_fits(struct notice *n, const char *c, const struct change *h)
{
    (void)n;
    (void)c;
    (void)h;
    return false;
}
void
notice_counts(struct notice *n, struct notice_counts *o)
{
    (void)n;
    memset(o, 0, sizeof(*o));
}
bool
notice_check(const struct config *c, void (*l)(void *, const char *), void *a)
{
    (void)c;
    (void)l;
    (void)a;
    return true;
}
