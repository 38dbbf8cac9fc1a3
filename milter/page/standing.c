/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of a subject's page: how it stands and why, how it came to that, what of its
 * mail is held, and who was told.
 */
#include <config.h>

#include <string.h>

#include "milter/page/parts.h"

enum { CHANGE_ROWS = 12, HELD_ROWS = 20, NOTICE_ROWS = 20 };

static bool
is(const json_t *json, const char *path, const char *word)
{
    const char *text = page_string(json, path);

    return text != NULL && strcmp(text, word) == 0;
}

enum page_level
page_stands(const json_t *subject)
{
    bool observed = page_true(subject, "zombie.observed") ||
                    is(subject, "zombie.mode", "observe");

    return page_standing_level(page_string(subject, "standing"), observed);
}

/* ----- evidence */

/* Decibels as they were written, with one digit. */
static void
put_decibels(struct markup *m, const json_t *json, const char *path)
{
    uint64_t tenths = (page_permille(json, path) + 50) / 100;

    markup_put(m, "%ju.%ju", (uintmax_t)(tenths / 10),
               (uintmax_t)(tenths % 10));
}

/* A line for each family that says anything. */
static void
put_families(struct page *p, const json_t *what)
{
    struct markup *m = &p->m;
    const json_t *list = page_at(what, "families"), *one;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    markup_raw(m, "<ul class=\"families\">");
    json_array_foreach(list, i, one)
    {
        markup_raw(m, "<li><b>");
        put_decibels(m, one, "decibels");
        markup_raw(m, " dB</b> ");
        markup_text(m, page_string(one, "text"), 240);
        markup_raw(m, " <small>");
        markup_text(m, page_string(one, "family"), 24);
        markup_raw(m, "</small>");
    }
    markup_raw(m, "</ul>");
}

/* What it does beside what it used to do. */
static void
put_usual(struct page *p, const json_t *zombie)
{
    static const struct {
        const char *label, *now, *usual;
    } rows[] = {
        {"Recipients in the last hour", "now.hour", "usual.hour"},
        {"Recipients in 24 hours", "now.day", "usual.day"},
        {"Never written to before, in 24 hours", "now.new", "usual.new"},
        {"Networks it came from, in two days", "now.networks",
         "usual.networks"},
        {"Sender addresses today", "now.senders", "usual.senders"},
    };
    static const char *const heads[] = {"What", ">Now", ">Usual at most"};
    struct markup *m = &p->m;

    if (page_at(zombie, "now") == NULL)
        return;
    page_table(p, "What it does now, and what is usual", heads, 3);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t now = page_count(zombie, rows[i].now);
        uint64_t usual = page_count(zombie, rows[i].usual);

        markup_put(m,
                   "<tr><th scope=\"row\">%s<td class=\"n\" data-l=\"now\">"
                   "<b class=\"%s\">",
                   rows[i].label, now > usual ? "near" : "fine");
        page_number(m, now);
        markup_raw(m, "</b><td class=\"n\" data-l=\"usual\">");
        page_number(m, usual);
    }
    page_table_end(p);
}

static void
put_verdicts(struct page *p, const json_t *zombie)
{
    struct markup *m = &p->m;

    if (page_at(zombie, "now") == NULL)
        return;
    markup_raw(m, "<p class=\"hint\">In 24 hours a filter flagged ");
    page_number(m, page_count(zombie, "now.spam"));
    markup_raw(m, " of ");
    page_plural(m, page_count(zombie, "now.judged"), "message", "messages");
    markup_raw(m, "; ");
    page_plural(m, page_count(zombie, "now.unknown"), "recipient was",
                "recipients were");
    markup_raw(m, " unknown; ");
    page_plural(m, page_count(zombie, "now.complaints"), "complaint came",
                "complaints came");
    markup_raw(m, ".</p>");
}

