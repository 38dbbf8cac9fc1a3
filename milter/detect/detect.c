/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/detect/detect.h"

#include <stdlib.h>
#include <string.h>

struct detect {
    struct detect_needs needs;
};
enum ms_err
detect_create(const struct detect_needs *n, struct detect **o)
{
    *o = calloc(1, sizeof(**o));
    if (*o == NULL)
        return MS_NOMEM;
    (*o)->needs = *n;
    return MS_OK;
}
enum ms_err
detect_start(struct detect *d)
{
    (void)d;
    return MS_OK;
}
void
detect_stop(struct detect *d)
{
    (void)d;
}
void
detect_destroy(struct detect *d)
{
    free(d);
}
void
detect_beat(struct detect *d)
{
    (void)d;
}
void
detect_note(struct detect *d, const struct config *c, const struct scene *s,
            const struct detect_message *m)
{
    (void)d;
    (void)c;
    (void)s;
    (void)m;
}
void
detect_note_held(struct detect *d, const struct held *h)
{
    (void)d;
    (void)h;
}
enum ms_err
detect_release(struct detect *d, const struct subject *s,
               enum detector_release h, enum evidence_cause c,
               const struct detect_word *w, bool *ch, struct change *o)
{
    (void)d;
    (void)s;
    (void)h;
    (void)c;
    (void)w;
    (void)o;
    *ch = false;
    return MS_UNAVAIL;
}
enum ms_err
detect_quarantine(struct detect *d, const struct subject *s, struct wall u,
                  const struct detect_word *w, struct change *o)
{
    (void)d;
    (void)s;
    (void)u;
    (void)w;
    (void)o;
    return MS_UNAVAIL;
}
enum ms_err
detect_lease(struct detect *d, const struct subject *s,
             const struct detect_word *w, bool *ch, struct change *o)
{
    (void)d;
    (void)s;
    (void)w;
    (void)o;
    *ch = false;
    return MS_UNAVAIL;
}
enum ms_err
detect_feedback(struct detect *d, const struct subject *s, uint32_t u,
                uint32_t c, const char *i)
{
    (void)d;
    (void)s;
    (void)u;
    (void)c;
    (void)i;
    return MS_UNAVAIL;
}
bool
detect_view(const struct config *c, const struct store_record *r, struct wall n,
            struct detect_view *o)
{
    (void)c;
    (void)r;
    (void)n;
    (void)o;
    return false;
}
enum ms_err
detect_enforce(struct detect *d, enum detect_enforce h,
               bool (*e)(void *, const struct store_record *,
                         const struct detector *),
               void *a)
{
    (void)d;
    (void)h;
    (void)e;
    (void)a;
    return MS_OK;
}
void
detect_settle(struct detect *d)
{
    (void)d;
}
void
detect_counts(struct detect *d, struct detect_counts *o)
{
    (void)d;
    memset(o, 0, sizeof(*o));
}
