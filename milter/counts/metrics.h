/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/metrics.h - counters and histograms, and their text for
 * Prometheus (exposition format 0.0.4).  No user, address or domain is ever a
 * label. Thread-safe; counting waits for nobody.
 */
#ifndef MORTSAFE_MILTER_COUNTS_METRICS_H
#define MORTSAFE_MILTER_COUNTS_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "milter/counts/history.h"
#include "milter/daemon.h"
#include "milter/detect/detect.h"
#include "milter/journal.h"
#include "milter/lookup/lookup.h"
#include "milter/notice/notice.h"
#include "policy/config.h"
#include "policy/store/store.h"
#include "policy/verdict.h"

/* Callbacks, as an MTA tells them. */
enum metrics_stage {
    METRICS_CONNECT,
    METRICS_HELO,
    METRICS_MAIL,
    METRICS_RCPT,
    METRICS_DATA, /* headers and body */
    METRICS_END,
    METRICS_STAGES
};

struct metrics;

enum ms_err metrics_create(struct metrics **out); /* MS_NOMEM */
void metrics_destroy(struct metrics *metrics);

const char *metrics_stage_name(enum metrics_stage stage);

/* A callback took so long. */
void metrics_callback(struct metrics *metrics, enum metrics_stage stage,
                      int64_t took_us);

/* A decision; LISTENER and RULE may be NULL or "" ("-" stands for them).
 * Beyond 2,000 different ones they count as "other". */
void metrics_decision(struct metrics *metrics, const char *listener,
                      enum metrics_stage stage, enum verdict_action action,
                      enum journal_deed deed, const char *rule);

/* N recipients came to OUTCOME, as history_note() is told. */
void metrics_recipients(struct metrics *metrics, enum history_outcome outcome,
                        uint32_t n);

/* The configuration was read again, or could not be. */
void metrics_reload(struct metrics *metrics, bool ok);
/* How often, when last (0: never), and with success? */
void metrics_reloads(struct metrics *metrics, uint64_t *ok, uint64_t *failed,
                     int64_t *last_s, bool *last_ok);

/* An API request was answered with STATUS. */
void metrics_request(struct metrics *metrics, bool tcp, unsigned status);

/* What is not counted here; all borrowed. */
struct metrics_now {
    struct store_time now;
    int64_t started_s;
    enum store_type type;
    enum mode mode;
    const struct store_stats *store;
    const struct daemon_counts *counts;
    uint64_t log_dropped, diary_lost, diary_queued, acts;
    unsigned sessions_limit;
    bool ready;
    const struct detect_counts *detect;  /* NULL: nobody is judged */
    const struct notice_counts *notice;  /* NULL: nobody is told */
    const struct lookup_counts *lookups; /* NULL: nothing is looked up */
    const struct dnsbl_state *lists;     /* N_LISTS of them */
    size_t n_lists;
    uint64_t held;         /* messages, as diary_count_held() tells */
    int64_t held_oldest_s; /* 0: none */
};

/* Write all to OUT; figures of this process are read from /proc. */
void metrics_print(struct metrics *metrics, const struct metrics_now *now,
                   FILE *out);

#endif