static void
put_how(struct page *p, const json_t *subject, const json_t *zombie)
{
    struct markup *m = &p->m;
    const char *standing = page_string(subject, "standing");
    const char *note = page_string(zombie, "note");

    markup_raw(m, "<p class=\"summary\">");
    page_standing(m, standing,
                  page_true(zombie, "observed") ||
                      is(zombie, "mode", "observe"));
    if (page_at(zombie, "since") != NULL) {
        markup_raw(m, " since ");
        page_time(p, zombie, "since");
    }
    page_cause(m, zombie);
    if (page_at(zombie, "until") != NULL) {
        markup_raw(m, ", until ");
        page_time(p, zombie, "until");
    }
    if (page_at(zombie, "rate") != NULL) {
        markup_raw(m, "; let through: ");
        page_plural(m, page_count(zombie, "rate"), "recipient", "recipients");
        markup_raw(m, " an hour");
    }
    markup_raw(m, ".</p>");
    if (note != NULL && *note != '\0') {
        markup_raw(m, "<p class=\"facts\">");
        markup_text(m, note, 500);
        markup_raw(m, "</p>");
    }
}

static void
put_rule(struct page *p, const json_t *zombie)
{
    struct markup *m = &p->m;

    markup_raw(m, "<p class=\"facts\">");
    if (page_string(zombie, "rule") == NULL) {
        markup_raw(m, "No rule judges it.</p>");
        return;
    }
    markup_raw(m, "Judged by <b>");
    markup_name(m, page_string(zombie, "rule"));
    markup_raw(m, "</b>");
    if (is(zombie, "mode", "observe"))
        markup_raw(m, " <span class=\"tag\">observes</span>");
    markup_raw(m, ", class ");
    markup_text(m, page_string(zombie, "class"), 24);
    markup_raw(m, " \xc2\xb7 score now <b>");
    put_decibels(m, zombie, "score");
    markup_raw(m, "</b> dB");
    if (page_count(zombie, "quarantines") > 0) {
        markup_raw(m, " \xc2\xb7 quarantined ");
        page_plural(m, page_count(zombie, "quarantines"), "time", "times");
    }
    markup_raw(m, "</p>");
}

void
page_judged(struct page *p, const json_t *subject)
{
    const json_t *zombie = page_at(subject, "zombie");

    if (zombie == NULL)
        return;
    page_section(p, "standing", "Is it a zombie?",
                 "what it does, against what it used to");
    put_how(p, subject, zombie);
    put_rule(p, zombie);
    if (page_true(zombie, "newer"))
        page_nothing(p, "A newer mortsafe has written why: ask there.");
    put_families(p, zombie);
    put_usual(p, zombie);
    put_verdicts(p, zombie);
    page_section_end(p);
}

/* ----- how it came to that */

static void
put_ids(struct markup *m, const json_t *change)
{
    const json_t *ids = page_at(change, "ids"), *id;
    size_t i;

    if (json_array_size(ids) == 0)
        return;
    markup_raw(m, "<p class=\"refs\">queue ids");
    json_array_foreach(ids, i, id)
    {
        markup_raw(m, " <code>");
        markup_text(m, json_string_value(id), 40);
        markup_raw(m, "</code>");
    }
    markup_raw(m, "</p>");
}

static void
put_change(struct page *p, const json_t *change)
{
    struct markup *m = &p->m;
    const char *note = page_string(change, "note");

    markup_raw(m, "<li><p>");
    page_time(p, change, "at");
    markup_raw(m, " ");
    page_standing(m, page_string(change, "to"), page_true(change, "observed"));
    page_cause(m, change);
    markup_raw(m, " <small>was ");
    markup_text(m, page_string(change, "from"), 24);
    markup_raw(m, "</small></p>");
    if (note != NULL && *note != '\0') {
        markup_raw(m, "<p class=\"mail\">");
        markup_text(m, note, 500);
        markup_raw(m, "</p>");
    }
    put_families(p, change);
    put_ids(m, change);
}

void
page_changes(struct page *p, const json_t *subject)
{
    const json_t *list = page_at(subject, "changes"), *change;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    page_section(p, "changes", "Changes of its standing", "newest first");
    markup_raw(&p->m, "<ol class=\"told\">");
    json_array_foreach(list, i, change)
    {
        if (i < CHANGE_ROWS)
            put_change(p, change);
    }
    markup_raw(&p->m, "</ol>");
    page_section_end(p);
}

