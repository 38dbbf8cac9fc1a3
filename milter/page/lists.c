/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lists of the status page: who is near a limit, who is busy, what was
 * decided, and what would have been.
 */
#include <config.h>

#include <string.h>

#include "milter/page/chart.h"
#include "milter/page/parts.h"

enum { LEAST_SHARE = 500, NEAR_ROWS = 12, WOULD_ROWS = 10, DECISION_ROWS = 12 };

static void
put_standing(struct page *p, const json_t *row)
{
    const char *standing = page_string(row, "standing");

    if (standing != NULL && strcmp(standing, "normal") != 0)
        markup_put(&p->m, " <span class=\"tag\">%s</span>", standing);
}

static void
put_near(struct page *p, const json_t *row)
{
    struct markup *m = &p->m;
    uint64_t share = page_permille(row, "share");

    markup_raw(m, "<tr><td class=\"who\">");
    page_subject_link(p, page_string(row, "id"));
    put_standing(p, row);
    markup_raw(m, "<td class=\"lim\" data-l=\"limit\">");
    markup_name(m, page_string(row, "limit"));
    markup_raw(m, "<td class=\"use\">");
    chart_bar(m, share, page_share_class(share));
    markup_raw(m, "<td class=\"n\" data-l=\"used\">");
    page_used(p, row);
    markup_put(m, "<td class=\"n\"><b class=\"%s\">%ju %%</b>",
               page_share_class(share), (uintmax_t)(share / 10));
    markup_raw(m, "<td class=\"n\" data-l=\"last seen\">");
    page_time(p, row, "last_seen");
}

void
page_near(struct page *p, const struct page_home *f)
{
    static const char *const heads[] = {"Subject", "Limit",  "Use",
                                        ">Used",   ">Share", ">Last seen"};
    const json_t *row;
    size_t i, n = 0;

    page_section(p, "near", "Near or over a limit", "half of it used, or more");
    json_array_foreach(page_at(f->near, "subjects"), i, row)
    {
        if (page_permille(row, "share") < LEAST_SHARE || n == NEAR_ROWS)
            continue;
        if (n++ == 0)
            page_table(p, "Subjects near or over a limit", heads, 6);
        put_near(p, row);
    }
    if (n > 0)
        page_table_end(p);
    else
        page_nothing(p, f->near != NULL
                            ? "Nobody has used half of a limit."
                            : "The counts are not to be had at the moment.");
    page_section_end(p);
}

/* One list of the busiest; the longest bar is that of the first. */
static void
put_busy(struct page *p, const json_t *list, const char *id,
         const char *heading, const char *nobody)
{
    static const char *const heads[] = {"Subject", "Use", ">Recipients"};
    struct markup *m = &p->m;
    const json_t *row;
    uint64_t most = 0;
    size_t i;

    page_section(p, id, heading, "recipients outside our domains");
    json_array_foreach(page_at(list, "subjects"), i, row)
    {
        uint64_t used = page_count(row, "used");

        if (used == 0)
            continue;
        if (most == 0)
            page_table(p, heading, heads, 3);
        most = used > most ? used : most;
        markup_raw(m, "<tr><td class=\"who\">");
        if (page_string(row, "id") != NULL)
            page_key_link(p, page_string(row, "id"));
        put_standing(p, row);
        markup_raw(m, "<td class=\"use\">");
        chart_bar(m, used * 1000 / most, "plain");
        markup_raw(m, "<td class=\"n\">");
        page_amount(m, page_string(row, "metric"), used);
        markup_raw(m, " <small>in ");
        page_span(m, page_count(row, "rate.span_s"));
        markup_raw(m, "</small>");
    }
    if (most > 0)
        page_table_end(p);
    else
        page_nothing(p, list != NULL
                            ? nobody
                            : "The counts are not to be had at the moment.");
    page_section_end(p);
}

void
page_busy(struct page *p, const struct page_home *f)
{
    markup_raw(&p->m, "<div class=\"pair\">");
    put_busy(p, f->users, "users", "Busiest users",
             "No login has sent anything outside lately.");
    put_busy(p, f->clients, "clients", "Busiest clients",
             "No client has sent anything outside without a login lately.");
    markup_raw(&p->m, "</div>");
}

/* Whom a decision was about: what was counted, else who it was. */
static const struct {
    const char *key, *kind;
} whom[] = {{"subject", NULL}, {"user", "user"}, {"client", "client"}};

static void
put_who(struct page *p, const json_t *decision)
{
    const char *name = NULL;
    size_t i = 0;

    for (; name == NULL && i < sizeof(whom) / sizeof(whom[0]); i++)
        name = page_string(decision, whom[i].key);
    if (name == NULL || whom[i - 1].kind == NULL) {
        page_subject_link(p, name);
        return;
    }
    markup_put(&p->m, "<i>%s</i> ", whom[i - 1].kind);
    markup_name(&p->m, name);
}

/* Decisions of one kind about the same: the newest, and how many. */
struct group {
    const json_t *newest, *oldest;
    uint64_t n;
};

