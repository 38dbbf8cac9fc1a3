/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page of one subject: where it stands, why, what it has done, and what an
 * operator can do about it.
 */
#include <config.h>

#include "milter/page/page.h"

#include <string.h>

#include "milter/page/chart.h"
#include "milter/page/parts.h"

enum { SLICES = 13 };

static bool
observed(const json_t *limit)
{
    const char *mode = page_string(limit, "mode");

    return mode != NULL && strcmp(mode, "observe") == 0;
}

/* Does EXEMPTION, an act or one of the configuration, speak of limit NAME? */
static bool
covers(const json_t *exemption, const char *name)
{
    const json_t *list = page_at(exemption, "limits"), *one;
    const char *limit = page_string(exemption, "limit");
    size_t i;

    if (!json_is_array(list))
        return limit == NULL || strcmp(limit, name) == 0;
    json_array_foreach(list, i, one) if (json_is_string(one) &&
                                         strcmp(json_string_value(one), name) ==
                                             0) return true;
    return false;
}

static bool
exempt(const json_t *subject, const json_t *limit)
{
    const char *name = page_string(limit, "limit");
    const json_t *one;
    size_t i;

    json_array_foreach(page_at(subject, "exemptions"), i,
                       one) if (name != NULL && covers(one, name)) return true;
    return false;
}

const json_t *
page_foremost(const json_t *subject)
{
    const json_t *limit, *most = NULL;
    uint64_t best = 0;
    size_t i;

    json_array_foreach(page_at(subject, "limits"), i, limit)
    {
        uint64_t share = page_permille(limit, "share");
        uint64_t weight = share < 1000000 ? share : 1000000;

        if (share >= 1000)
            weight += observed(limit) ? 2000000 : 4000000;
        if (exempt(subject, limit))
            weight = 0;
        if (most == NULL || weight > best) {
            most = limit;
            best = weight;
        }
    }
    return most;
}

/* ----- where it stands, in a sentence */

static void
put_use_sentence(struct page *p, const json_t *limit)
{
    struct markup *m = &p->m;

    markup_put(m, " <b>limit %s</b>: ", page_string(limit, "limit"));
    page_amount(m, page_string(limit, "metric"), page_count(limit, "used"));
    markup_put(m, " %s, of %s.", page_metric(page_string(limit, "metric")),
               page_string(limit, "rate.text"));
}

static void
put_room_sentence(struct page *p, const json_t *limit)
{
    struct markup *m = &p->m;
    uint64_t room_s = page_count(limit, "room_s");

    if (page_at(limit, "room_s") == NULL) {
        markup_raw(m, " Waiting does not help.");
    } else if (room_s > 0) {
        markup_raw(m, " Room returns in ");
        page_span(m, room_s);
        markup_raw(m, ", at ");
        page_clock(m, p->now_s + (int64_t)room_s);
        markup_raw(m, " UTC.");
    }
}

static void
put_summary(struct page *p, const json_t *subject)
{
    const json_t *limit = page_foremost(subject);
    uint64_t share = page_permille(limit, "share");
    struct markup *m = &p->m;

    markup_raw(m, "<p class=\"summary\">");
    if (page_stands(subject) >= PAGE_WARN) {
        page_standing(m, page_string(subject, "standing"), false);
        markup_raw(m, ", for what stands below.");
    } else if (limit == NULL) {
        page_state(m, PAGE_NOTE, "No limit counts it.");
    } else if (exempt(subject, limit)) {
        page_state(m, PAGE_OK, "Let through:");
        markup_raw(m, " it is exempt, see below.");
    } else if (share >= 1000 && observed(limit)) {
        page_state(m, PAGE_NOTE, "Would be stopped, if this were enforced,");
        markup_raw(m, " by");
        put_use_sentence(p, limit);
        put_room_sentence(p, limit);
    } else if (share >= 1000) {
        page_state(m, PAGE_WARN, "Stopped");
        markup_raw(m, " by");
        put_use_sentence(p, limit);
        put_room_sentence(p, limit);
    } else {
        page_state(m, PAGE_OK, "Let through.");
        markup_raw(m, " The fullest is");
        put_use_sentence(p, limit);
    }
    markup_raw(m, "</p>");
}

