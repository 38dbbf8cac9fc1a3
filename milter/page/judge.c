/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all answers together come to: the four questions of an operator.
 */
#include <config.h>

#include <string.h>

#include "milter/page/parts.h"

/* Different subjects seen so far, of those that a page can list. */
struct seen {
    const char *id[1024];
    size_t n;
};

/* Is ID new?  A full list takes everything for new. */
static bool
see(struct seen *seen, const char *id)
{
    if (id == NULL)
        return false;
    for (size_t i = 0; i < seen->n; i++)
        if (strcmp(seen->id[i], id) == 0)
            return false;
    if (seen->n < sizeof(seen->id) / sizeof(seen->id[0]))
        seen->id[seen->n++] = id;
    return true;
}

static enum page_level
level_of(const json_t *row)
{
    const char *state = page_string(row, "state");

    if (state == NULL || strcmp(state, "error") == 0)
        return PAGE_BAD;
    return strcmp(state, "ok") == 0 ? PAGE_OK : PAGE_WARN;
}

/* Does it wait, what this row of health is about? */
static bool
waits(const json_t *row)
{
    static const char *const names[] = {"mta",   "store", "fleet",   "disk",
                                        "diary", "held",  "notices", "log"};
    const char *name = page_string(row, "name");

    for (size_t i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]);
         i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void
judge_health(const json_t *status, struct page_verdict *out)
{
    const char *mode = page_string(status, "mode");
    const json_t *row;
    size_t i;

    out->known = status != NULL;
    out->observe = mode != NULL && strcmp(mode, "observe") == 0;
    json_array_foreach(page_at(status, "health"), i, row)
    {
        enum page_level level = level_of(row);

        out->health[level]++;
        if (level > out->working) {
            out->working = level;
            out->worst = row;
        }
        if (level > out->stuck_level && waits(row)) {
            out->stuck_level = level;
            out->stuck = row;
        }
    }
}

static void
judge_near(const json_t *near, struct page_verdict *out)
{
    struct seen full = {.n = 0}, close = {.n = 0};
    const json_t *row;
    size_t i;

    out->near_known = near != NULL;
    json_array_foreach(page_at(near, "subjects"), i, row)
    {
        const char *id = page_string(row, "id");
        const char *kind = page_string(row, "kind");
        uint64_t share = page_permille(row, "share");

        if (share >= 1000 && see(&full, id)) {
            if (kind != NULL && strcmp(kind, "user") == 0)
                out->full_users++;
            else if (kind != NULL && strcmp(kind, "client") == 0)
                out->full_clients++;
            else
                out->full_others++;
        } else if (share >= 800 && share < 1000 && see(&close, id))
            out->close++;
    }
}

/* Whom a decision stopped: its subject, or who it was. */
static const char *
whom(const json_t *decision)
{
    static const char *const keys[] = {"subject", "user", "client"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (page_string(decision, keys[i]) != NULL)
            return page_string(decision, keys[i]);
    return "";
}

static void
judge_decisions(const json_t *decisions, struct page_verdict *out)
{
    struct seen stopped = {.n = 0};
    const json_t *row;
    size_t i;

    out->decisions_known = decisions != NULL;
    json_array_foreach(page_at(decisions, "decisions"), i, row)
    {
        const char *deed = page_string(row, "deed");
        const char *error = page_string(row, "error");

        if (deed == NULL || strcmp(deed, "done") != 0)
            continue;
        out->faults += error != NULL && *error != '\0';
        out->stopped += see(&stopped, whom(row));
    }
}

static void
judge_would(const json_t *would, struct page_verdict *out)
{
    struct seen seen = {.n = 0};
    const json_t *row;
    size_t i;

    out->would_known = would != NULL;
    json_array_foreach(page_at(would, "rows"), i, row) out->would +=
        see(&seen, page_string(row, "subject"));
}

static void
judge_zombies(const json_t *zombies, struct page_verdict *out)
{
    const json_t *row;
    size_t i;

    out->zombies_known = page_at(zombies, "counts") != NULL;
    out->quarantined = page_count(zombies, "counts.quarantined");
    out->throttled = page_count(zombies, "counts.throttled");
    json_array_foreach(page_at(zombies, "standings"), i, row) out->enforced +=
        !page_true(row, "observed");
}

void
page_judge(const struct page_home *facts, struct page_verdict *out)
{
    *out = (struct page_verdict){0};
    judge_health(facts->status, out);
    judge_near(facts->near, out);
    judge_decisions(facts->decisions, out);
    judge_would(facts->would, out);
    judge_zombies(facts->zombies, out);
}