static bool
same(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"deed", "action",  "rule",
                                       "user", "subject", "client"};
    /* of a subject it does not matter by which client it came */
    size_t n = page_string(a, "subject") != NULL ? 5 : 6;

    for (size_t i = 0; i < n; i++) {
        const char *one = page_string(a, keys[i]);
        const char *other = page_string(b, keys[i]);

        if ((one == NULL) != (other == NULL) ||
            (one != NULL && strcmp(one, other) != 0))
            return false;
    }
    return true;
}

/* Groups of LIST, which is newest first, into OUT; how many there are. */
static size_t
gather(const json_t *list, struct group out[DECISION_ROWS])
{
    const json_t *d;
    size_t i, n = 0;

    json_array_foreach(list, i, d)
    {
        size_t k = 0;

        while (k < n && !same(out[k].newest, d))
            k++;
        if (k == DECISION_ROWS)
            continue;
        if (k == n)
            out[n++] = (struct group){.newest = d};
        out[k].oldest = d;
        out[k].n++;
    }
    return n;
}

static void
put_times(struct page *p, const struct group *group)
{
    if (group->n < 2) {
        markup_raw(&p->m, "once");
        return;
    }
    page_number(&p->m, group->n);
    markup_raw(&p->m, " <small>since ");
    page_time(p, group->oldest, "time");
    markup_raw(&p->m, "</small>");
}

static void
put_decision(struct page *p, const struct group *group)
{
    const json_t *d = group->newest;
    struct markup *m = &p->m;

    markup_raw(m, "<tr><td>");
    page_time(p, d, "time");
    markup_raw(m, "<td>");
    page_deed(p, d);
    markup_raw(m, "<td class=\"who\">");
    put_who(p, d);
    markup_raw(m, "<td class=\"why\">");
    page_why(p, d);
    markup_raw(m, "<td class=\"n\" data-l=\"times\">");
    put_times(p, group);
    markup_raw(m, "<td class=\"n\" data-l=\"room\">");
    page_room(p, d);
    markup_raw(m, "<td class=\"n ref\" data-l=\"reference\"><code>");
    if (page_string(d, "ref") != NULL)
        markup_text(m, page_string(d, "ref"), 24);
    else if (page_string(d, "id") != NULL)
        markup_text(m, page_string(d, "id"), 24);
    else
        markup_raw(m, "\xe2\x80\x93");
    markup_raw(m, "</code>");
}

void
page_decisions(struct page *p, const struct page_home *f)
{
    static const char *const heads[] = {"Last",           "What",   "Who",
                                        "Rule and count", ">Times", ">Room",
                                        ">Reference"};
    const json_t *list = page_at(f->decisions, "decisions");
    struct group groups[DECISION_ROWS];
    size_t n = gather(list, groups);

    page_section(p, "decisions", "Last decisions against somebody",
                 "newest first");
    if (n == 0) {
        page_nothing(p, f->decisions != NULL
                            ? "Nobody was stopped, and nobody would have been."
                            : "The diary of decisions is not to be had at the "
                              "moment.");
        page_section_end(p);
        return;
    }
    page_table(p, "Last decisions", heads, 7);
    for (size_t i = 0; i < n; i++)
        put_decision(p, &groups[i]);
    page_table_end(p);
    markup_raw(&p->m, "<p class=\"hint\">What led to one: <code>mortsafectl "
                      "why REFERENCE</code></p>");
    page_section_end(p);
}

static void
put_would(struct page *p, const json_t *row)
{
    struct markup *m = &p->m;

    markup_raw(m, "<tr><td class=\"who\">");
    page_subject_link(p, page_string(row, "subject"));
    markup_raw(m, "<td class=\"lim\" data-l=\"rule\"><b>");
    markup_name(m, page_string(row, "rule"));
    markup_raw(m, "</b><td>");
    markup_text(m, page_string(row, "action"), 16);
    markup_raw(m, "<td class=\"n\" data-l=\"times\">");
    page_number(m, page_count(row, "n"));
    markup_raw(m, "<td class=\"n\" data-l=\"last\">");
    page_time(p, row, "last");
}

void
page_would(struct page *p, const struct page_home *f)
{
    static const char *const heads[] = {"Subject", "Rule", "Action", ">Times",
                                        ">Last"};
    const json_t *list = page_at(f->would, "rows"), *row;
    size_t i, n = json_array_size(list);

    if (f->would != NULL && n == 0)
        return;
    page_section(p, "would", "Would have been stopped",
                 "let through, because it only observes; 24 hours");
    if (f->would == NULL) {
        page_nothing(p, "The diary of decisions is not to be had at the "
                        "moment.");
        page_section_end(p);
        return;
    }
    page_table(p, "Who would have been stopped", heads, 5);
    json_array_foreach(list, i, row)
    {
        if (i == WOULD_ROWS)
            break;
        put_would(p, row);
    }
    page_table_end(p);
    markup_raw(&p->m, "<p class=\"hint\">");
    if (n > WOULD_ROWS) {
        page_number(&p->m, n - WOULD_ROWS);
        markup_raw(&p->m, " more, and all of last week: ");
    } else
        markup_raw(&p->m, "All of last week: ");
    markup_raw(&p->m, "<code>mortsafectl would</code></p>");
    page_section_end(p);
}
