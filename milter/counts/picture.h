/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/picture.h - what each of the subjects seen last has sent: an
 * hour for 24 hours and a day for 30 days, by metric, on this host.  Bounded:
 * in a full one the least recent goes.  Thread-safe; leaf locks, never waits.
 */
#ifndef MORTSAFE_MILTER_COUNTS_PICTURE_H
#define MORTSAFE_MILTER_COUNTS_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/config.h"
#include "policy/err.h"
#include "policy/subject.h"

enum {
    PICTURE_SUBJECTS = 65536,
    PICTURE_HOURS = 24,
    PICTURE_DAYS = 30,
    PICTURE_REFUSED = METRICS, /* beside the metrics: refused recipients */
    PICTURE_ROWS
};

struct pictures;

/* For MOST subjects; memory is taken as they come.  MS_NOMEM. */
enum ms_err pictures_create(size_t most, struct pictures **out);
void pictures_destroy(struct pictures *pictures);

/* SUBJECT has caused N events of ROW (enum metric, or PICTURE_REFUSED); of
 * METRIC_BYTES they are KiB.  Counts stop at UINT32_MAX. */
void picture_note(struct pictures *pictures, const struct subject *subject,
                  unsigned row, uint32_t n, struct wall now);

/* Oldest first, the last ones of the current hour and day (UTC) at NOW. */
struct picture_view {
    struct wall hours_start, days_start;
    uint32_t hour[PICTURE_ROWS][PICTURE_HOURS];
    uint32_t day[PICTURE_ROWS][PICTURE_DAYS];
};
/* False: nothing is known of SUBJECT. */
bool picture_view(struct pictures *pictures, const struct subject *subject,
                  struct wall now, struct picture_view *out);

/* Forget SUBJECT; was it there? */
bool picture_forget(struct pictures *pictures, const struct subject *subject);

/* Forget all subjects of which nothing has come for PICTURE_DAYS at NOW: to be
 * called about once a day, for nobody's name to outlive his counts. */
void pictures_trim(struct pictures *pictures, struct wall now);

/* "messages", ..., "refused". */
const char *picture_row_name(unsigned row);

/* As history_save() and history_load(): what is loaded is all there is from
 * then on. */
enum ms_err pictures_save(struct pictures *pictures, void **bytes, size_t *len);
enum ms_err pictures_load(struct pictures *pictures, const void *bytes,
                          size_t len);

#endif
