/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/judged.h"

#include <string.h>

#include "policy/zombie.h"
#include "test/unit.h"

struct stand {
    enum standing standing;
    uint32_t rate;
};

static enum ms_err
set_standing(void *arg, struct store_state *state)
{
    const struct stand *to = arg;

    state->standing = to->standing;
    state->throttle = to->rate;
    return MS_OK;
}

void
judged_stand(const struct judged *judged, enum standing standing, uint32_t rate)
{
    struct stand to = {standing, rate};

    assert_int_equal(store_update(judged->store, &judged->subject, judged->now,
                                  set_standing, &to),
                     MS_OK);
}

void
judged_seen(const struct judged *judged, struct wall first)
{
    static struct store_record record;
    bool found;

    assert_int_equal(store_get(judged->store, &judged->subject, judged->now,
                               &found, &record),
                     MS_OK);
    if (!found) {
        memset(&record, 0, sizeof(record));
        record.subject = judged->subject;
        record.last_seen = first;
    }
    record.first_seen = first;
    assert_int_equal(store_put(judged->store, &record, judged->now), MS_OK);
}

/* ----- the detector's state */

struct change {
    const struct zombie *rule;
    struct detector_tuning tuning;
    bool observes;
    void (*apply)(void *arg, struct detector *d,
                  const struct detector_tuning *tuning,
                  const struct zombie *rule);
    void *arg;
};

/* The standing beside the state is the one in force. */
static enum ms_err
read_state(const struct store_state *state, struct detector *out)
{
    enum ms_err err = MS_OK;

    detector_begin(out);
    if (state->len > 0)
        err = detector_read(state->bytes, state->len, out);
    if (err == MS_OK)
        out->standing = state->standing;
    return err;
}

static void
set_end(const struct change *change, struct detector *d)
{
    const struct zombie *rule = change->rule;
    size_t i = d->quarantines > 0 ? d->quarantines - 1 : 0;

    if (d->standing != STANDING_QUARANTINED || d->cause != CAUSE_EVIDENCE ||
        rule == NULL || rule->n_lifts == 0)
        return;
    if (i >= rule->n_lifts)
        i = rule->n_lifts - 1;
    if (rule->lift_s[i] > 0)
        d->until_s = d->since_s + (int64_t)rule->lift_s[i];
}

static enum ms_err
apply(void *arg, struct store_state *state)
{
    const struct change *change = arg;
    struct detector d;
    enum standing was;
    enum ms_err err = read_state(state, &d);

    if (err != MS_OK)
        return err;
    was = d.standing;
    change->apply(change->arg, &d, &change->tuning, change->rule);
    if (d.standing != was) {
        set_end(change, &d);
        if (d.cause == CAUSE_EVIDENCE)
            d.observed = change->observes;
    }
    state->standing = d.standing;
    state->throttle = d.standing == STANDING_THROTTLED
                          ? detector_rate(&d, &change->tuning)
                          : 0;
    state->len = (uint16_t)detector_write(&d, state->bytes);
    return MS_OK;
}

void
judged_change(const struct judged *judged,
              void (*apply_one)(void *arg, struct detector *d,
                                const struct detector_tuning *tuning,
                                const struct zombie *rule),
              void *arg)
{
    struct change change = {.apply = apply_one, .arg = arg};
    enum network_class class = CLASS_PERSON;

    change.rule =
        zombie_of(judged->config, &judged->subject, judged->now.wall, &class);
    if (change.rule != NULL) {
        zombie_tuning(change.rule, class, &change.tuning);
        change.observes =
            zombie_mode_of(judged->config, judged->acts, change.rule,
                           &judged->subject, judged->now.wall) != MODE_ENFORCE;
    } else {
        detector_tuning(class, &change.tuning);
    }
    assert_int_equal(store_update(judged->store, &judged->subject, judged->now,
                                  apply, &change),
                     MS_OK);
}

bool
judged_get(const struct judged *judged, struct detector *out,
           struct store_state *state)
{
    static struct store_record record;
    bool found;

    assert_int_equal(store_get(judged->store, &judged->subject, judged->now,
                               &found, &record),
                     MS_OK);
    if (!found)
        return false;
    *state = record.state;
    assert_int_equal(read_state(&record.state, out), MS_OK);
    return true;
}