/* ----- held mail */

static void
put_held(struct page *p, const json_t *held)
{
    struct markup *m = &p->m;
    const char *from = page_string(held, "from");

    markup_raw(m, "<tr><th scope=\"row\" class=\"words\"><code>");
    markup_text(m, page_string(held, "id"), 40);
    markup_raw(m, "</code><td data-l=\"on\">");
    markup_name(m, page_string(held, "host"));
    markup_raw(m, "<td data-l=\"since\">");
    page_time(p, held, "at");
    markup_raw(m, "<td data-l=\"from\">");
    if (from != NULL && *from != '\0')
        markup_name(m, from);
    else
        markup_raw(m, "&lt;&gt;");
    markup_raw(m, "<td class=\"n\" data-l=\"recipients\">");
    page_number(m, page_count(held, "recipients"));
    markup_raw(m, "<td class=\"words\"><code>");
    markup_text(m, page_string(held, "command.deliver"), 120);
    markup_raw(m, "</code>");
}

void
page_held(struct page *p, const json_t *subject)
{
    static const char *const heads[] = {
        "Queue id", "Host", "Since", "From", ">Recipients", "To deliver it"};
    const json_t *list = page_at(subject, "held"), *held;
    size_t i, n = json_array_size(list);

    if (n == 0)
        return;
    page_section(p, "held", "Its mail that is held", "oldest first");
    page_table(p, "Messages that are held", heads, 6);
    json_array_foreach(list, i, held)
    {
        if (i < HELD_ROWS)
            put_held(p, held);
    }
    page_table_end(p);
    if (n > HELD_ROWS) {
        markup_raw(&p->m, "<p class=\"hint\">");
        page_number(&p->m, n - HELD_ROWS);
        markup_raw(&p->m, " more: <code>mortsafectl held</code></p>");
    }
    page_section_end(p);
}

/* ----- who was told */

/* What has become of NOTICE. */
static void
put_result(struct markup *m, const json_t *notice)
{
    static const struct {
        const char *result, *word;
        enum page_level level;
    } results[] = {
        {"waiting", "Waits", PAGE_NOTE},
        {"sent", "Sent", PAGE_OK},
        {"failed", "Failed", PAGE_WARN},
        {"limited", "Kept back: enough were sent", PAGE_NOTE},
        {"undeliverable", "Undeliverable", PAGE_WARN},
    };

    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
        if (is(notice, "result", results[i].result)) {
            page_state(m, results[i].level, results[i].word);
            return;
        }
    page_state(m, PAGE_NOTE, "Unknown");
}

static void
put_notice(struct page *p, const json_t *notice)
{
    struct markup *m = &p->m;
    const char *to = page_string(notice, "to");
    const char *error = page_string(notice, "error");

    markup_raw(m, "<tr><td>");
    page_time(p, notice, "at");
    markup_raw(m, "<td class=\"words\" data-l=\"what\">");
    markup_text(m, page_string(notice, "kind"), 24);
    markup_raw(m, "<td data-l=\"to\">");
    if (page_true(notice, "webhook"))
        markup_raw(m, "the webhook");
    else if (to != NULL && *to != '\0')
        markup_name(m, to);
    else
        markup_raw(m, "\xe2\x80\x93");
    markup_raw(m, "<td class=\"words\">");
    put_result(m, notice);
    if (error != NULL && *error != '\0') {
        markup_raw(m, " <small>");
        markup_text(m, error, 160);
        markup_raw(m, "</small>");
    }
}

void
page_notices(struct page *p, const json_t *subject)
{
    static const char *const heads[] = {"When", "What", "To", "Result"};
    const json_t *list = page_at(subject, "notices"), *notice;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    page_section(p, "notices", "Who was told", "newest first");
    page_table(p, "Letters and calls about it", heads, 4);
    json_array_foreach(list, i, notice)
    {
        if (i < NOTICE_ROWS)
            put_notice(p, notice);
    }
    page_table_end(p);
    page_section_end(p);
}
