/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one subject has done, what was decided against it, and what an operator
 * can do.
 */
#include <config.h>

#include <string.h>

#include "milter/page/chart.h"
#include "milter/page/parts.h"

enum { HOURS = 24, DAYS = 30, DECISION_ROWS = 20, TURNS = 20 };

/* What is drawn beside its counts. */
struct besides {
    uint64_t usual_hour, usual_day; /* recipients */
    struct chart_turn turns[TURNS]; /* of its standing */
    size_t n_turns;
};

static void
gather(const json_t *subject, struct besides *out)
{
    const json_t *change;
    size_t i;

    *out = (struct besides){
        .usual_hour = page_count(subject, "zombie.usual.hour"),
        .usual_day = page_count(subject, "zombie.usual.day"),
    };
    json_array_foreach(page_at(subject, "changes"), i, change)
    {
        struct chart_turn *turn = &out->turns[out->n_turns];

        turn->what = page_string(change, "to");
        if (turn->what != NULL && page_when(change, "at", &turn->at_s) &&
            ++out->n_turns == TURNS)
            break;
    }
}

/* ----- what it has done */

static void
put_picture(struct page *p, const json_t *part, const char *row,
            const char *what, size_t most, const struct besides *besides)
{
    uint64_t count[DAYS];
    struct chart_columns columns = {.what = what, .css = "plain"};
    bool hours = most == HOURS;
    uint64_t step_s = page_count(part, "step_s"), sum = 0;

    columns.count = count;
    columns.n = page_counts(page_at(page_at(part, "counts"), row), count, most);
    markup_raw(&p->m, "<td class=\"pic\">");
    if (columns.n == 0 || step_s == 0 || step_s > DAYS * 86400 ||
        !page_when(part, "start", &columns.start_s)) {
        markup_raw(&p->m, "<td class=\"n\">\xe2\x80\x93");
        return;
    }
    columns.step_s = (uint32_t)step_s;
    if (strcmp(row, "recipients") == 0)
        columns.usual = hours ? besides->usual_hour : besides->usual_day;
    columns.turns = besides->turns;
    columns.n_turns = hours ? besides->n_turns : 0;
    for (size_t i = 0; i < columns.n; i++)
        sum += count[i];
    chart_columns(&p->m, &columns);
    markup_put(&p->m, "<td class=\"n\" data-l=\"%s\">",
               hours ? "24 h" : "30 d");
    page_amount(&p->m, row, sum);
}

/* What the lines in the pictures are. */
static void
put_key(struct markup *m, const struct besides *besides)
{
    if (besides->usual_day + besides->usual_hour > 0 || besides->n_turns > 0)
        markup_raw(m, "<p class=\"hint\">A line across is what is usual for "
                      "it at most; a line down is a change of its standing, "
                      "and they are listed below.</p>");
}

void
page_pictures(struct page *p, const json_t *subject)
{
    static const char *const heads[] = {"Count", "24 hours", ">Sum", "30 days",
                                        ">Sum"};
    static const struct {
        const char *row, *label, *hours, *days;
    } rows[] = {
        {"messages", "Messages", "messages an hour", "messages a day"},
        {"recipients", "Recipients", "recipients an hour", "recipients a day"},
        {"external", "Recipients outside", "external recipients an hour",
         "external recipients a day"},
        {"bad_recipients", "Unknown recipients", "unknown recipients an hour",
         "unknown recipients a day"},
        {"refused", "Refused recipients", "refused recipients an hour",
         "refused recipients a day"},
        {"connections", "Connections", "connections an hour",
         "connections a day"},
        {"bytes", "Bytes", "bytes an hour", "bytes a day"},
    };
    const json_t *pictures = page_at(subject, "pictures");
    struct besides besides;
    struct markup *m = &p->m;

    page_section(p, "pics", "What it has sent", "seen by this host, UTC");
    if (pictures == NULL) {
        page_nothing(p, "This host has not seen it in the last 30 days.");
        page_section_end(p);
        return;
    }
    gather(subject, &besides);
    page_table(p, "Counts of 24 hours and 30 days", heads, 5);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        markup_put(m, "<tr><th scope=\"row\">%s", rows[i].label);
        put_picture(p, page_at(pictures, "hours"), rows[i].row, rows[i].hours,
                    HOURS, &besides);
        put_picture(p, page_at(pictures, "days"), rows[i].row, rows[i].days,
                    DAYS, &besides);
    }
    page_table_end(p);
    put_key(m, &besides);
    page_section_end(p);
}

/* ----- what was decided */

static void
put_path(struct markup *m, const char *word, const char *address)
{
    if (address == NULL)
        return;
    markup_put(m, " %s ", word);
    if (*address == '\0')
        markup_raw(m, "&lt;&gt;");
    else
        markup_name(m, address);
}

