/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/desk.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <sodium.h>

#include "milter/api/feedback.h"
#include "milter/api/pairs.h"
#include "milter/stamp.h"
#include "milter/wait.h"
#include "policy/acts.h"
#include "policy/store/denials.h"
#include "policy/store/redis.h"

/* ----- what the clerk is given */

/* Refusals that are remembered above a shared store may be of limits that do
 * not hold any more. */
static void
forget_denials(const struct desk *desk)
{
    if (desk->denials != NULL)
        store_denials_clear(desk->denials);
}

/* Standings that were earned in observe mode must not act, now that ACTS are
 * about to be in force, or are. */
static void
look_at_standings(struct desk *desk, const struct acts *acts)
{
    const struct config *config;
    struct detect_under under;

    if (desk->detect == NULL)
        return;
    config = daemon_config_get(desk->daemon);
    under = (struct detect_under){config, acts};
    /* what cannot be done now is done before such a standing is used, or
     * within a minute */
    (void)detect_enforce_under(desk->detect, &under, DETECT_DEMOTE, NULL, NULL);
    daemon_config_put(desk->daemon, config);
}

static void
take_acts(void *arg, struct acts *acts)
{
    struct desk *desk = arg;
    struct acts *mine = acts_get(acts);

    look_at_standings(desk, mine);
    daemon_acts_swap(desk->daemon, acts);
    look_at_standings(desk, mine);
    acts_put(mine);
    forget_denials(desk);
    desk_follow_mode(desk, desk->now(desk->arg).wall);
}

static uint64_t
keep_s(void *arg)
{
    const struct desk *desk = arg;
    const struct config *config = daemon_config_get(desk->daemon);
    uint64_t s = config->privacy.decisions_s;

    daemon_config_put(desk->daemon, config);
    return s;
}

static void
rank(void *arg, const struct store_record *record)
{
    const struct desk *desk = arg;
    const struct config *config = daemon_config_get(desk->daemon);

    top_rank(desk->top, config, record);
    daemon_config_put(desk->daemon, config);
}

static bool
row(void *arg, const struct store_record *record, unsigned sort,
    struct top_row *out)
{
    const struct desk *desk = arg;
    const struct config *config = daemon_config_get(desk->daemon);
    bool has = top_row(config, record, sort, out);

    daemon_config_put(desk->daemon, config);
    return has;
}

/* Forget WHAT, where it is kept in memory and in this host's store; and in the
 * fleet's, what this host has judged since the other one forgot it. */
static enum ms_err
forget_counts(struct desk *desk, const struct subject *what)
{
    bool found;
    enum ms_err err = store_forget(store_redis_shadow(desk->shared), what,
                                   desk->now(desk->arg), &found);

    if (err == MS_OK)
        err = store_forget(desk->shared, what, desk->now(desk->arg), &found);

    (void)picture_forget(desk->pictures, what);
    top_forget(desk->top, what);
    return err;
}

/* SUBJECT, and pairs with it that only this host may know. */
static enum ms_err
forget_all_counts(struct desk *desk, const struct subject *subject)
{
    struct pairs pairs = {.subject = subject};
    enum ms_err err = pairs_find(&pairs, store_redis_shadow(desk->shared),
                                 desk->now(desk->arg));

    if (err == MS_OK)
        err = forget_counts(desk, subject);
    for (size_t i = 0; i < pairs.n && err == MS_OK; i++)
        err = forget_counts(desk, &pairs.list[i]);
    free(pairs.list);
    return err;
}

/* What another host of the fleet was asked to forget. */
static enum ms_err
forget(void *arg, const struct subject *subject, const char *pseudonym)
{
    struct desk *desk = arg;
    struct diary_forgotten counts = {0};
    uint64_t acts = 0;
    enum ms_err err;

    detect_forget(desk->detect, subject);
    clerk_settle(desk->clerk); /* nothing is written down behind our back */
    clerk_forget_waiting(desk->clerk, subject, pseudonym);
    err = forget_all_counts(desk, subject);
    if (err == MS_OK)
        err = clerk_acts_forget(desk->clerk, subject, &acts);
    if (err == MS_OK)
        err = clerk_save(desk->clerk);
    if (err == MS_OK)
        err = diary_forget(desk->diary, subject, pseudonym, &counts);
    /* what went to the board between that host's forgetting and ours */
    if (err == MS_OK)
        err = clerk_fleet_forget(desk->clerk, subject, pseudonym);
    if (err != MS_OK)
        return err;
    forget_denials(desk);
    journal_say(daemon_journal(desk->daemon), LOG_NOTICE,
                "forget: a subject was forgotten here as another host was "
                "asked to");
    return MS_OK;
}

