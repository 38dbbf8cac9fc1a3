/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/page/parts.h"

#include <string.h>
#include <time.h>

/* ----- what the answers hold */

const json_t *
page_at(const json_t *json, const char *path)
{
    while (json != NULL && *path != '\0') {
        char key[32];
        size_t n = strcspn(path, ".");

        if (n >= sizeof(key))
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        json = json_object_get(json, key);
        path += n + (path[n] == '.');
    }
    return json_is_null(json) ? NULL : json;
}

const char *
page_string(const json_t *json, const char *path)
{
    return json_string_value(page_at(json, path));
}

uint64_t
page_count(const json_t *json, const char *path)
{
    json_int_t n = json_integer_value(page_at(json, path));

    return n > 0 ? (uint64_t)n : 0;
}

bool
page_true(const json_t *json, const char *path)
{
    return json_is_true(page_at(json, path));
}

uint64_t
page_permille(const json_t *json, const char *path)
{
    double share = json_number_value(page_at(json, path));

    if (!(share > 0))
        return 0;
    return share < 1e9 ? (uint64_t)(share * 1000 + 0.5) : UINT64_C(1) << 40;
}

bool
page_when(const json_t *json, const char *path, int64_t *out_s)
{
    const char *text = page_string(json, path);
    struct tm tm = {0};
    const char *end;

    if (text == NULL)
        return false;
    end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (end == NULL || *end != '\0')
        return false;
    *out_s = timegm(&tm);
    return true;
}

size_t
page_counts(const json_t *list, uint64_t *out, size_t most)
{
    const json_t *n;
    size_t i;

    json_array_foreach(list, i, n)
    {
        if (i == most)
            break;
        out[i] = page_count(n, "");
    }
    return json_array_size(list) < most ? json_array_size(list) : most;
}

/* ----- subjects and their use */

const char *
page_kind(const char *id, char kind[32])
{
    size_t n = strcspn(id, ":");

    kind[0] = '\0';
    if (id[n] != ':' || n >= 32)
        return id;
    memcpy(kind, id, n);
    kind[n] = '\0';
    return id + n + 1;
}

void
page_subject_name(struct page *p, const char *id)
{
    char kind[32];
    const char *key;

    if (id == NULL) {
        markup_raw(&p->m, "\xe2\x80\x93");
        return;
    }
    key = page_kind(id, kind);
    if (*kind != '\0')
        markup_put(&p->m, "<i>%s</i> ", kind);
    markup_name(&p->m, key);
}

void
page_key_link(struct page *p, const char *id)
{
    char kind[32];

    markup_put(&p->m, "<a href=\"%s", p->subjects);
    markup_segment(&p->m, id);
    markup_raw(&p->m, "\">");
    markup_name(&p->m, page_kind(id, kind));
    markup_raw(&p->m, "</a>");
}

void
page_subject_link(struct page *p, const char *id)
{
    char kind[32];

    if (id == NULL) {
        markup_raw(&p->m, "\xe2\x80\x93");
        return;
    }
    (void)page_kind(id, kind);
    if (*kind != '\0')
        markup_put(&p->m, "<i>%s</i> ", kind);
    page_key_link(p, id);
}

void
page_state(struct markup *m, enum page_level level, const char *word)
{
    static const char *const names[] = {"ok", "note", "warn", "bad"};

    markup_put(m,
               "<span class=\"state %s\"><svg class=\"sign\" "
               "aria-hidden=\"true\"><use href=\"#s-%s\"/></svg>%s</span>",
               names[level], names[level], word);
}

void
page_used(struct page *p, const json_t *row)
{
    const char *rate = page_string(row, "rate.text");

    page_amount(&p->m, page_string(row, "metric"), page_count(row, "used"));
    if (rate != NULL)
        markup_put(&p->m, " <small>of %s</small>", rate);
}

const char *
page_share_class(uint64_t permille)
{
    if (permille >= 1000)
        return "full";
    return permille >= 800 ? "near" : "fine";
}

/* ----- decisions */

static bool
is(const json_t *json, const char *path, const char *word)
{
    const char *text = page_string(json, path);

    return text != NULL && strcmp(text, word) == 0;
}

void
page_deed(struct page *p, const json_t *decision)
{
    static const struct {
        const char *action, *done, *would;
        enum page_level level;
    } rows[] = {{"defer", "Deferred", "Would defer", PAGE_WARN},
                {"reject", "Rejected", "Would reject", PAGE_BAD},
                {"hold", "Held", "Would hold", PAGE_NOTE}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!is(decision, "action", rows[i].action))
            continue;
        if (is(decision, "deed", "would"))
            page_state(&p->m, PAGE_NOTE, rows[i].would);
        else
            page_state(&p->m, rows[i].level, rows[i].done);
        return;
    }
    page_state(&p->m, PAGE_NOTE, "Unknown");
}

void
page_why(struct page *p, const json_t *decision)
{
    const char *rule = page_string(decision, "rule");
    const char *error = page_string(decision, "error");

    markup_raw(&p->m, "<b>");
    markup_text(&p->m, rule != NULL ? rule : "no rule named", MARKUP_NAME);
    markup_raw(&p->m, "</b>");
    if (page_at(decision, "rate") != NULL) {
        markup_raw(&p->m, " ");
        page_used(p, decision);
        markup_put(&p->m, " <small>%s</small>",
                   page_metric(page_string(decision, "metric")));
    }
    if (error != NULL && *error != '\0')
        markup_put(&p->m, " <small>our own fault: %s</small>", error);
}

