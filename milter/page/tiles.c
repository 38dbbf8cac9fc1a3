/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The figures of the status page.
 */
#include <config.h>

#include <string.h>

#include "milter/counts/history.h"
#include "milter/page/parts.h"

static void
begin_tile(struct markup *m, const char *name)
{
    markup_put(m, "<div><dt>%s</dt><dd><b>", name);
}

static void
tile_mode(struct page *p, const json_t *status)
{
    const json_t *act = page_at(status, "mode_act");
    struct markup *m = &p->m;

    begin_tile(m, "Mode");
    markup_put(m, "%s</b><p>",
               page_string(status, "mode") != NULL ? page_string(status, "mode")
                                                   : "unknown");
    if (act == NULL) {
        markup_raw(m, "as configured");
    } else {
        markup_raw(m, "by ");
        markup_text(m, page_string(act, "by"), 32);
        if (page_at(act, "until") != NULL) {
            markup_raw(m, " until ");
            page_time(p, act, "until");
        }
    }
    markup_raw(m, "</dd></div>");
}

static void
tile_accepted(struct page *p, const json_t *history)
{
    uint64_t sums[PAGE_OUTCOMES];
    struct markup *m = &p->m;

    begin_tile(m, "Accepted, 24 h");
    if (!page_sums(history, sums)) {
        markup_raw(m, "?</b><p>no history</dd></div>");
        return;
    }
    page_number(m, sums[HISTORY_ACCEPTED] + sums[HISTORY_WOULD]);
    markup_raw(m, "</b><p>recipients</dd></div>");
}

static void
tile_refused(struct page *p, const json_t *history)
{
    uint64_t sums[PAGE_OUTCOMES];
    struct markup *m = &p->m;

    begin_tile(m, "Refused, 24 h");
    if (!page_sums(history, sums)) {
        markup_raw(m, "?</b><p>no history</dd></div>");
        return;
    }
    page_number(m, sums[HISTORY_DEFERRED] + sums[HISTORY_REJECTED] +
                       sums[HISTORY_HELD]);
    markup_raw(m, "</b><p>");
    page_number(m, sums[HISTORY_WOULD]);
    markup_raw(m, " more would be</dd></div>");
}

static void
tile_sessions(struct page *p, const json_t *status)
{
    struct markup *m = &p->m;
    uint64_t capped = page_count(status, "sessions.capped");

    begin_tile(m, "Sessions");
    if (page_at(status, "sessions") == NULL) {
        markup_raw(m, "?</b><p>unknown</dd></div>");
        return;
    }
    page_number(m, page_count(status, "sessions.open"));
    markup_raw(m, "</b><p>open of ");
    page_number(m, page_count(status, "sessions.limit"));
    if (capped > 0) {
        markup_raw(m, ", ");
        page_number(m, capped);
        markup_raw(m, " were too many");
    }
    markup_raw(m, "</dd></div>");
}

static void
tile_store(struct page *p, const json_t *status)
{
    struct markup *m = &p->m;
    uint64_t subjects = 0;
    const char *kind;
    json_t *n;

    begin_tile(m, "Store");
    if (page_at(status, "store") == NULL) {
        markup_raw(m, "?</b><p>unknown</dd></div>");
        return;
    }
    json_object_foreach((json_t *)page_at(status, "store.subjects"), kind, n)
        subjects += page_count(n, "");
    if (page_at(status, "store.trouble") != NULL)
        markup_raw(m, "trouble");
    else
        markup_put(m, "%s", page_string(status, "store.type"));
    markup_raw(m, "</b><p>");
    page_plural(m, subjects, "subject", "subjects");
    markup_raw(m, ", ");
    page_amount(m, "bytes", page_count(status, "store.bytes"));
    markup_raw(m, "</dd></div>");
}

static void
tile_mta(struct page *p, const json_t *status)
{
    const json_t *row = page_health_row(status, "mta");
    const char *state = page_string(row, "state");
    struct markup *m = &p->m;

    begin_tile(m, "Mail server");
    if (state == NULL)
        markup_raw(m, "?");
    else
        markup_raw(m, strcmp(state, "ok") == 0 ? "in touch" : "silent");
    markup_raw(m, "</b><p>");
    markup_text(m, state != NULL ? page_string(row, "text") : "unknown", 90);
    markup_raw(m, "</dd></div>");
}

static void
tile_zombies(struct page *p, const json_t *zombies)
{
    struct markup *m = &p->m;

    begin_tile(m, "Quarantined");
    if (page_at(zombies, "counts") == NULL) {
        markup_raw(m, "?</b><p>unknown</dd></div>");
        return;
    }
    page_number(m, page_count(zombies, "counts.quarantined"));
    markup_raw(m, "</b><p>");
    page_number(m, page_count(zombies, "counts.throttled"));
    markup_raw(m, " throttled, ");
    page_number(m, page_count(zombies, "counts.watched"));
    markup_raw(m, " watched</dd></div>");
}

static void
tile_held(struct page *p, const json_t *held)
{
    struct markup *m = &p->m;

    begin_tile(m, "Held mail");
    if (page_at(held, "here") == NULL) {
        markup_raw(m, "?</b><p>unknown</dd></div>");
        return;
    }
    page_number(m, page_count(held, "here"));
    markup_raw(m, "</b><p>");
    if (page_at(held, "oldest") != NULL) {
        markup_raw(m, "the oldest for ");
        page_age(p, held, "oldest");
    } else
        markup_raw(m, "no message");
    markup_raw(m, "</dd></div>");
}

void
page_tiles(struct page *p, const struct page_home *f)
{
    markup_raw(&p->m, "<dl class=\"tiles\">");
    tile_mode(p, f->status);
    tile_accepted(p, f->history);
    tile_refused(p, f->history);
    tile_zombies(p, f->zombies);
    tile_held(p, f->held);
    tile_sessions(p, f->status);
    tile_store(p, f->status);
    tile_mta(p, f->status);
    markup_raw(&p->m, "</dl>\n");
}