static void
put_header(struct page *p, const json_t *subject)
{
    struct markup *m = &p->m;
    const char *standing = page_string(subject, "standing");

    markup_raw(m, "<header><p class=\"brand\"><a href=\"../\">"
                  "\xe2\x86\x90 <b>mortsafe</b></a></p><p class=\"fresh\">");
    page_clock(m, p->now_s);
    markup_raw(m, " UTC, ");
    page_date(m, p->now_s);
    markup_raw(m, " \xc2\xb7 reload for newer figures</p></header>\n"
                  "<main id=\"main\"><h1>");
    page_subject_name(p, page_string(subject, "id"));
    markup_raw(m, "</h1>");
    put_summary(p, subject);
    markup_raw(m, "<p class=\"facts\">Standing <b>");
    markup_put(m, "%s</b>", standing != NULL ? standing : "unknown");
    markup_raw(m, " \xc2\xb7 first seen ");
    page_time(p, subject, "first_seen");
    markup_raw(m, " \xc2\xb7 last seen ");
    page_time(p, subject, "last_seen");
    markup_raw(m, "</p>");
}

/* Others whom the same bare key may mean. */
static void
put_also(struct page *p, const json_t *subject)
{
    const json_t *also = page_at(subject, "also"), *id;
    size_t i;

    if (json_array_size(also) == 0)
        return;
    markup_raw(&p->m, "<p class=\"facts\">Also known by that name:");
    json_array_foreach(also, i, id)
    {
        markup_raw(&p->m, i == 0 ? " " : ", ");
        page_subject_link(p, json_string_value(id));
    }
    markup_raw(&p->m, "</p>");
}

/* ----- its limits */

static void
put_slices(struct page *p, const json_t *limit)
{
    uint64_t count[SLICES];
    size_t n = page_counts(page_at(limit, "slices"), count, SLICES);
    uint64_t slice_s = page_count(limit, "slice_s");
    struct chart_columns columns = {.what = "use by slice of the span",
                                    .count = count,
                                    .n = n,
                                    .css = "slices"};

    if (n == 0 || slice_s == 0 || slice_s > UINT32_MAX)
        return;
    columns.step_s = (uint32_t)slice_s;
    columns.start_s = p->now_s - (int64_t)((n - 1) * slice_s);
    columns.start_s -= columns.start_s % (int64_t)slice_s;
    chart_columns(&p->m, &columns);
}

static void
put_limit_name(struct page *p, const json_t *subject, const json_t *limit)
{
    struct markup *m = &p->m;
    const char *by = page_string(limit, "by");

    markup_raw(m, "<tr><th scope=\"row\" class=\"lim\">");
    markup_name(m, page_string(limit, "limit"));
    if (observed(limit))
        markup_raw(m, " <span class=\"tag\">observes</span>");
    if (by != NULL && strcmp(by, "raised") == 0)
        markup_raw(m, " <span class=\"tag\">raised</span>");
    if (exempt(subject, limit))
        markup_raw(m, " <span class=\"tag\">exempt</span>");
    markup_raw(m, "<small class=\"under\">");
    markup_text(m, page_string(limit, "origin"), 60);
    markup_raw(m, "</small>");
}

static void
put_limit(struct page *p, const json_t *subject, const json_t *limit)
{
    struct markup *m = &p->m;
    uint64_t share = page_permille(limit, "share");

    put_limit_name(p, subject, limit);
    markup_put(m, "<td data-l=\"counts\">%s<td class=\"use\">",
               page_metric(page_string(limit, "metric")));
    chart_bar(m, share, page_share_class(share));
    markup_raw(m, "<td class=\"n\" data-l=\"used\">");
    page_used(p, limit);
    markup_put(m,
               "<td class=\"n\"><b class=\"%s\">%ju %%</b><td "
               "class=\"pic\">",
               page_share_class(share), (uintmax_t)(share / 10));
    put_slices(p, limit);
    markup_raw(m, "<td class=\"n\" data-l=\"room\">");
    if (page_at(limit, "room_s") == NULL)
        markup_raw(m, "not by waiting");
    else if (page_count(limit, "room_s") == 0)
        markup_raw(m, "now");
    else {
        markup_raw(m, "in ");
        page_span(m, page_count(limit, "room_s"));
    }
}

