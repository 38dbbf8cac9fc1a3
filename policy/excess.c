/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/excess.h"

#include <stdio.h>
#include <string.h>

#include "policy/limit.h"

bool
excess_is_held(const struct limit *limit)
{
    return limit->action == LIMIT_HOLD && limit->count != METRIC_CONNECTIONS;
}

void
excess_verdict(const struct policy *p, struct verdict *v,
               const struct limit *limit, struct rate rate, uint64_t used,
               uint64_t retry_s, const struct subject *subject)
{
    bool never = rate.span_s != 0 && retry_s == UINT64_MAX;

    verdict_continue(v);
    if (excess_is_held(limit)) {
        verdict_refuse(v, VERDICT_HOLD, 450, "4.7.1");
    } else if (never || limit->action == LIMIT_REJECT) {
        verdict_refuse(v, VERDICT_REJECT, 550, "5.7.1");
        if (never && limit->count == METRIC_BYTES)
            verdict_refuse(v, VERDICT_REJECT, 552, "5.3.4");
    } else if (rate.span_s == 0) {
        verdict_refuse(v, VERDICT_DEFER, 452, "4.5.3");
    } else if (limit->count == METRIC_CONNECTIONS) {
        verdict_refuse(v, VERDICT_DEFER, 421, "4.7.0");
    } else {
        verdict_refuse(v, VERDICT_DEFER, 450, "4.7.1");
    }
    v->observed = p->scene.mode == MODE_OBSERVE || limit->mode == MODE_OBSERVE;
    (void)snprintf(v->rule, sizeof(v->rule), "limit.%.64s", limit->name);
    v->reason =
        rate.span_s == 0 ? "Too many recipients" : "Sending limit reached";
    if (!p->scene.own)
        v->reason = "Too much from your address; try again later";
    v->limit = limit;
    v->rate = rate;
    v->used = used;
    v->retry_s = retry_s;
    if (subject != NULL)
        v->subject = *subject;
}

uint64_t
excess_retry_s(const struct policy *p, size_t i, uint64_t room_ms)
{
    const struct charge_item *item = &p->items[i];

    if (item->n > item->limit && p->source[i].limit != NULL)
        return limit_grows_s(p->source[i].limit, &p->scene, item->subject,
                             (struct rate){item->n, item->span_s});
    if (item->n > item->limit || room_ms == UINT64_MAX)
        return UINT64_MAX;
    return room_ms / 1000 + (room_ms % 1000 != 0);
}

void
excess_try(struct policy *p, const struct verdict *v)
{
    if (p->n_would < POLICY_WOULD)
        p->would[p->n_would++] = *v;
}

void
excess_hold(struct policy *p, const struct verdict *v)
{
    if (p->holding.zombie == NULL)
        p->holding = *v;
}

void
excess_unknown(const struct policy *p, const struct limit *limit,
               const struct subject *subject, struct verdict *v)
{
    verdict_continue(v);
    verdict_refuse(v, VERDICT_DEFER, 451, "4.3.0");
    v->observed = p->scene.mode == MODE_OBSERVE;
    v->failed = true;
    (void)snprintf(v->rule, sizeof(v->rule), "limit.%.64s", limit->name);
    v->reason = "Local problem; try again later";
    v->subject = *subject;
}

void
excess_many(struct policy *p)
{
    verdict_refuse(&p->verdict, VERDICT_DEFER, 451, "4.3.0");
    p->verdict.observed = p->scene.mode == MODE_OBSERVE;
    p->verdict.reason = "Too many limits apply at once";
    memcpy(p->verdict.rule, "error.limits", sizeof("error.limits"));
}
