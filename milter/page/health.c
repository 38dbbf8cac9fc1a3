/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of the status page: health with what to do, and the fleet.
 */
#include <config.h>

#include <string.h>

#include "milter/page/parts.h"

/* What each row of health is about, and what helps. */
static const struct {
    const char *name, *label, *advice;
} matters[] = {
    {"mta", "Mail server",
     "Does the MTA run, and does its configuration name mortsafe's socket "
     "(smtpd_milters, INPUT_MAIL_FILTER)?"},
    {"store", "Store",
     "The log names the error. Decisions go on from what this host knows."},
    {"fleet", "Fleet", "mortsafectl status --fleet compares the hosts."},
    {"disk", "Disk",
     "Make room where the state is kept; nothing else is lost "
     "before a restart."},
    {"configuration", "Configuration",
     "Run mortsafectl check: the configuration read before stays in force."},
    {"mode", "Mode", "mortsafectl mode configured ends what was set by hand."},
    {"diary", "Diary",
     "Decisions come faster than they are written down; "
     "the log has them all."},
    {"detector", "Detector",
     "mortsafectl zombies lists who stands how, and why."},
    {"held", "Held mail",
     "mortsafectl held lists it with the commands to deliver or delete it."},
    {"notices", "Letters",
     "mortsafectl notices lists those that wait; none is lost."},
    {"log", "Log", "Is the system's log daemon keeping up?"},
};

const json_t *
page_health_row(const json_t *status, const char *name)
{
    const json_t *row;
    size_t i;

    json_array_foreach(page_at(status, "health"), i, row)
    {
        const char *text = page_string(row, "name");

        if (text != NULL && strcmp(text, name) == 0)
            return row;
    }
    return NULL;
}

static void
put_health(struct page *p, const json_t *row)
{
    struct markup *m = &p->m;
    const char *name = page_string(row, "name");
    const char *state = page_string(row, "state");
    const char *label = name, *advice = NULL;
    enum page_level level = PAGE_BAD;

    for (size_t i = 0; name != NULL && i < sizeof(matters) / sizeof(matters[0]);
         i++)
        if (strcmp(matters[i].name, name) == 0) {
            label = matters[i].label;
            advice = matters[i].advice;
        }
    if (state != NULL && strcmp(state, "ok") == 0)
        level = PAGE_OK;
    else if (state != NULL && strcmp(state, "warning") == 0)
        level = PAGE_WARN;
    markup_raw(m, "<tr><th scope=\"row\">");
    markup_text(m, label, 24);
    markup_raw(m, "<td>");
    page_state(m, level, state != NULL ? state : "unknown");
    markup_raw(m, "<td class=\"words\">");
    markup_text(m, page_string(row, "text"), 240);
    if (level != PAGE_OK && advice != NULL)
        markup_put(m, " <small>%s</small>", advice);
}

void
page_health(struct page *p, const struct page_home *f)
{
    static const char *const heads[] = {"Part", "State", "In words"};
    const json_t *list = page_at(f->status, "health"), *row;
    size_t i;

    page_section(p, "health", "Health", NULL);
    if (json_array_size(list) == 0) {
        page_nothing(p, "The daemon does not say how it is: ask "
                        "mortsafectl status, and look into the log.");
        page_section_end(p);
        return;
    }
    page_table(p, "Health", heads, 3);
    json_array_foreach(list, i, row) put_health(p, row);
    page_table_end(p);
    page_section_end(p);
}

static bool
same(const json_t *a, const json_t *b, const char *key)
{
    const char *one = page_string(a, key), *other = page_string(b, key);

    return one == NULL || other == NULL || strcmp(one, other) == 0;
}

/* KEY of MEMBER; marked in words where it is not ours. */
static void
put_compared(struct page *p, const json_t *member, const json_t *self,
             const char *key, size_t most)
{
    markup_put(&p->m, "<td data-l=\"%s\"><bdi>", key);
    markup_text(&p->m, page_string(member, key), most);
    markup_raw(&p->m, "</bdi>");
    if (!same(member, self, key))
        markup_raw(&p->m, " <span class=\"tag\">differs</span>");
}

static void
put_member(struct page *p, const json_t *member, const json_t *self)
{
    struct markup *m = &p->m;

    markup_raw(m, "<tr><th scope=\"row\">");
    markup_name(m, page_string(member, "name"));
    if (page_true(member, "self"))
        markup_raw(m, " <small>this host</small>");
    put_compared(p, member, self, "version", 24);
    put_compared(p, member, self, "config", 8);
    put_compared(p, member, self, "mode", 24);
    markup_raw(m, "<td class=\"n\" data-l=\"heard\">");
    page_span(m, page_count(member, "seen_s"));
    markup_raw(m, " ago");
}

static void
put_members(struct page *p, const json_t *members)
{
    static const char *const heads[] = {"Host", "Version", "Configuration",
                                        "Mode", ">Heard"};
    const json_t *member, *self = NULL;
    size_t i;

    json_array_foreach(members, i, member) if (page_true(member, "self")) self =
        member;
    page_table(p, "Hosts of the fleet", heads, 5);
    json_array_foreach(members, i, member) put_member(p, member, self);
    page_table_end(p);
}

static void
put_nodes(struct page *p, const json_t *nodes)
{
    static const char *const heads[] = {"Store's node", "State", "Since",
                                        ">Commands", ">Errors"};
    struct markup *m = &p->m;
    const json_t *node;
    size_t i;

    page_table(p, "Nodes of the shared store", heads, 5);
    json_array_foreach(nodes, i, node)
    {
        const char *trouble = page_string(node, "trouble");
        bool up = page_true(node, "up");

        markup_raw(m, "<tr><th scope=\"row\">");
        markup_name(m, page_string(node, "name"));
        markup_raw(m, "<td>");
        page_state(m, up ? PAGE_OK : PAGE_BAD, up ? "up" : "down");
        if (trouble != NULL) {
            markup_raw(m, " <small><bdi>");
            markup_text(m, trouble, 120);
            markup_raw(m, "</bdi></small>");
        }
        markup_raw(m, "<td data-l=\"since\">");
        page_time(p, node, "since");
        markup_raw(m, "<td class=\"n\" data-l=\"commands\">");
        page_number(m, page_count(node, "commands"));
        markup_raw(m, "<td class=\"n\" data-l=\"errors\">");
        page_number(m, page_count(node, "errors"));
    }
    page_table_end(p);
}

void
page_fleet(struct page *p, const struct page_home *f)
{
    const json_t *fleet = page_at(f->status, "fleet");
    struct markup *m = &p->m;

    if (fleet == NULL)
        return;
    page_section(p, "fleet", "Fleet", "hosts that share counts");
    if (page_true(fleet, "degraded")) {
        markup_raw(m, "<p>");
        page_state(m, PAGE_WARN, "Degraded");
        markup_raw(m, " since ");
        page_time(p, fleet, "degraded_since");
        markup_raw(m, ": the shared store is away, and this host decides by "
                      "its share of each limit.</p>");
    }
    if (page_true(fleet, "foreign_key")) {
        markup_raw(m, "<p>");
        page_state(m, PAGE_BAD, "Foreign key");
        markup_raw(m, " The store is used by hosts with another site key: "
                      "this host counts alone.</p>");
    }
    if (json_array_size(page_at(fleet, "members")) > 0)
        put_members(p, page_at(fleet, "members"));
    if (json_array_size(page_at(fleet, "nodes")) > 0)
        put_nodes(p, page_at(fleet, "nodes"));
    page_section_end(p);
}
