/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of the status page: who is quarantined or throttled, and what keeps the
 * detector from it.
 */
#include <config.h>

#include <string.h>

#include "milter/page/parts.h"

enum { ROWS = 12 };

/* ----- words */

static const struct {
    const char *standing, *word, *would;
    enum page_level level;
} standings[] = {
    {"quarantined", "Quarantined", "Would be quarantined", PAGE_BAD},
    {"throttled", "Throttled", "Would be throttled", PAGE_WARN},
    {"watched", "Watched", "Watched", PAGE_NOTE},
    {"probation", "On probation", "On probation", PAGE_NOTE},
    {"normal", "Normal", "Normal", PAGE_OK},
};

enum page_level
page_standing_level(const char *standing, bool observed)
{
    for (size_t i = 0;
         standing != NULL && i < sizeof(standings) / sizeof(standings[0]); i++)
        if (strcmp(standings[i].standing, standing) == 0)
            return observed && standings[i].level > PAGE_NOTE
                       ? PAGE_NOTE
                       : standings[i].level;
    return PAGE_NOTE;
}

void
page_standing(struct markup *m, const char *standing, bool observed)
{
    enum page_level level = page_standing_level(standing, observed);

    for (size_t i = 0;
         standing != NULL && i < sizeof(standings) / sizeof(standings[0]); i++)
        if (strcmp(standings[i].standing, standing) == 0) {
            page_state(m, level,
                       observed ? standings[i].would : standings[i].word);
            return;
        }
    page_state(m, level, "Unknown");
}

void
page_cause(struct markup *m, const json_t *what)
{
    static const struct {
        const char *cause, *words;
    } causes[] = {
        {"evidence", "for what it sent"},
        {"time", "because of the time that has passed"},
        {"operator", "by an operator"},
        {"customer", "by its owner, with a code"},
        {"breaker", "and no worse, since too many were at once"},
        {"freeze", "because a filter\xe2\x80\x99s verdicts were taken back"},
        {"enforce", "because enforcing has begun"},
        {"lease", "because the address has a new customer"},
        {"ladder", "because the configuration lets it go after a while"},
    };
    const char *cause = page_string(what, "cause");
    const char *by = page_string(what, "by");

    for (size_t i = 0; cause != NULL && i < sizeof(causes) / sizeof(causes[0]);
         i++)
        if (strcmp(causes[i].cause, cause) == 0)
            markup_put(m, " %s", causes[i].words);
    if (by != NULL && *by != '\0') {
        markup_raw(m, ", ");
        markup_name(m, by);
    }
}

/* ----- what is wrong with many */

void
page_alarms(struct page *p, const struct page_home *f)
{
    struct markup *m = &p->m;

    if (page_true(f->zombies, "frozen")) {
        markup_raw(m, "<p class=\"alarm\">");
        page_state(m, PAGE_WARN, "A filter is not believed.");
        markup_raw(m, " Far more mail is flagged as spam than it used to be: "
                      "its verdicts count for nothing until that ends. Look "
                      "at the filter.</p>");
    }
    if (page_true(f->zombies, "braking")) {
        markup_raw(m, "<p class=\"alarm\">");
        page_state(m, PAGE_WARN, "Too many at once.");
        markup_raw(m, " More would have been throttled or quarantined within "
                      "an hour than can be right: the rest is only watched. "
                      "Look for what they have in common.</p>");
    }
}

/* ----- who is stopped */

static void
put_who(struct page *p, const json_t *row)
{
    struct markup *m = &p->m;
    uint64_t held = page_count(row, "held");
    const char *reason = page_string(row, "reason");
    const char *note = page_string(row, "note");

    markup_raw(m, "<tr><td class=\"who\">");
    page_subject_link(p, page_string(row, "subject"));
    markup_raw(m, "<td>");
    page_standing(m, page_string(row, "standing"), page_true(row, "observed"));
    markup_raw(m, "<td class=\"why\">");
    if (reason != NULL && *reason != '\0')
        markup_text(m, reason, 300);
    else
        page_cause(m, row);
    if (note != NULL && *note != '\0') {
        markup_raw(m, " <small>");
        markup_text(m, note, 240);
        markup_raw(m, "</small>");
    }
    markup_raw(m, "<td class=\"n\" data-l=\"for\">");
    page_age(p, row, "since");
    markup_raw(m, "<td class=\"n\" data-l=\"held\">");
    page_number(m, held);
}

/* How many there are beside those in the table. */
static void
put_rest(struct page *p, const struct page_home *f, size_t shown)
{
    struct markup *m = &p->m;
    uint64_t all = page_count(f->zombies, "counts.quarantined") +
                   page_count(f->zombies, "counts.throttled");
    uint64_t watched = page_count(f->zombies, "counts.watched");
    uint64_t probation = page_count(f->zombies, "counts.probation");

    markup_raw(m, "<p class=\"hint\">");
    if (all > shown) {
        page_number(m, all - shown);
        markup_raw(m, " more, ");
    }
    page_number(m, watched);
    markup_raw(m, " watched and ");
    page_number(m, probation);
    markup_raw(m, " on probation: <code>mortsafectl zombies</code></p>");
}

void
page_stopped(struct page *p, const struct page_home *f)
{
    static const char *const heads[] = {"Subject", "Standing", "Why", ">For",
                                        ">Held"};
    const json_t *list = page_at(f->zombies, "standings"), *row;
    size_t i, n = json_array_size(list) < ROWS ? json_array_size(list) : ROWS;

    page_section(p, "zombies", "Quarantined and throttled",
                 "the worst and newest first");
    if (n == 0) {
        page_nothing(p, f->zombies != NULL
                            ? "Nobody is quarantined or throttled."
                            : "Standings are not to be had at the moment.");
    } else {
        page_table(p, "Who is quarantined or throttled", heads, 5);
        json_array_foreach(list, i, row)
        {
            if (i < n)
                put_who(p, row);
        }
        page_table_end(p);
    }
    if (f->zombies != NULL)
        put_rest(p, f, n);
    page_section_end(p);
}