static struct store_time
now(void *arg)
{
    const struct desk *desk = arg;

    return desk->now(desk->arg);
}

/* ----- making it */

static void
say(void *arg, const char *text)
{
    const struct desk *desk = arg;

    journal_say(daemon_journal(desk->daemon), LOG_WARNING, "diary: %s", text);
}

static enum ms_err
open_diary(struct desk *desk)
{
    const struct config *config = daemon_config_get(desk->daemon);
    const char *dir =
        config->store.type != STORE_MEMORY ? config->store.path : NULL;
    struct wall at = desk->now(desk->arg).wall;
    struct why why = {"no memory"};
    enum ms_err err = diary_open(dir, at, say, desk, &desk->diary, &why);

    if (err != MS_OK && dir != NULL) {
        journal_say(daemon_journal(desk->daemon), LOG_ERR,
                    "diary: %s; decisions and what operators do are kept in "
                    "memory until the daemon ends",
                    why.text);
        err = diary_open(NULL, at, say, desk, &desk->diary, &why);
    }
    daemon_config_put(desk->daemon, config);
    return err;
}

/* A key of ours that stays the same as long as the diary does; where it cannot
 * be kept, ELSE_TEXT tells what follows. */
static void
keep_key(struct desk *desk, const char *name, const char *else_text,
         uint8_t *key, size_t size)
{
    void *bytes = NULL;
    size_t len = 0;

    if (diary_get_blob(desk->diary, name, &bytes, &len) == MS_OK &&
        bytes != NULL && len == size) {
        memcpy(key, bytes, size);
        sodium_memzero(bytes, len);
    } else {
        randombytes_buf(key, size);
        if (diary_put_blob(desk->diary, name, key, size) != MS_OK)
            say(desk, else_text);
    }
    free(bytes);
}

static enum ms_err
make_alias(struct desk *desk)
{
    uint8_t key[ALIAS_KEY];
    enum ms_err err;

    keep_key(desk, "alias",
             "the key of pseudonyms cannot be kept: they will be others after "
             "a restart",
             key, sizeof(key));
    err = alias_create(key, &desk->alias);
    sodium_memzero(key, sizeof(key));
    return err;
}

/* ----- what the detector is given */

/* Hashes are the same on all hosts of a site. */
static void
make_hashes(struct desk *desk)
{
    if (desk->key != NULL)
        sitekey_hash_text(desk->key, "detector", desk->hashes.key);
    else
        keep_key(desk, "hashes",
                 "the detector's key cannot be kept: after a restart all "
                 "recipients and networks will look new to it",
                 desk->hashes.key, HASHES_KEY);
}

_Static_assert((int)SITEKEY_HASH == (int)HASHES_KEY, "a hash is a key");

static void
changed(void *arg, const struct change *change)
{
    struct desk *desk = arg;
    struct change mine = *change;

    forget_denials(desk);
    clerk_share_change(desk->clerk, &mine);
    notice_change(desk->notice, &mine);
}

static void
held(void *arg, const struct held *held)
{
    struct desk *desk = arg;
    struct held mine = *held;

    (void)snprintf(mine.host, sizeof(mine.host), "%.*s",
                   (int)sizeof(mine.host) - 1, desk->host);
    clerk_share_held(desk->clerk, &mine);
}

static void
freeze(void *arg, int64_t until_s)
{
    const struct desk *desk = arg;

    clerk_share_freeze(desk->clerk, until_s);
}

static uint64_t
frozen(void *arg, struct wall at)
{
    const struct desk *desk = arg;
    struct clerk_freeze freeze;

    clerk_freeze(desk->clerk, &freeze);
    return at.s < freeze.until_s ? freeze.id : 0;
}

static enum ms_err
make_detect(struct desk *desk)
{
    const struct detect_needs needs = {
        .daemon = desk->daemon,
        .store = daemon_store(desk->daemon),
        .diary = desk->diary,
        .host = desk->host,
        .hashes = &desk->hashes,
        .changed = changed,
        .held = held,
        .freeze = freeze,
        .frozen = frozen,
        .now = now,
        .arg = desk,
    };

    make_hashes(desk);
    return detect_create(&needs, &desk->detect);
}