static void
put_reply(struct markup *m, const json_t *d)
{
    const char *text = page_string(d, "text");

    if (text == NULL || *text == '\0')
        return;
    markup_put(m, "<p class=\"reply\">Told: \xe2\x80\x9c%ju %s ",
               (uintmax_t)page_count(d, "code"), page_string(d, "enhanced"));
    markup_text(m, text, 300);
    markup_raw(m, "\xe2\x80\x9d</p>");
}

static void
put_decision(struct page *p, const json_t *d)
{
    struct markup *m = &p->m;
    const char *host = page_string(d, "host");

    markup_raw(m, "<li><p>");
    page_time(p, d, "time");
    markup_raw(m, " ");
    page_deed(p, d);
    markup_raw(m, " by ");
    page_why(p, d);
    markup_raw(m, "</p><p class=\"mail\">Mail");
    put_path(m, "from", page_string(d, "from"));
    put_path(m, "to", page_string(d, "to"));
    if (page_count(d, "nrcpt") > 1) {
        markup_raw(m, " and ");
        page_number(m, page_count(d, "nrcpt") - 1);
        markup_raw(m, " more");
    }
    put_path(m, "by client", page_string(d, "client"));
    put_path(m, "on", page_string(d, "listener"));
    put_path(m, "of", host);
    markup_raw(m, "</p>");
    put_reply(m, d);
    markup_raw(m, "<p class=\"refs\">");
    if (page_string(d, "ref") != NULL) {
        markup_raw(m, "reference <code>");
        markup_text(m, page_string(d, "ref"), 24);
        markup_raw(m, "</code> ");
    }
    if (page_string(d, "id") != NULL) {
        markup_raw(m, "queue id <code>");
        markup_text(m, page_string(d, "id"), 40);
        markup_raw(m, "</code> ");
    }
    markup_raw(m, "room: ");
    page_room(p, d);
    markup_raw(m, "</p>");
}

void
page_told(struct page *p, const json_t *subject)
{
    const json_t *list = page_at(subject, "decisions"), *d;
    size_t i;

    page_section(p, "decisions", "Last decisions against it", "newest first");
    if (json_array_size(list) == 0) {
        page_nothing(p, "None is known.");
        page_section_end(p);
        return;
    }
    markup_raw(&p->m, "<ol class=\"told\">");
    json_array_foreach(list, i, d)
    {
        if (i == DECISION_ROWS)
            break;
        put_decision(p, d);
    }
    markup_raw(&p->m, "</ol>");
    page_section_end(p);
}

/* ----- what to do */

static void
put_command(struct markup *m, const char *why, const char *command,
            const char *key, const char *rest)
{
    markup_put(m, "<dt>%s<dd><code>mortsafectl %s ", why, command);
    markup_word(m, key);
    if (rest != NULL && *rest != '\0') {
        markup_raw(m, " ");
        markup_word(m, rest);
    }
    markup_raw(m, "</code>");
}

static void
put_commands(struct page *p, const json_t *subject, const char *id)
{
    const json_t *limit = page_foremost(subject);
    const char *name = page_string(limit, "limit");
    const char *ref =
        page_string(json_array_get(page_at(subject, "decisions"), 0), "ref");
    struct markup *m = &p->m;

    if (ref != NULL && markup_typable(ref))
        put_command(m, "Why was it stopped?", "why", ref, NULL);
    put_command(m, "All that is known of it", "show", id, NULL);
    if (page_stands(subject) >= PAGE_WARN)
        put_command(m, "Let it go again", "release", id, NULL);
    else if (page_string(subject, "zombie.rule") != NULL)
        put_command(m, "Stop all its mail", "quarantine", id, NULL);
    put_command(m, "Let it start from nothing", "reset", id, name);
    if (name != NULL && markup_typable(name)) {
        markup_raw(m,
                   "<dt>Give it more for a week<dd><code>mortsafectl raise ");
        markup_word(m, id);
        markup_raw(m, " ");
        markup_word(m, name);
        markup_raw(m, " RATES --until 7d</code>");
    }
    put_command(m, "Do not hold it to any limit", "exempt add", id, NULL);
}

void
page_help(struct page *p, const json_t *subject)
{
    const char *id = page_string(subject, "id");
    const char *ref =
        page_string(json_array_get(page_at(subject, "decisions"), 0), "ref");

    page_section(p, "help", "What you can do", "on the host, in a shell");
    if (p->pseudonyms || id == NULL || !markup_typable(id)) {
        markup_raw(&p->m, p->pseudonyms
                              ? "<p>Its name is not shown here. "
                              : "<p>Its name holds what cannot be typed. ");
        markup_raw(&p->m, "<code>mortsafectl top</code> lists who is busy.");
        if (ref != NULL && markup_typable(ref)) {
            markup_raw(&p->m, "</p><dl class=\"do\">");
            put_command(&p->m, "Who was stopped, and why?", "why", ref, NULL);
            markup_raw(&p->m, "</dl>");
        } else
            markup_raw(&p->m, "</p>");
    } else {
        markup_raw(&p->m, "<dl class=\"do\">");
        put_commands(p, subject, id);
        markup_raw(&p->m, "</dl>");
    }
    page_section_end(p);
}