static void
put_limits(struct page *p, const json_t *subject)
{
    static const char *const heads[] = {
        "Limit", "Counts", "Use", ">Used", ">Share", "Over its span", ">Room"};
    const json_t *list = page_at(subject, "limits"), *limit;
    size_t i;

    page_section(p, "limits", "Limits", "what is left of each");
    if (json_array_size(list) == 0) {
        page_nothing(p, "No limit of this configuration counts it.");
    } else {
        page_table(p, "Limits of this subject", heads, 7);
        json_array_foreach(list, i, limit) put_limit(p, subject, limit);
        page_table_end(p);
    }
    page_section_end(p);
}

/* ----- what was set for it */

static void
put_which(struct markup *m, const json_t *act)
{
    const json_t *limits = page_at(act, "limits"), *name;
    const char *limit = page_string(act, "limit");
    size_t i;

    if (limit != NULL) {
        markup_put(m, "limit %s", limit);
    } else if (json_array_size(limits) > 0) {
        json_array_foreach(limits, i, name) markup_put(
            m, "%s%s", i == 0 ? "limits " : ", ", json_string_value(name));
    } else
        markup_raw(m, "all limits");
}

static void
put_act(struct page *p, const json_t *act)
{
    struct markup *m = &p->m;
    const char *rates = page_string(act, "rates");
    const char *source = page_string(act, "by");

    markup_raw(m, "<tr><th scope=\"row\">");
    markup_raw(m, rates != NULL ? "Raised: " : "Exempt from ");
    put_which(m, act);
    if (rates != NULL)
        markup_put(m, " to %s", rates);
    markup_raw(m, "<td data-l=\"until\">");
    if (page_at(act, "until") == NULL)
        markup_raw(m, "for ever");
    else
        page_time(p, act, "until");
    markup_raw(m, "<td data-l=\"by\">");
    if (source == NULL)
        source = page_string(act, "origin");
    markup_text(m, source, MARKUP_NAME);
    markup_raw(m, "<td class=\"words\">");
    markup_text(m, page_string(act, "note"), 240);
}

/* Exemptions, of acts and of the configuration; then what was raised. */
static void
put_acts(struct page *p, const json_t *subject)
{
    static const char *const heads[] = {"What", "Until", "By", "Note"};
    static const char *const lists[] = {"exemptions", "acts"};
    const json_t *act;
    bool any = false;
    size_t i;

    for (size_t k = 0; k < 2; k++)
        json_array_foreach(page_at(subject, lists[k]), i, act)
        {
            /* exemptions stand in both */
            if (k == 1 && page_string(act, "rates") == NULL)
                continue;
            if (!any) {
                page_section(p, "acts", "Exemptions and raised limits", NULL);
                page_table(p, "Exemptions and raised limits", heads, 4);
            }
            any = true;
            put_act(p, act);
        }
    if (any) {
        page_table_end(p);
        page_section_end(p);
    }
}

char *
page_subject(const json_t *subject, int64_t now_s, bool pseudonyms, size_t *len)
{
    struct page p = {.m = MARKUP_EMPTY,
                     .now_s = now_s,
                     .pseudonyms = pseudonyms,
                     .subjects = "./"};
    const char *id = page_string(subject, "id");
    enum page_level level = PAGE_OK;

    if (page_permille(page_foremost(subject), "share") >= 1000)
        level = PAGE_WARN;
    if (page_stands(subject) > level)
        level = page_stands(subject);
    page_begin(&p, level, "mortsafe", id);
    put_header(&p, subject);
    put_also(&p, subject);
    page_judged(&p, subject);
    page_held(&p, subject);
    put_limits(&p, subject);
    put_acts(&p, subject);
    page_help(&p, subject);
    page_pictures(&p, subject);
    page_changes(&p, subject);
    page_notices(&p, subject);
    page_told(&p, subject);
    markup_raw(&p.m, "</main>\n<footer><p>All times are UTC</p></footer>");
    return page_end(&p, len);
}