static enum ms_err
changes(void *arg, bool (*each)(void *each_arg, const struct change *change),
        void *each_arg)
{
    const struct desk *desk = arg;

    return clerk_fleet_changes(desk->clerk, NULL, each, each_arg);
}

static enum ms_err
make_notice(struct desk *desk)
{
    const struct notice_needs needs = {
        .daemon = desk->daemon,
        .diary = desk->diary,
        .key = desk->key,
        .host = desk->host,
        .changes = desk->shared != NULL ? changes : NULL,
        .now = now,
        .arg = desk,
    };

    return notice_create(&needs, &desk->notice);
}

/* A host of the fleet was told about a message that it does not know. */
static enum ms_err
feedback(void *arg, const struct diary_report *report, uint32_t unknown,
         uint32_t complaints)
{
    unsigned n = 0;

    return api_feedback_take(arg, report, unknown, complaints, NULL, NULL, &n);
}

static enum ms_err
make_clerk(struct desk *desk)
{
    const struct clerk_needs needs = {
        .diary = desk->diary,
        .history = desk->history,
        .pictures = desk->pictures,
        .top = desk->top,
        .store = daemon_store(desk->daemon),
        .shared = desk->shared,
        .journal = daemon_journal(desk->daemon),
        .host = desk->host,
        .acts = take_acts,
        .keep_s = keep_s,
        .rank = rank,
        .row = row,
        .forget = forget,
        .feedback = feedback,
        .now = now,
        .arg = desk,
    };

    return clerk_create(&needs, &desk->clerk);
}

static void
lack_group(void *arg, const char *group)
{
    struct desk *desk = arg;

    journal_say(daemon_journal(desk->daemon), LOG_WARNING,
                "api { group %s }: this machine has no such group, so nobody "
                "has its rights",
                group);
}

static enum ms_err
make_grants(struct desk *desk)
{
    const struct config *config;
    enum ms_err err = grants_create(&desk->grants);

    if (err != MS_OK)
        return err;
    config = daemon_config_get(desk->daemon);
    err = grants_set(desk->grants, config, lack_group, desk);
    daemon_config_put(desk->daemon, config);
    return err;
}

static enum ms_err
start_threads(struct desk *desk)
{
    struct acts *acts = daemon_acts_get(desk->daemon);
    enum ms_err err;

    look_at_standings(desk, acts); /* another mode since the last run? */
    acts_put(acts);
    err = clerk_start(desk->clerk);
    if (err == MS_OK)
        err = detect_start(desk->detect);
    if (err == MS_OK)
        err = notice_start(desk->notice);
    return err;
}

enum ms_err
desk_open(struct desk *desk)
{
    enum ms_err err = open_diary(desk);

    if (err == MS_OK)
        err = history_create(&desk->history);
    if (err == MS_OK)
        err = pictures_create(PICTURE_SUBJECTS, &desk->pictures);
    if (err == MS_OK)
        err = top_create(&desk->top);
    if (err == MS_OK)
        err = sights_create((struct wall){desk->started_s}, &desk->sights);
    if (err == MS_OK)
        err = metrics_create(&desk->metrics);
    if (err == MS_OK)
        err = make_alias(desk);
    if (err == MS_OK)
        err = make_grants(desk);
    if (err == MS_OK)
        err = desk_turns_create(&desk->turns);
    if (err == MS_OK)
        err = make_clerk(desk);
    if (err == MS_OK)
        err = make_notice(desk);
    if (err == MS_OK)
        err = make_detect(desk);
    if (err != MS_OK)
        return err;
    daemon_set_ears(desk->daemon, &(struct daemon_ears){
                                      .clerk = desk->clerk,
                                      .metrics = desk->metrics,
                                      .history = desk->history,
                                      .pictures = desk->pictures,
                                      .top = desk->top,
                                      .detect = desk->detect,
                                      .sights = desk->sights,
                                  });
    return start_threads(desk);
}

/* ----- turns */

struct desk_turns {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t ended;
    unsigned taken[DESK_TURNS][2]; /* by the socket, by the status port */
};

