/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The status page: its order is that of the questions it answers.
 */
#include <config.h>

#include "milter/page/page.h"

#include <string.h>

#include "milter/page/parts.h"

static const char *
title_of(const struct page_verdict *v)
{
    if (!v->known)
        return "mortsafe: state unknown";
    switch (v->working) {
    case PAGE_OK:
    case PAGE_NOTE:
        return "mortsafe: working";
    case PAGE_WARN:
        return "mortsafe: working, with a warning";
    case PAGE_BAD:
        return "mortsafe: in trouble";
    }
    return "mortsafe";
}

/* "2 users and 1 client have used up a limit." */
static void
put_full(struct markup *m, const struct page_verdict *v)
{
    const struct {
        uint64_t n;
        const char *one, *many;
    } rows[] = {{v->full_users, "user", "users"},
                {v->full_clients, "client", "clients"},
                {v->full_others, "other subject", "other subjects"}};
    uint64_t all = v->full_users + v->full_clients + v->full_others;
    uint64_t left = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        left += rows[i].n > 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].n == 0)
            continue;
        page_plural(m, rows[i].n, rows[i].one, rows[i].many);
        left--;
        markup_raw(m, left > 1 ? ", " : left == 1 ? " and " : " ");
    }
    markup_raw(m, all == 1 ? "has used up a limit" : "have used up a limit");
}

/* One sentence or three, that say it all. */
static void
put_headline(struct page *p, const struct page_verdict *v)
{
    struct markup *m = &p->m;

    markup_raw(m, "<h1>");
    if (!v->known)
        page_state(m, PAGE_BAD, "Its state is unknown.");
    else if (v->working == PAGE_BAD)
        page_state(m, PAGE_BAD, "In trouble.");
    else if (v->working == PAGE_WARN)
        page_state(m, PAGE_WARN, "Working, with a warning.");
    else
        page_state(m, PAGE_OK, "Working.");
    if (v->known)
        markup_raw(m, v->observe ? " Observing only: nothing is refused."
                                 : " Enforcing.");
    markup_raw(m, " ");
    if (v->full_users + v->full_clients + v->full_others > 0)
        put_full(m, v);
    else if (v->near_known)
        markup_raw(m, "Nobody has used up a limit");
    else
        markup_raw(m, "Who is near a limit is unknown");
    markup_raw(m, ".</h1>");
}

static void
put_header(struct page *p, const struct page_home *f)
{
    struct markup *m = &p->m;
    const char *host = page_string(f->status, "host");

    markup_raw(m, "<header><a class=\"skip\" href=\"#main\">Skip to the "
                  "answers</a><p class=\"brand\"><svg class=\"logo\" "
                  "width=\"20\" height=\"20\" viewBox=\"0 0 16 16\" "
                  "aria-hidden=\"true\"><path d=\"M2.5 15V8a5.5 5.5 0 0 1 11 "
                  "0v7M6.2 15V3.4M9.8 15V3.4M2 9.5h12M1 15h14\"/></svg>"
                  "<b>mortsafe</b>");
    if (host != NULL) {
        markup_raw(m, " <span class=\"host\">");
        markup_name(m, host);
        markup_raw(m, "</span>");
    }
    markup_raw(m, "</p><p class=\"fresh\">");
    page_clock(m, f->now_s);
    markup_raw(m, " UTC, ");
    page_date(m, f->now_s);
    if (f->still)
        markup_raw(m, " \xc2\xb7 stands still \xc2\xb7 <a href=\"?\">refresh "
                      "by itself</a></p></header>\n");
    else
        markup_put(m,
                   " \xc2\xb7 refreshes every %d s \xc2\xb7 <a "
                   "href=\"?refresh=no\">pause</a></p></header>\n",
                   PAGE_REFRESH_S);
}

static void
put_footer(struct page *p, const struct page_home *f)
{
    struct markup *m = &p->m;
    int64_t started_s;

    markup_raw(m, "<footer><p>");
    if (page_string(f->status, "version") != NULL)
        markup_put(m, "mortsafe %s", page_string(f->status, "version"));
    if (page_when(f->status, "started", &started_s)) {
        markup_raw(m, " \xc2\xb7 running for ");
        page_span(m, page_count(f->status, "uptime_s"));
    }
    if (page_string(f->status, "config.path") != NULL) {
        markup_raw(m, " \xc2\xb7 ");
        markup_text(m, page_string(f->status, "config.path"), MARKUP_NAME);
        markup_raw(m, ", read ");
        page_time(p, f->status, "config.loaded");
    }
    markup_raw(m, " \xc2\xb7 all times are UTC</p>");
    if (f->pseudonyms)
        markup_raw(m, "<p>Names are pseudonyms here (they begin with ~): "
                      "<code>status { names = yes }</code> shows them; "
                      "<code>mortsafectl why REFERENCE</code> tells who it "
                      "was.</p>");
    markup_raw(m, "</footer>");
}

char *
page_home(const struct page_home *facts, size_t *len)
{
    struct page p = {.m = MARKUP_EMPTY,
                     .now_s = facts->now_s,
                     .pseudonyms = facts->pseudonyms,
                     .subjects = "subjects/"};
    struct page_verdict verdict;

    page_judge(facts, &verdict);
    page_begin(&p, verdict.known ? verdict.working : PAGE_BAD,
               title_of(&verdict), page_string(facts->status, "host"));
    put_header(&p, facts);
    markup_raw(&p.m, "<main id=\"main\">");
    put_headline(&p, &verdict);
    page_alarms(&p, facts);
    page_answers(&p, facts, &verdict);
    page_tiles(&p, facts);
    page_stopped(&p, facts);
    page_day(&p, facts);
    page_near(&p, facts);
    page_busy(&p, facts);
    page_decisions(&p, facts);
    page_would(&p, facts);
    page_health(&p, facts);
    page_fleet(&p, facts);
    markup_raw(&p.m, "</main>\n");
    put_footer(&p, facts);
    return page_end(&p, len);
}

char *
page_problem(unsigned status, const char *title, const char *detail,
             size_t *len)
{
    struct page p = {.m = MARKUP_EMPTY};

    page_begin(&p, PAGE_WARN, title, NULL);
    markup_raw(&p.m, "<main id=\"main\" class=\"problem\"><h1>");
    page_state(&p.m, PAGE_WARN, title);
    markup_raw(&p.m, "</h1><p>");
    if (detail != NULL)
        markup_text(&p.m, detail, 400);
    markup_put(&p.m,
               "</p><p><a href=\"/\">Back to the status page</a> "
               "<small>HTTP status %u</small></p></main>",
               status);
    return page_end(&p, len);
}
