/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/play.c - mail against a detector, or against a fixed limit.
 */
#include <config.h>

#include "test/sim/play.h"

#include <string.h>

enum { LIMIT = 100 };

void
play_begin(struct play *p, const struct play_judge *judge)
{
    memset(p, 0, sizeof(*p));
    p->judge = judge;
    detector_begin(&p->d);
    p->result.first_spam_s = -1;
    p->result.throttled_s = -1;
    p->result.quarantined_s = -1;
    for (unsigned i = 0; i <= STANDING_PROBATION; i++)
        p->result.last_day[i] = -1;
}

/* Of N recipients, one after the other, those within RATE an hour. */
static uint32_t
take(struct play *p, int64_t at_s, uint32_t n, uint32_t rate)
{
    uint64_t used;
    uint32_t room;

    window_turn(&p->window, TRAFFIC_HOUR_S, (uint64_t)at_s);
    used = window_sum(&p->window);
    room = used < rate ? (uint32_t)(rate - used) : 0;
    n = n < room ? n : room;
    (void)window_add(&p->window, n);
    return n;
}

/* All or nothing in each hour of the clock; only the standing is told. */
static uint32_t
limit(struct play *p, const struct mail *mail)
{
    uint32_t hour = (uint32_t)(mail->at_s / TRAFFIC_HOUR_S);

    if (p->window.slice != hour) {
        memset(&p->window, 0, sizeof(p->window));
        p->window.slice = hour;
        p->d.standing = STANDING_NORMAL;
    }
    p->window.count[0] += mail->n;
    if (p->window.count[0] <= LIMIT)
        return mail->n;
    p->d.standing = STANDING_THROTTLED;
    return 0;
}

static uint32_t
detect(struct play *p, const struct mail *mail, const uint64_t *recipient)
{
    const struct detector_tuning *t = &p->judge->tuning;
    bool judged = (t->families & 1U << FAMILY_CONTENT) != 0;
    bool throttled;
    struct detector_event e = {.at = {mail->at_s},
                               .recipients = recipient,
                               .n_recipients = mail->n,
                               .messages = 1,
                               .spam = judged && mail->flag == MAIL_SPAM,
                               .clean = judged && mail->flag == MAIL_CLEAN,
                               .message_id = mail->message_id,
                               .unknown = mail->unknown,
                               .network = mail->network,
                               .sender = mail->sender};

    (void)detector_pass(&p->d, t, e.at);
    if (p->d.standing == STANDING_QUARANTINED)
        return 0;
    throttled = p->d.standing == STANDING_THROTTLED;
    if (throttled)
        e.n_recipients = take(p, mail->at_s, mail->n, detector_rate(&p->d, t));
    if (e.n_recipients == 0)
        return 0;
    /* as many of those let through are unknown as of all */
    e.unknown =
        (uint32_t)((mail->unknown * e.n_recipients + mail->n - 1) / mail->n);
    (void)detector_note(&p->d, t, &e);
    return throttled && e.spam > 0 ? 0 : (uint32_t)e.n_recipients;
}

/* Once a day for each standing. */
static void
count_day(struct play_result *r, enum standing standing, int64_t at_s)
{
    int64_t day = at_s / TRAFFIC_DAY_S;

    if (r->last_day[standing] == day)
        return;
    r->last_day[standing] = day;
    r->watched += standing == STANDING_WATCHED;
    r->throttled += standing == STANDING_THROTTLED;
    r->quarantined += standing == STANDING_QUARANTINED;
}

static void
count_spam(struct play_result *r, const struct mail *mail,
           enum standing standing, uint32_t passed)
{
    if (!r->attacked)
        r->first_spam_s = mail->at_s;
    r->attacked = true;
    r->spam += mail->n;
    r->leaked += passed;
    if (r->throttled_s < 0 &&
        (standing == STANDING_THROTTLED || standing == STANDING_QUARANTINED)) {
        r->throttled_s = mail->at_s;
        r->leaked_throttled = r->leaked;
    }
    if (r->quarantined_s < 0 && standing == STANDING_QUARANTINED) {
        r->quarantined_s = mail->at_s;
        r->leaked_quarantined = r->leaked;
    }
}

static void
count(struct play *p, const struct mail *mail, uint32_t passed)
{
    struct play_result *r = &p->result;
    enum standing standing = p->d.standing;

    if (mail->attack) {
        count_spam(r, mail, standing, passed);
        return;
    }
    if (mail->at_s >= p->judge->count_from_s) {
        r->honest += mail->n;
        r->honest_held += mail->n - passed;
        if (!r->attacked)
            count_day(r, standing, mail->at_s);
    }
    if (p->judge->release_s > 0 && p->release_at_s == 0 && !r->attacked &&
        (standing == STANDING_THROTTLED || standing == STANDING_QUARANTINED))
        p->release_at_s = mail->at_s + p->judge->release_s;
}

/* It was due before this mail, and done when it was due. */
static void
release(struct play *p, int64_t now_s)
{
    struct wall then = {p->release_at_s};

    if (p->release_at_s == 0 || now_s < p->release_at_s)
        return;
    p->release_at_s = 0;
    if (!p->judge->limit && (p->d.standing == STANDING_THROTTLED ||
                             p->d.standing == STANDING_QUARANTINED))
        detector_release(&p->d, &p->judge->tuning, DETECTOR_LEGIT,
                         CAUSE_OPERATOR, then);
}

uint32_t
play_mail(struct play *p, const struct mail *mail, const uint64_t *recipient)
{
    uint32_t passed;

    release(p, mail->at_s);
    passed = p->judge->limit ? limit(p, mail) : detect(p, mail, recipient);
    count(p, mail, passed);
    return passed;
}

void
play_traffic(const struct traffic *t, const struct play_judge *judge,
             struct play_result *out)
{
    struct play p;

    play_begin(&p, judge);
    for (size_t i = 0; i < t->n; i++)
        (void)play_mail(&p, &t->mail[i], t->recipient + t->mail[i].first);
    *out = p.result;
}
