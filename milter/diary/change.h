/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/change.h - a change of somebody's standing, with its evidence:
 * the one record from which log, API, page, notices and webhook tell.  Plain
 * data.
 */
#ifndef MORTSAFE_MILTER_DIARY_CHANGE_H
#define MORTSAFE_MILTER_DIARY_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "milter/diary/decision.h"
#include "policy/acts.h"
#include "policy/detector/evidence.h"
#include "policy/subject.h"

enum {
    CHANGE_IDS = 8,
    DIARY_CHANGES = 100000, /* the newest; older ones go */
    DIARY_REPORTS = 100000,
    DIARY_REPORT_TEXT = 512
};

struct change {
    uint64_t seq;    /* in this host's diary; 0: not written yet */
    char id[ACT_ID]; /* of the change, the same on all hosts */
    char host[DECISION_HOST];
    struct subject subject;
    char rule[VERDICT_RULE]; /* "zombie.account"; "" by hand without one */
    enum network_class class;
    bool observed;     /* only looked on */
    uint32_t throttle; /* recipients per hour from now on; 0: not throttled */
    int64_t until_s;   /* it ends by itself; 0: it does not */
    int64_t since_s;   /* it had stood as `from'; 0: nobody knows */
    uint32_t quarantines;     /* by evidence, ever; with this one */
    char by[ACT_BY];          /* an operator; "" */
    char note[ACT_NOTE];      /* what was said with it; "" */
    struct evidence evidence; /* from, to, when, cause, families, numbers */
    size_t n_ids;
    char ids[CHANGE_IDS][DECISION_HOST]; /* the MTA's queue ids of the last
                                            messages that were evidence */
};

/* The object of mortsafe-api(7), and back (MS_INVALID: not one): all but seq;
 * families that are not known are left out.  NULL without memory. */
json_t *change_json(const struct change *change);
enum ms_err change_read(const json_t *json, struct change *out);

/* "person" ... "list"; "" for CLASS_UNSET. */
const char *change_class_name(enum network_class class);

/* The families of E, the strongest first, each with its words; of a subject's
 * standing now, too.  NULL without memory. */
json_t *evidence_json(const struct evidence *e);
/* The numbers behind them, by their names. */
json_t *evidence_numbers_json(const struct evidence *e);

struct diary;

/* Write it down; its seq is filled in.  Errors as of diary.h. */
enum ms_err diary_add_change(struct diary *diary, struct change *change);

struct diary_change_query {
    const char *id;           /* of the change; NULL: any */
    const char *subject;      /* as printed; NULL: any */
    int64_t since_s, until_s; /* 0: any */
    const char *family;       /* that was the strongest; NULL */
    unsigned to;              /* bits 1 << enum standing; 0: any */
    unsigned limit;           /* 0: 100 */
};
/* The newest first. */
enum ms_err diary_changes(struct diary *diary,
                          const struct diary_change_query *query,
                          bool (*each)(void *arg, const struct change *),
                          void *arg);

/* What was said about an earlier message: an abuse report, a bounce; or about
 * an address, by a DNS list. */
struct diary_report {
    int64_t at_s;
    char host[DECISION_HOST];
    char kind[16];                  /* "complaint", "bounce", "log", "listed" */
    char subject[DECISION_SUBJECT]; /* ""; nobody's: it counts nothing */
    char id[DECISION_HOST];         /* queue id; of "listed" the zone; "" */
    char by[ACT_BY];
    char detail[DIARY_REPORT_TEXT];
};
enum ms_err diary_add_report(struct diary *diary,
                             const struct diary_report *report);
/* The newest first; SUBJECT as printed, NULL: any; LIMIT 0: 100. */
enum ms_err diary_reports(struct diary *diary, const char *subject,
                          int64_t since_s, unsigned limit,
                          bool (*each)(void *arg, const struct diary_report *),
                          void *arg);
/* The object of mortsafe-api(7), and back. */
json_t *diary_report_json(const struct diary_report *report);
enum ms_err diary_report_read(const json_t *json, struct diary_report *out);

#endif
