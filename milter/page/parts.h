/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/page/parts.h - what the files of the page share: reading answers of
 * which any part may be missing, numbers and times for people, the frame of a
 * document.
 */
#ifndef MORTSAFE_MILTER_PAGE_PARTS_H
#define MORTSAFE_MILTER_PAGE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "milter/page/markup.h"
#include "milter/page/page.h"

/* How something is, each with a sign and a word of its own. */
enum page_level { PAGE_OK, PAGE_NOTE, PAGE_WARN, PAGE_BAD };

/* A document being written. */
struct page {
    struct markup m;
    int64_t now_s;
    bool pseudonyms;
    const char *subjects; /* what stands before a subject's id in a link */
};

/* What PATH ("store.subjects.user") leads to; NULL: nothing, or null. */
const json_t *page_at(const json_t *json, const char *path);
const char *page_string(const json_t *json, const char *path); /* or NULL */
/* The number, or 0; below 0 is 0. */
uint64_t page_count(const json_t *json, const char *path);
bool page_true(const json_t *json, const char *path);
/* A share as permille, rounded. */
uint64_t page_permille(const json_t *json, const char *path);
/* The seconds of an RFC 3339 time in UTC.  False: there is none. */
bool page_when(const json_t *json, const char *path, int64_t *out_s);

/* The counts of LIST, at most MOST, into OUT; returns how many. */
size_t page_counts(const json_t *list, uint64_t *out, size_t most);

/* "1,234,567"; "14:05"; "22 Nov"; "3 min", "2 h 5 min", "4 d". */
void page_number(struct markup *m, uint64_t n);
void page_clock(struct markup *m, int64_t at_s);
void page_date(struct markup *m, int64_t at_s);
void page_span(struct markup *m, uint64_t s);

/* "1,234" or, of the metric "bytes", "1.2 MB". */
void page_amount(struct markup *m, const char *metric, uint64_t n);

/* A metric in words; one that is not known as it is. */
const char *page_metric(const char *metric);

/* "1 user", "2 users". */
void page_plural(struct markup *m, uint64_t n, const char *one,
                 const char *many);

/* The time at PATH as <time>: of the last day with seconds, else with its
 * date; a dash if there is none. */
void page_time(struct page *p, const json_t *json, const char *path);

/* The key behind ID's kind ("user:ann"), which goes to KIND ("": none). */
const char *page_kind(const char *id, char kind[32]);

/* A link to the page of the subject ID ("user:ann@example.org"), kind first;
 * a dash for NULL. */
void page_subject_link(struct page *p, const char *id);

/* The same without the kind; ID is not NULL. */
void page_key_link(struct page *p, const char *id);

/* "user ann@example.org" without a link. */
void page_subject_name(struct page *p, const char *id);

/* How long it has been since the time at PATH; a dash if there is none. */
void page_age(struct page *p, const json_t *json, const char *path);

/* STANDING ("quarantined"; NULL: unknown) with its sign; one that was OBSERVED
 * would be. */
enum page_level page_standing_level(const char *standing, bool observed);
void page_standing(struct markup *m, const char *standing, bool observed);

/* " by an operator, ann": who or what has made WHAT, a change or a standing,
 * so. */
void page_cause(struct markup *m, const json_t *what);

/* The sign of LEVEL and WORD. */
void page_state(struct markup *m, enum page_level level, const char *word);

/* used, of what, and how much that is: "249 of 300/1h". */
void page_used(struct page *p, const json_t *row);

/* ok, near or over: classes of a bar. */
const char *page_share_class(uint64_t permille);

/* Begin the document.  TITLE is foreign, as is HOST (NULL: unknown). */
void page_begin(struct page *p, enum page_level level, const char *title,
                const char *host);
char *page_end(struct page *p, size_t *len);

/* A section with a heading, both of whose words are ours. */
void page_section(struct page *p, const char *id, const char *heading,
                  const char *note);
void page_section_end(struct page *p);

/* A table; of HEADS, N words, those behind ">" are of numbers. */
void page_table(struct page *p, const char *label, const char *const *heads,
                size_t n);
void page_table_end(struct page *p);

/* A plain sentence where a table would be empty, or has nothing to show. */
void page_nothing(struct page *p, const char *sentence);

/* "Deferred", "Would reject", ...; and how it looks. */
void page_deed(struct page *p, const json_t *decision);

/* Why, of a decision: the rule, and its count. */
void page_why(struct page *p, const json_t *decision);

/* When there is room again after a DECISION. */
void page_room(struct page *p, const json_t *decision);

/* What all this comes to, of page_home's facts. */
struct page_verdict {
    enum page_level working; /* the worst health */
    bool known;              /* there is a status at all */
    bool observe;            /* the daemon only observes */
    uint64_t health[4];      /* rows of that level */
    const json_t *worst;     /* row, of those that are not "ok" */
    bool near_known;
    uint64_t full_users, full_clients, full_others; /* used up a limit */
    uint64_t close;                                 /* nearly so */
    bool decisions_known;
    uint64_t stopped; /* different subjects in the last decisions */
    uint64_t faults;  /* of them: for faults of our own */
    bool would_known;
    uint64_t would; /* different subjects */
    bool zombies_known;
    uint64_t quarantined, throttled; /* all; and of those in the list: */
    uint64_t enforced;               /* not only observed */
    const json_t *stuck; /* the worst row of those whose matter is waiting */
    enum page_level stuck_level;
};
void page_judge(const struct page_home *facts, struct page_verdict *out);

/* Parts of the status page, in their order. */
void page_answers(struct page *p, const struct page_home *facts,
                  const struct page_verdict *verdict);
void page_tiles(struct page *p, const struct page_home *facts);
void page_day(struct page *p, const struct page_home *facts);
void page_alarms(struct page *p, const struct page_home *facts);
void page_stopped(struct page *p, const struct page_home *facts);
void page_near(struct page *p, const struct page_home *facts);
void page_busy(struct page *p, const struct page_home *facts);
void page_would(struct page *p, const struct page_home *facts);
void page_decisions(struct page *p, const struct page_home *facts);
void page_health(struct page *p, const struct page_home *facts);
void page_fleet(struct page *p, const struct page_home *facts);

/* Of a SUBJECT the limit that says most: one that stops it, one that would, the
 * fullest of the others, and last those it is exempt from; NULL: none. */
const json_t *page_foremost(const json_t *subject);

/* How bad the standing of a SUBJECT is; one that is only observed is not. */
enum page_level page_stands(const json_t *subject);

/* Parts of its page: nothing of what there is none of. */
void page_judged(struct page *p, const json_t *subject);
void page_pictures(struct page *p, const json_t *subject);
void page_told(struct page *p, const json_t *subject);
void page_help(struct page *p, const json_t *subject);
void page_changes(struct page *p, const json_t *subject);
void page_held(struct page *p, const json_t *subject);
void page_notices(struct page *p, const json_t *subject);

/* The row NAME of STATUS' health, or NULL. */
const json_t *page_health_row(const json_t *status, const char *name);

/* Sums of a day's outcomes, in the order of enum history_outcome; false:
 * unknown. */
enum { PAGE_OUTCOMES = 5 };
bool page_sums(const json_t *history, uint64_t sums[PAGE_OUTCOMES]);

/* The style's text. */
extern const char page_style[];

#endif