void
page_room(struct page *p, const json_t *decision)
{
    int64_t at_s;
    uint64_t wait = page_count(decision, "retry_s");

    if (page_at(decision, "rate") == NULL ||
        !page_when(decision, "time", &at_s)) {
        markup_raw(&p->m, "\xe2\x80\x93");
    } else if (page_at(decision, "retry_s") == NULL || wait > INT64_MAX / 2) {
        markup_raw(&p->m, "not by waiting");
    } else if (at_s + (int64_t)wait <= p->now_s) {
        markup_raw(&p->m, "since ");
        page_clock(&p->m, at_s + (int64_t)wait);
    } else {
        markup_raw(&p->m, "in ");
        page_span(&p->m, (uint64_t)(at_s + (int64_t)wait - p->now_s));
    }
}

/* ----- sections and tables */

void
page_section(struct page *p, const char *id, const char *heading,
             const char *note)
{
    markup_put(&p->m,
               "<section id=\"%s\" aria-labelledby=\"%s-h\"><h2 "
               "id=\"%s-h\">%s",
               id, id, id, heading);
    if (note != NULL)
        markup_put(&p->m, " <small>%s</small>", note);
    markup_raw(&p->m, "</h2>");
}

void
page_section_end(struct page *p)
{
    markup_raw(&p->m, "</section>\n");
}

void
page_table(struct page *p, const char *label, const char *const *heads,
           size_t n)
{
    markup_put(&p->m, "<table aria-label=\"%s\"><thead><tr>", label);
    for (size_t i = 0; i < n; i++)
        if (heads[i][0] == '>')
            markup_put(&p->m, "<th scope=\"col\" class=\"n\">%s", heads[i] + 1);
        else
            markup_put(&p->m, "<th scope=\"col\">%s", heads[i]);
    markup_raw(&p->m, "</thead><tbody>");
}

void
page_table_end(struct page *p)
{
    markup_raw(&p->m, "</table>");
}

void
page_nothing(struct page *p, const char *sentence)
{
    markup_put(&p->m, "<p class=\"none\">%s</p>", sentence);
}

/* ----- the document */

/* The signs, once; a page refers to them.  Each has a shape of its own. */
static const char signs[] =
    "<svg width=\"0\" height=\"0\" class=\"gone\" aria-hidden=\"true\"><defs>"
    "<symbol id=\"s-ok\" viewBox=\"0 0 16 16\"><circle cx=\"8\" cy=\"8\" "
    "r=\"7.5\"/><path class=\"cut\" d=\"M4.5 8.3l2.4 2.4 4.6-5\"/></symbol>"
    "<symbol id=\"s-note\" viewBox=\"0 0 16 16\"><rect x=\".8\" y=\".8\" "
    "width=\"14.4\" height=\"14.4\" rx=\"4\"/><path class=\"cut\" "
    "d=\"M8 4v.6M8 7.2V12\"/></symbol>"
    "<symbol id=\"s-warn\" viewBox=\"0 0 16 16\"><path "
    "d=\"M8 .8L15.8 15H.2z\"/><path class=\"cut\" "
    "d=\"M8 5.6v4.4M8 12.2v.5\"/></symbol>"
    "<symbol id=\"s-bad\" viewBox=\"0 0 16 16\"><path "
    "d=\"M4.8.5h6.4l4.3 4.3v6.4l-4.3 4.3H4.8L.5 11.2V4.8z\"/><path "
    "class=\"cut\" d=\"M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6\"/></symbol>"
    "</defs></svg>";

/* The sign for the tab: the cage over the grave, with a door by state. */
static void
put_icon(struct markup *m, enum page_level level)
{
    static const char *const colours[] = {"1d7f4c", "1d7f4c", "a86400",
                                          "c0322b"};

    markup_put(m,
               "<link rel=\"icon\" href=\"data:image/svg+xml,"
               "%%3Csvg xmlns=%%22http://www.w3.org/2000/svg%%22 "
               "viewBox=%%220 0 16 16%%22%%3E%%3Cpath fill=%%22none%%22 "
               "stroke=%%22%%23%s%%22 stroke-width=%%221.8%%22 "
               "d=%%22M2.5 15V8a5.5 5.5 0 0 1 11 0v7M6.2 15V3.4M9.8 "
               "15V3.4M2 9.5h12M1 15h14%%22/%%3E%%3C/svg%%3E\">",
               colours[level]);
}

void
page_begin(struct page *p, enum page_level level, const char *title,
           const char *host)
{
    markup_put(&p->m,
               "<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
               "charset=\"utf-8\"><title>%s",
               title);
    if (host != NULL)
        markup_put(&p->m, " - %s", host);
    markup_raw(&p->m, "</title><meta name=\"viewport\" content=\"width=device-"
                      "width, initial-scale=1\"><meta name=\"color-scheme\" "
                      "content=\"light dark\"><meta name=\"robots\" "
                      "content=\"noindex\">");
    put_icon(&p->m, level);
    markup_raw(&p->m, "<style>");
    markup_raw(&p->m, page_style);
    markup_raw(&p->m, "</style></head>\n<body>");
    markup_raw(&p->m, signs);
}

char *
page_end(struct page *p, size_t *len)
{
    markup_raw(&p->m, "</body></html>\n");
    return markup_end(&p->m, len);
}
