/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/detector_lab.h - a detector's state under hand-made mail.  Times are in
 * seconds since the lab's beginning, a midnight; whom mail is to, and where it
 * comes from, are numbers.
 */
#ifndef MORTSAFE_TEST_DETECTOR_LAB_H
#define MORTSAFE_TEST_DETECTOR_LAB_H

#include "policy/detector/detector.h"

enum {
    HOUR = 3600,
    DAY = 86400,
    BEGIN = 20000 * DAY,
    RECIPIENTS = 400,
    STRANGERS = 1000000 /* nobody else writes to these numbers */
};

struct detector_tuning lab_tuning(enum network_class class);
struct wall lab_at(int64_t s);

/* MESSAGES at AT_S to N recipients, from number FIRST on. */
struct sent {
    int64_t at_s;
    uint64_t first;
    unsigned n, messages, spam, clean, unknown, complaints;
    uint64_t network, sender, message_id;
};
bool lab_note(struct detector *d, const struct detector_tuning *t,
              const struct sent *sent);

/* N messages of one recipient each, a stranger, EVERY_S; the K-th of each K is
 * flagged (0: none is judged).  Returns when the next would come. */
int64_t lab_blast(struct detector *d, const struct detector_tuning *t,
                  int64_t at_s, unsigned n, unsigned every_s, unsigned k);

/* Everything at once: much, flagged, unknown, from everywhere. */
void lab_abuse(struct detector *d, const struct detector_tuning *t,
               int64_t at_s);

double lab_family(const struct detector *d, const struct detector_tuning *t,
                  int64_t at_s, enum family which);
double lab_score(const struct detector *d, const struct detector_tuning *t,
                 int64_t at_s);

bool lab_near(double a, double b);
/* As they are stored. */
bool lab_same(const struct detector *a, const struct detector *b);

#endif
