/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/detector/detector.h"

#include <string.h>

void
detector_tuning(enum network_class class, struct detector_tuning *out)
{
    (void)class;
    memset(out, 0, sizeof(*out));
    out->watch = 20;
    out->throttle = 40;
    out->quarantine = 60;
    out->families = 31;
    out->probation_s = 604800;
}
void
detector_begin(struct detector *d)
{
    memset(d, 0, sizeof(*d));
}
void
detector_score(const struct detector *d, const struct detector_tuning *t,
               struct wall now, double f[FAMILIES], double *s)
{
    (void)d;
    (void)t;
    (void)now;
    memset(f, 0, sizeof(double) * FAMILIES);
    *s = 0;
}
bool
detector_note(struct detector *d, const struct detector_tuning *t,
              const struct detector_event *e)
{
    (void)t;
    d->at_s = e->at.s;
    return false;
}
bool
detector_pass(struct detector *d, const struct detector_tuning *t,
              struct wall now)
{
    (void)d;
    (void)t;
    (void)now;
    return false;
}
uint32_t
detector_rate(const struct detector *d, const struct detector_tuning *t)
{
    (void)d;
    (void)t;
    return 10;
}
void
detector_release(struct detector *d, const struct detector_tuning *t,
                 enum detector_release h, enum evidence_cause c,
                 struct wall now)
{
    (void)t;
    (void)h;
    (void)c;
    (void)now;
    d->standing = STANDING_NORMAL;
}
void
detector_block(struct detector *d, struct wall now, struct wall until)
{
    (void)now;
    (void)until;
    d->standing = STANDING_QUARANTINED;
}
void
detector_lease(struct detector *d, enum evidence_cause c, struct wall now)
{
    (void)c;
    (void)now;
    detector_begin(d);
}
void
detector_demote(struct detector *d, enum evidence_cause c, struct wall now)
{
    (void)c;
    (void)now;
    d->standing = STANDING_WATCHED;
}
bool
detector_take_back(struct detector *d, const struct detector_tuning *t,
                   uint64_t f, struct wall now)
{
    (void)d;
    (void)t;
    (void)f;
    (void)now;
    return false;
}
void
detector_show(const struct detector *d, const struct detector_tuning *t,
              struct wall now, struct evidence *o)
{
    (void)d;
    (void)t;
    memset(o, 0, sizeof(*o));
    o->at_s = now.s;
}