static const unsigned most_turns[DESK_TURNS][2] = {
    [DESK_WALK] = {1, 1},
    [DESK_SEARCH] = {UINT_MAX, 2},
    [DESK_WAIT] = {UINT_MAX, 16},
    [DESK_CONFIRM] = {1, 1},
};

enum ms_err
desk_turns_create(struct desk_turns **out)
{
    struct desk_turns *turns = calloc(1, sizeof(*turns));

    if (turns == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&turns->lock, NULL);
    wait_init(&turns->ended);
    *out = turns;
    return MS_OK;
}

void
desk_turns_destroy(struct desk_turns *turns)
{
    if (turns == NULL)
        return;
    (void)pthread_cond_destroy(&turns->ended);
    (void)pthread_mutex_destroy(&turns->lock);
    free(turns);
}

bool
desk_take_turn(const struct desk *desk, enum desk_turn turn, bool tcp,
               unsigned up_to_ms)
{
    struct desk_turns *turns = desk->turns;
    const struct timespec until = wait_until(up_to_ms);
    bool free_one;
    int late = 0;

    if (turns == NULL)
        return true;
    (void)pthread_mutex_lock(&turns->lock);
    while (turns->taken[turn][tcp] >= most_turns[turn][tcp] && late == 0)
        late = up_to_ms > 0
                   ? pthread_cond_timedwait(&turns->ended, &turns->lock, &until)
                   : -1;
    free_one = turns->taken[turn][tcp] < most_turns[turn][tcp];
    if (free_one)
        turns->taken[turn][tcp]++;
    (void)pthread_mutex_unlock(&turns->lock);
    return free_one;
}

void
desk_end_turn(const struct desk *desk, enum desk_turn turn, bool tcp)
{
    struct desk_turns *turns = desk->turns;

    if (turns == NULL)
        return;
    (void)pthread_mutex_lock(&turns->lock);
    turns->taken[turn][tcp]--;
    (void)pthread_cond_broadcast(&turns->ended);
    (void)pthread_mutex_unlock(&turns->lock);
}

/* ----- later */

bool
desk_ready(const struct desk *desk)
{
    return desk->ready == NULL || desk->ready(desk->arg);
}

static void
tell_mode(const struct desk *desk, enum mode mode, const struct act *by)
{
    struct journal *journal = daemon_journal(desk->daemon);
    char until[STAMP_TEXT];

    if (by == NULL)
        journal_say(journal, LOG_NOTICE,
                    "mode is %s now, as the configuration says",
                    mode_name(mode));
    else if (stamp_print(by->until.s, until) == NULL)
        journal_say(journal, LOG_NOTICE, "mode is %s now, by %s",
                    mode_name(mode), by->by);
    else
        journal_say(journal, LOG_NOTICE, "mode is %s now, by %s until %s",
                    mode_name(mode), by->by, until);
}

void
desk_follow_mode(struct desk *desk, struct wall at)
{
    const struct config *config = daemon_config_get(desk->daemon);
    struct acts *acts = daemon_acts_get(desk->daemon);
    const struct act *by = NULL;
    enum mode mode = acts_mode(acts, config->mode, at, &by);

    if (self_set_mode(desk->self, mode)) {
        forget_denials(desk);
        tell_mode(desk, mode, by);
    }
    acts_put(acts);
    daemon_config_put(desk->daemon, config);
}

void
desk_reloaded(struct desk *desk)
{
    const struct config *config = daemon_config_get(desk->daemon);

    forget_denials(desk);
    self_set(desk->self, config);
    (void)grants_set(desk->grants, config, lack_group, desk);
    daemon_config_put(desk->daemon, config);
    desk_follow_mode(desk, desk->now(desk->arg).wall);
}

void
desk_settle(struct desk *desk)
{
    detect_stop(desk->detect);
    notice_stop(desk->notice);
    clerk_stop(desk->clerk);
}

void
desk_close(struct desk *desk)
{
    detect_destroy(desk->detect);
    notice_destroy(desk->notice);
    clerk_destroy(desk->clerk);
    desk_turns_destroy(desk->turns);
    grants_destroy(desk->grants);
    alias_destroy(desk->alias);
    metrics_destroy(desk->metrics);
    sights_destroy(desk->sights);
    top_destroy(desk->top);
    pictures_destroy(desk->pictures);
    history_destroy(desk->history);
    diary_close(desk->diary);
}
