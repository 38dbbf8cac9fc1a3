/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/detector/detector.h - is this subject a spam zombie?  What one message
 * says about whoever sent it is evidence, in decibels (10 log10 of a likelihood
 * ratio), by family; the families add up to a score, and the score moves the
 * standing.  (state, event, now) -> state: no clock, no I/O, under 1 KB of
 * state, all functions pure.  The only place where decisions use doubles.
 */
#ifndef MORTSAFE_POLICY_DETECTOR_DETECTOR_H
#define MORTSAFE_POLICY_DETECTOR_DETECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/charge.h"
#include "policy/clock.h"
#include "policy/config.h"
#include "policy/detector/evidence.h"
#include "policy/err.h"

enum {
    DETECTOR_BLOOM = 256, /* bytes: 2,048 bits */
    DETECTOR_BYTES = 1000 /* of the stored form, at most */
};

/* How a subject is judged: its rule's thresholds, and what its class means. */
struct detector_tuning {
    double watch, throttle, quarantine;      /* decibels */
    double floor_hour, floor_day, floor_new; /* recipients: nobody is unusual
                                                below them */
    double
        rate_max; /* recipients per hour while throttled, at most; 0: no cap */
    bool volume_throttles; /* volume alone may throttle, not only watch */
    bool gateway; /* many people behind it: never passes throttled by itself */
    unsigned families; /* bits 1 << enum family that count */
    uint32_t probation_s;
};

/* TUNING of CLASS with the thresholds 20, 40, 60 and 7 days of probation. */
void detector_tuning(enum network_class class, struct detector_tuning *out);

/* One message, or several merged; or what is learned of one later. */
struct detector_event {
    struct wall at;
    struct wall since;          /* of the oldest of several merged; 0: AT */
    const uint64_t *recipients; /* keyed hashes of whom it was addressed to,
                                   those refused as unknown too; borrowed */
    size_t n_recipients;
    uint32_t more;     /* recipients beyond these, whose hashes are not known:
                          neither new nor known */
    uint32_t messages; /* that this is made of, for whoever queues and tells it;
                          0: it is about an earlier one.  Not evidence */
    uint32_t spam, clean; /* of them, what a filter said; neither: no verdict */
    uint64_t message_id;  /* keyed hash, of all of them; 0: none.  Copies of one
                             message are weak witnesses */
    uint32_t unknown;     /* recipients refused with 5.1.x, or bounced so */
    uint32_t complaints;
    uint64_t network, sender; /* keyed hashes of the client's /16 or /32 and of
                                 the header From (else envelope sender); 0:
                                 none */
};

/* What is kept of a subject, unpacked. */
struct detector {
    /* evidence */
    int64_t at_s;                         /* of the last event; 0: none yet */
    double hour, day, new_day;            /* recipients, decayed */
    double max_hour, max_day, max_new;    /* today's highest */
    double peak_hour, peak_day, peak_new; /* remembered */
    double peak_networks, peak_senders;
    double content, reception; /* CUSUM, before the dead zone */
    double content_hour[2]; /* what CONTENT was given this hour and the last */
    int64_t content_hour_s; /* when this hour began */
    double judged, flagged; /* verdicts, discounted by the day */
    double spam_day, judged_day, unknown_day, complaints_day; /* decayed, to be
                                                                 told */
    uint64_t message_id;
    uint8_t known[2]
                 [DETECTOR_BLOOM]; /* recipients: this generation, the last */
    uint32_t n_known;              /* inserted into this one */
    uint64_t networks[2], senders[2]; /* bitmaps: today, yesterday */
    uint8_t day_worst;                /* enum standing, of today */
    double day_other;                 /* today's highest score but for bulk */
    int64_t above_s;                  /* score last at 30 or more */

