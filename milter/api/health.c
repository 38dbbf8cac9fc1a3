/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/health.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "milter/api/json.h"
#include "milter/lookup/lookup.h"
#include "milter/stamp.h"
#include "milter/status.h"

enum {
    QUIET_S = 900,   /* without a callback, then somebody should look */
    STALE_S = 86400, /* held mail, then somebody should decide about it */
    SCARCE = 10,     /* percent of the disk that are free */
    TEXT = 512,
    SPAN = 32
};

enum level { LEVEL_OK, LEVEL_WARNING, LEVEL_ERROR };

/* What is found about one part. */
struct row {
    enum level level;
    char text[TEXT];
};

static void find(struct row *row, enum level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
find(struct row *row, enum level level, const char *format, ...)
{
    va_list args;
    int n;

    row->level = level;
    va_start(args, format);
    n = vsnprintf(row->text, sizeof(row->text), format, args);
    va_end(args);
    if (n >= (int)sizeof(row->text))
        memcpy(row->text + sizeof(row->text) - 4, "...", 4);
}

/* A span as people say it: "25 minutes". */
static const char *
say_span(int64_t s, char out[SPAN])
{
    static const struct {
        int64_t s;
        const char *one, *many;
    } units[] = {{86400, "day", "days"},
                 {3600, "hour", "hours"},
                 {60, "minute", "minutes"},
                 {1, "second", "seconds"}};
    size_t i = 0;
    int64_t n;

    if (s < 0)
        s = 0;
    while (i < 3 && s < 2 * units[i].s)
        i++;
    n = s / units[i].s;
    (void)snprintf(out, SPAN, "%lld %s", (long long)n,
                   n == 1 ? units[i].one : units[i].many);
    return out;
}

static void
look_at_mta(const struct api_health *h, struct row *row)
{
    const struct daemon_counts *c = h->counts;
    int64_t since_s = c->heard_s != 0 ? c->heard_s : h->desk->started_s;
    int64_t ago_s = h->now.wall.s - since_s;
    char span[SPAN];

    if (c->sessions >= h->config->sessions)
        find(row, LEVEL_ERROR,
             "all %u sessions are taken, others are put off: raise `sessions', "
             "or look for who holds them",
             h->config->sessions);
    else if (c->running == 0 && ago_s >= QUIET_S)
        find(row, LEVEL_WARNING,
             "no session for %s: is the MTA configured to ask mortsafe?",
             say_span(ago_s, span));
    else if (c->heard_s == 0)
        find(row, LEVEL_OK, "the MTA has not asked yet");
    else
        find(row, LEVEL_OK, "the MTA asked %s ago", say_span(ago_s, span));
}

static void
look_at_store(const struct api_health *h, struct row *row)
{
    const struct store_stats *store = h->store;
    uint64_t subjects = 0;

    for (unsigned i = 0; i < SUBJECT_KINDS; i++)
        subjects += store->subjects[i];
    if (store->saving_failed)
        find(row, LEVEL_ERROR,
             "counts cannot be saved and would be lost with a restart: %s",
             store->trouble);
    else if (store->overflowed > 0)
        find(row, LEVEL_WARNING,
             "%llu times a new subject found no room and shared its counts "
             "with others: raise store { memory }",
             (unsigned long long)store->overflowed);
    else
        find(row, LEVEL_OK, "%s, %llu subjects in this host",
             status_store_type(h->desk->type), (unsigned long long)subjects);
}

/* Does another host work by another configuration? */
static const struct store_host *
find_other(const struct api_health *h)
{
    const struct store_shared *shared = &h->store->shared;
    struct store_host self;

    self_get(h->desk->self, &self);
    for (size_t i = 0; i < shared->n_hosts && i < STORE_NODES; i++) {
        if (strcmp(shared->host[i].config, self.config) != 0 ||
            strcmp(shared->host[i].mode, self.mode) != 0)
            return &shared->host[i];
    }
    return NULL;
}

static const char *
first_trouble(const struct store_shared *shared)
{
    for (size_t i = 0; i < shared->n_nodes && i < STORE_NODES; i++) {
        if (!shared->node[i].up)
            return shared->node[i].trouble;
    }
    return "";
}

static void
look_at_fleet(const struct api_health *h, struct row *row)
{
    const struct store_shared *shared = &h->store->shared;
    const struct store_host *other;
    char span[SPAN];

    if (shared->foreign) {
        find(row, LEVEL_ERROR,
             "this host has another site key than the fleet, and decides by "
             "itself: copy the fleet's privacy { key_file } and restart");
        return;
    }
    if (shared->degraded) {
        find(row, LEVEL_ERROR,
             "the shared store has been away for %s, so this host decides by "
             "itself (%llu times): %s",
             say_span((h->now.mono.ms - shared->since.ms) / 1000, span),
             (unsigned long long)shared->local_now, first_trouble(shared));
        return;
    }
    other = find_other(h);
    if (other != NULL)
        find(row, LEVEL_WARNING,
             "%s has another configuration or mode than this host",
             other->name);
    else
        find(row, LEVEL_OK, "the limits are shared among %u hosts",
             shared->hosts);
}

static void
look_at_disk(const struct api_health *h, struct row *row)
{
    const char *path = h->config->store.path;
    struct statvfs disk;
    unsigned long long percent, mib;

    if (statvfs(path, &disk) != 0 || disk.f_blocks == 0) {
        find(row, LEVEL_ERROR, "%s cannot be looked at", path);
        return;
    }
    percent = 100ULL * disk.f_bavail / disk.f_blocks;
    mib = (unsigned long long)disk.f_bavail * disk.f_frsize >> 20;
    if (mib < 10)
        find(row, LEVEL_ERROR, "%s is full (%llu MiB are left)", path, mib);
    else if (percent < SCARCE && mib < 1024)
        find(row, LEVEL_WARNING, "%s has %llu %% (%llu MiB) left", path,
             percent, mib);
    else
        find(row, LEVEL_OK, "%s has %llu %% left", path, percent);
}

static void
look_at_configuration(const struct api_health *h, struct row *row)
{
    uint64_t ok = 0, failed = 0;
    int64_t last_s = 0;
    bool last_ok = true;
    char group[128], when[STAMP_TEXT];
    size_t missing = grants_missing(h->desk->grants, group, sizeof(group));

    metrics_reloads(h->desk->metrics, &ok, &failed, &last_s, &last_ok);
    if (last_s != 0 && !last_ok)
        find(row, LEVEL_WARNING,
             "the last reload (%s) has failed and the old configuration stays: "
             "mortsafectl check tells why",
             stamp_print(last_s, when) != NULL ? when : "?");
    else if (missing > 0)
        find(row, LEVEL_WARNING,
             "api { group %s }: this machine has no such group, so nobody has "
             "its rights",
             group);
    else
        find(row, LEVEL_OK, "%s is in force", h->desk->path);
}

/* Who has set it is told by the status beside us, in which names are hidden
 * from those who must not see them. */
static void
look_at_mode(const struct api_health *h, struct row *row)
{
    struct acts *acts = daemon_acts_get(h->desk->daemon);
    const struct act *by = NULL;
    enum mode mode = acts_mode(acts, h->config->mode, h->now.wall, &by);
    char when[STAMP_TEXT];
    bool ends = by != NULL && by->until.s != ACT_FOR_EVER &&
                stamp_print(by->until.s, when) != NULL;

    if (by != NULL && mode != h->config->mode)
        find(row, LEVEL_WARNING,
             "%s, set by hand%s%s; the configuration says %s", mode_name(mode),
             ends ? " until " : "", ends ? when : "",
             mode_name(h->config->mode));
    else
        find(row, LEVEL_OK, "%s",
             mode == MODE_OBSERVE
                 ? "observe: nobody is refused, it is only told who would be"
                 : "enforce");
    acts_put(acts);
}

static void
look_at_diary(const struct api_health *h, struct row *row)
{
    uint64_t lost = clerk_lost(h->desk->clerk);
    struct why why = {""};

    diary_trouble(h->desk->diary, &why);
    if (why.text[0] != '\0')
        find(row, LEVEL_ERROR, "decisions cannot be written down: %s",
             why.text);
    else if (lost > 0)
        find(row, LEVEL_WARNING,
             "%llu decisions were not written down: they came too fast (the "
             "log has them)",
             (unsigned long long)lost);
    else
        find(row, LEVEL_OK, "decisions are written down");
}

/* What a broken filter or rule would do to many at once is kept from them; the
 * operator has to look. */
static void
look_at_detector(const struct api_health *h, struct row *row)
{
    struct detect_counts c;

    detect_counts(h->desk->detect, &c);
    if (c.frozen)
        find(row, LEVEL_WARNING,
             "an upstream filter flags far more mail than it used to, so that "
             "its verdicts count for nothing now: look at the filter");
    else if (c.braking)
        find(row, LEVEL_WARNING,
             "too many would have been throttled or quarantined within an "
             "hour, so that the rest is only watched: look for what they have "
             "in common");
    else if (c.damaged > 0)
        find(row, LEVEL_WARNING,
             "%llu times what was known of a subject could not be read, and "
             "was begun anew",
             (unsigned long long)c.damaged);
    else
        find(row, LEVEL_OK, "%llu quarantined, %llu throttled, %llu watched",
             (unsigned long long)c.standing[STANDING_QUARANTINED],
             (unsigned long long)c.standing[STANDING_THROTTLED],
             (unsigned long long)c.standing[STANDING_WATCHED]);
}

static void
look_at_held(const struct api_health *h, struct row *row)
{
    uint64_t n = 0;
    int64_t oldest_s = 0;
    int64_t ago_s = 0;
    char span[SPAN];

    if (diary_count_held(h->desk->diary, &n, &oldest_s) != MS_OK)
        find(row, LEVEL_WARNING, "what is held is not to be had at the moment");
    else if (n == 0)
        find(row, LEVEL_OK, "no mail is held");
    else
        ago_s = h->now.wall.s - oldest_s;
    if (n > 0 && ago_s >= STALE_S)
        find(row, LEVEL_WARNING,
             "%llu messages are held, the oldest for %s: deliver or delete "
             "them (mortsafectl held)",
             (unsigned long long)n, say_span(ago_s, span));
    else if (n > 0)
        find(row, LEVEL_OK, "%llu messages are held, the oldest for %s",
             (unsigned long long)n, say_span(ago_s, span));
}

static void
look_at_notices(const struct api_health *h, struct row *row)
{
    struct notice_counts c;

    notice_counts(h->desk->notice, &c);
    if (c.waiting > 0 && c.failed > 0)
        find(row, LEVEL_WARNING,
             "%llu letters wait, and %llu attempts have failed: does notice { "
             "smtp } answer?",
             (unsigned long long)c.waiting, (unsigned long long)c.failed);
    else if (c.hooks_waiting > 0 && c.hooks_failed > 0)
        find(row, LEVEL_WARNING,
             "%llu calls wait, and %llu attempts have failed: does notice { "
             "webhook } answer?",
             (unsigned long long)c.hooks_waiting,
             (unsigned long long)c.hooks_failed);
    else
        find(row, LEVEL_OK, "%llu letters were sent, %llu wait",
             (unsigned long long)c.sent, (unsigned long long)c.waiting);
}

/* The first list that is off, in WORST; false: none is. */
static bool
find_off(const struct dnsbl_state *states, size_t n, struct dnsbl_state *worst)
{
    for (size_t i = 0; i < n; i++) {
        if (lookup_is_usable(states[i].health))
            continue;
        *worst = states[i];
        return true;
    }
    return false;
}

/* What is to be done about a list that is off. */
static const char *
advise_list(enum dnsbl_health health)
{
    return health == DNSBL_BLOCKED
               ? "it does not answer this resolver: ask it through one of your "
                 "own (resolver { server }), not a public one"
               : "it lists everybody: it may have closed, so take it out";
}

static void
look_at_lists(const struct api_health *h, struct row *row)
{
    struct dnsbl_state states[DNSBL_LISTS], off;
    size_t n =
        lookup_lists(daemon_lookup(h->desk->daemon), states, DNSBL_LISTS);

    if (n < h->config->n_dnsbls)
        find(row, LEVEL_ERROR,
             "the resolver does not run: the log says why (it is tried again "
             "each minute)");
    else if (find_off(states, n < DNSBL_LISTS ? n : DNSBL_LISTS, &off))
        find(row, LEVEL_WARNING, "dnsbl %s is off: %s", off.name,
             advise_list(off.health));
    else
        find(row, LEVEL_OK, "lists asked: %zu", n);
}

static void
look_at_spf(const struct api_health *h, struct row *row)
{
    struct lookup_counts c;

    lookup_counts(daemon_lookup(h->desk->daemon), &c);
    if (!c.resolver)
        find(row, LEVEL_ERROR,
             "the resolver does not run: the log says why (it is tried again "
             "each minute)");
    else if (!c.spf)
        find(row, LEVEL_ERROR,
             "mortsafe-spf does not run, so that senders cannot be looked up: "
             "the log says why (it is tried again each minute)");
    else
        find(row, LEVEL_OK, "%llu senders failed, mortsafe-spf died %llu times",
             (unsigned long long)c.evaluations.done[SPF_FAIL],
             (unsigned long long)c.evaluations.deaths);
}

static void
look_at_log(const struct api_health *h, struct row *row)
{
    uint64_t dropped = journal_dropped(daemon_journal(h->desk->daemon));

    if (dropped > 0)
        find(row, LEVEL_WARNING,
             "%llu lines were lost since the start, because nobody took them",
             (unsigned long long)dropped);
    else
        find(row, LEVEL_OK, "no line was lost");
}

json_t *
api_health(const struct api_health *health)
{
    const bool fleet = health->desk->shared != NULL;
    const bool disk = health->desk->type != STORE_MEMORY;
    const bool spf = health->config->spf.written;
    const bool lists = health->config->n_dnsbls > 0;
    const bool judges = health->config->n_zombies > 0;
    const bool tells = health->config->notice.from != NULL ||
                       health->config->notice.webhook != NULL;
    const struct {
        const char *name;
        bool is;
        void (*look)(const struct api_health *h, struct row *row);
    } parts[] = {
        {"mta", true, look_at_mta},
        {"store", true, look_at_store},
        {"fleet", fleet, look_at_fleet},
        {"disk", disk, look_at_disk},
        {"configuration", true, look_at_configuration},
        {"mode", true, look_at_mode},
        {"diary", true, look_at_diary},
        {"detector", judges, look_at_detector},
        {"held", true, look_at_held},
        {"notices", tells, look_at_notices},
        {"spf", spf, look_at_spf},
        {"lists", lists, look_at_lists},
        {"log", true, look_at_log},
    };
    static const char *const levels[] = {"ok", "warning", "error"};
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct row row = {.level = LEVEL_OK};

        if (!parts[i].is)
            continue;
        parts[i].look(health, &row);
        if (!api_append(list,
                        json_pack("{s:s, s:s, s:o}", "name", parts[i].name,
                                  "state", levels[row.level], "text",
                                  api_text(row.text)))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
