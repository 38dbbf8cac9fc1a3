/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/judged.h"

#include <stdio.h>
#include <string.h>

#include "milter/api/changes.h"
#include "milter/api/json.h"
#include "policy/zombie.h"

char *
api_judged_rule(const struct zombie *rule, char out[VERDICT_RULE])
{
    (void)snprintf(out, VERDICT_RULE, "%s%.80s", rule != NULL ? "zombie." : "",
                   rule != NULL ? rule->name : "");
    return out;
}

/* The last change, if it is the one after which SUBJECT stands as it does. */
static bool
find_change(struct desk *desk, const struct subject *subject,
            const struct detector *d, struct change *out)
{
    char id[SUBJECT_TEXT];
    const struct diary_change_query query = {
        .subject = subject_print(subject, id), .limit = 1};
    struct api_changes *changes = NULL;
    bool found = false;

    if (d->last.at_s == 0 ||
        api_changes_find(desk, &query, API_CHANGES_FLEET, &changes) != MS_OK)
        return false;
    if (api_changes_count(changes) > 0) {
        *out = *api_changes_at(changes, 0);
        found = out->evidence.to == d->standing &&
                out->evidence.at_s == d->last.at_s;
    }
    api_changes_destroy(changes);
    return found;
}

bool
api_judged_read(struct desk *desk, const struct api_use_of *of,
                struct api_judged *out)
{
    memset(out, 0, sizeof(*out));
    out->of = *of;
    if (!detect_view(of->config, of->record, of->now.wall, &out->view))
        return false;
    if (!out->view.newer)
        out->has_change =
            find_change(desk, of->subject, &out->view.detector, &out->change);
    return true;
}

const struct evidence *
api_judged_evidence(const struct api_judged *judged)
{
    const struct detector *d = &judged->view.detector;

    return d->last.at_s != 0 && d->last.to == d->standing ? &d->last
                                                          : &judged->view.now;
}

int64_t
api_judged_since_s(const struct api_judged *judged)
{
    return judged->view.newer ? 0 : judged->view.detector.since_s;
}

/* ----- telling */

static json_t *
time_or_null(int64_t s)
{
    return s != 0 ? api_time(s) : json_null();
}

static json_t *
text_or_null(const char *text)
{
    return api_text(*text != '\0' ? text : NULL);
}

static json_t *
usual_json(const struct evidence *e)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o}", "hour", api_number(e->usual_hour), "day",
        api_number(e->usual_day), "new", api_number(e->usual_new), "networks",
        api_number(e->usual_networks), "senders", api_number(e->usual_senders));
}

static json_t *
now_json(const struct evidence *e)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "hour",
                     api_number(e->hour), "day", api_number(e->day), "new",
                     api_number(e->new_day), "networks",
                     api_number(e->networks), "senders", api_number(e->senders),
                     "spam", api_number(e->spam), "judged",
                     api_number(e->judged), "unknown", api_number(e->unknown),
                     "complaints", api_number(e->complaints));
}

json_t *
api_judged_json(const struct api_judged *judged)
{
    const struct api_use_of *of = &judged->of;
    const struct detect_view *view = &judged->view;
    const struct detector *d = &view->detector;
    const struct store_state *state = &of->record->state;
    const struct change *change = judged->has_change ? &judged->change : NULL;
    const struct zombie *rule = view->rule;
    char name[VERDICT_RULE];
    bool newer = view->newer;

    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, "
        "s:o, s:o, s:o, s:b}",
        "standing", standing_name(state->standing), "rule",
        text_or_null(api_judged_rule(rule, name)), "mode",
        rule != NULL
            ? json_string(mode_name(zombie_mode_of(of->config, of->acts, rule,
                                                   of->subject, of->now.wall)))
            : json_null(),
        "class",
        rule != NULL ? json_string(network_class_name(view->class))
                     : json_null(),
        "since", time_or_null(api_judged_since_s(judged)), "until",
        newer ? json_null() : time_or_null(d->until_s), "cause",
        newer || d->cause == CAUSE_NONE ? json_null()
                                        : json_string(cause_name(d->cause)),
        "by", text_or_null(change != NULL ? change->by : ""), "note",
        text_or_null(change != NULL ? change->note : ""), "observed",
        !newer && d->observed, "score",
        newer ? json_null() : api_tenths(evidence_score(&view->now)), "rate",
        state->standing == STANDING_THROTTLED ? api_number(state->throttle)
                                              : json_null(),
        "families",
        newer ? json_array() : evidence_json(api_judged_evidence(judged)),
        "usual", newer ? json_null() : usual_json(&view->now), "now",
        newer ? json_null() : now_json(&view->now), "quarantines",
        newer ? json_null() : api_number(d->quarantines), "newer", newer);
}