    /* standing */
    enum standing standing;
    enum evidence_cause cause;
    bool observed;        /* earned while its rule only looked on */
    int64_t since_s;      /* it stands so */
    int64_t until_s;      /* a block's end, probation's end, when it lifts by
                             itself; 0: none */
    int64_t probation_s;  /* probation's end, also while it stands worse */
    uint32_t quarantines; /* by evidence, ever: for the ladder */
    int64_t first_s;      /* first event */
    uint64_t taken_back;  /* the freeze that was last applied; opaque */
    int64_t released_s;   /* it was last let go, by whatever; 0: never */
    struct evidence last; /* of the last change of standing; its to is
                             STANDING_NORMAL and at 0: there was none */

    /* Of whoever keeps it; opaque. */
    uint64_t rule;    /* id of the one that judged last; 0: none */
    uint64_t wrote;   /* by whom it was last written ... */
    uint64_t changed; /* ... and its standing last changed */
};

/* Nothing is known. */
void detector_begin(struct detector *d);

/* The stored form: layout version, then fixed widths, little-endian.  Returns
 * its length.  What does not fit a field is saturated. */
size_t detector_write(const struct detector *d, uint8_t out[DETECTOR_BYTES]);
/* MS_INVALID: damaged (a field out of range, a wrong length or checksum);
 * MS_VERSION: newer than we know; *OUT is left alone. */
enum ms_err detector_read(const uint8_t *bytes, size_t len,
                          struct detector *out);

/* The families now, and their sum in *SCORE; D is not changed: what decays is
 * decayed to NOW. */
void detector_score(const struct detector *d,
                    const struct detector_tuning *tuning, struct wall now,
                    double family[FAMILIES], double *score);

/* Take EVENT in.  Time that goes back counts as none; by over an hour, D's
 * clock is set anew.  The standing follows (it never leaves quarantine, and
 * probation only for worse): true if it is another; then d->last tells why.
 * Nothing counts while it stands quarantined. */
bool detector_note(struct detector *d, const struct detector_tuning *tuning,
                   const struct detector_event *event);

/* Was EVENT, or some of it, before D was last let go?  Then it is forgotten as
 * what was noted by then.  A release from a clock that is ahead of NOW says
 * nothing. */
bool detector_forgets(const struct detector *d,
                      const struct detector_event *event, struct wall now);

/* What time alone does: throttled for an hour under 30 becomes watched, watched
 * under 10 normal, probation ends.  UNTIL_S has come: as if released, for
 * CAUSE_LADDER if evidence had quarantined it.  The same. */
bool detector_pass(struct detector *d, const struct detector_tuning *tuning,
                   struct wall now);

/* Recipients per hour that D may send while throttled: max(class floor, own
 * peak), under the class's cap; at least 1. */
uint32_t detector_rate(const struct detector *d,
                       const struct detector_tuning *tuning);

/* An operator's words, or others': on probation (from quarantined or
 * throttled; else normal), the evidence of content and reception forgotten.
 * So is that of bulk, spread and identity, or the next message would undo it;
 * LEGIT instead teaches that their level of now is normal. */
enum detector_release { DETECTOR_RELEASE, DETECTOR_LEGIT };
void detector_release(struct detector *d, const struct detector_tuning *tuning,
                      enum detector_release how, enum evidence_cause cause,
                      struct wall now);

/* Quarantined by hand until UNTIL (0: until released). */
void detector_block(struct detector *d, struct wall now, struct wall until);

/* Another customer has the address: nothing is known, for CAUSE. */
void detector_lease(struct detector *d, enum evidence_cause cause,
                    struct wall now);

/* Down to watched, from throttled or quarantined: by the breaker, at the change
 * from observe to enforce.  The quarantine does not count for the ladder. */
void detector_demote(struct detector *d, enum evidence_cause cause,
                     struct wall now);

/* FAMILY (content) is not to be believed: what it was given in this hour of the
 * clock and the one before is taken back, once for each FREEZE (a number that
 * names it, not 0).  True if the standing is another: a throttle or quarantine
 * of the last two hours that would not have come without it is watched, or
 * normal, again. */
bool detector_take_back(struct detector *d,
                        const struct detector_tuning *tuning, uint64_t freeze,
                        struct wall now);

/* What D shows at NOW, as evidence without a change (from = to). */
void detector_show(const struct detector *d,
                   const struct detector_tuning *tuning, struct wall now,
                   struct evidence *out);

#endif
