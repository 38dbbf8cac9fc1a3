/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/quarantine.h"

#include <stdio.h>

#include "policy/zombie.h"

/* What is said of an account, and of a machine. */
static const struct {
    const char *stopped, *slowed, *flagged;
} words[] = {
    {"Mail from this account is stopped: it looks as if it sends spam. Its "
     "password may be known to others, or a computer that uses it infected",
     "This account sends far more than usual, so only some of it is let "
     "through",
     "This message looks like spam, and this account has lately sent far more "
     "than usual"},
    {"Mail from this computer is stopped: it looks as if it sends spam. It may "
     "be infected",
     "This computer sends far more than usual, so only some of it is let "
     "through",
     "This message looks like spam, and this computer has lately sent far more "
     "than usual"},
};

static void
begin(const struct policy *p, const struct zombie *zombie,
      enum standing standing, const struct subject *subject,
      struct verdict *out)
{
    verdict_continue(out);
    out->zombie = zombie;
    out->standing = standing;
    out->subject = *subject;
    out->observed = zombie_mode(zombie, &p->scene) == MODE_OBSERVE;
    (void)snprintf(out->rule, sizeof(out->rule), "zombie.%.64s", zombie->name);
}

void
quarantine_stop(const struct policy *p, const struct zombie *zombie,
                const struct subject *subject, struct verdict *out)
{
    begin(p, zombie, STANDING_QUARANTINED, subject, out);
    out->reason = words[zombie_is_address(zombie)].stopped;
    if (p->scene.kind == KIND_LOCAL || zombie->action == ZOMBIE_HOLD)
        verdict_refuse(out, VERDICT_HOLD, 550, "5.7.1");
    else if (zombie->action == ZOMBIE_DEFER)
        verdict_refuse(out, VERDICT_DEFER, 450, "4.7.1");
    else
        verdict_refuse(out, VERDICT_REJECT, 550, "5.7.1");
}

void
quarantine_slow(const struct policy *p, const struct zombie *zombie,
                const struct subject *subject,
                const struct charge_answer *answer, struct verdict *out)
{
    const uint64_t room_ms = answer->room_ms;

    begin(p, zombie, STANDING_THROTTLED, subject, out);
    out->reason = words[zombie_is_address(zombie)].slowed;
    out->rate = (struct rate){answer->throttle, ZOMBIE_SPAN_S};
    out->used = answer->used;
    out->retry_s = room_ms == UINT64_MAX
                       ? UINT64_MAX
                       : room_ms / 1000 + (room_ms % 1000 != 0);
    if (zombie->throttle == ZOMBIE_THROTTLE_HOLD)
        verdict_refuse(out, VERDICT_HOLD, 451, "4.7.1");
    else if (p->facts->recipients > 0) /* the client sends these again */
        verdict_refuse(out, VERDICT_DEFER, 452, "4.5.3");
    else
        verdict_refuse(out, VERDICT_DEFER, 451, "4.7.1");
}

void
quarantine_flag(const struct policy *p, const struct zombie *zombie,
                const struct subject *subject, struct verdict *out)
{
    begin(p, zombie, STANDING_THROTTLED, subject, out);
    out->reason = words[zombie_is_address(zombie)].flagged;
    verdict_refuse(out,
                   p->scene.kind == KIND_LOCAL ||
                           zombie->throttle == ZOMBIE_THROTTLE_HOLD
                       ? VERDICT_HOLD
                       : VERDICT_REJECT,
                   550, "5.7.0");
}

void
quarantine_overflow(struct verdict *v)
{
    v->action = v->code >= 500 ? VERDICT_REJECT : VERDICT_DEFER;
}
