/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/notice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <curl/curl.h>
#include <sodium.h>

#include "milter/notice/code.h"
#include "milter/notice/deliver.h"
#include "milter/notice/inside.h"
#include "milter/notice/say.h"
#include "milter/wait.h"

enum { KEY = 32, LOOK_MS = 30000 /* at least so often, if clocks step */ };

static const char key_blob[] = "notice-key";

const char *
notice_kind_name(enum notice_kind kind)
{
    static const char *const names[] = {
        [NOTICE_THROTTLED] = "throttled",
        [NOTICE_QUARANTINED] = "quarantined",
        [NOTICE_RELEASED] = "released",
        [NOTICE_POSTMASTER] = "postmaster",
    };

    return kind < NOTICE_KINDS ? names[kind] : "";
}

/* ----- codes */

/* A host without a site's key has one of its own.  While the diary cannot keep
 * it, codes do not outlive the process. */
static enum ms_err
make_own_key(struct notice *notice)
{
    uint8_t fresh[KEY];
    void *bytes = NULL;
    size_t len = 0;
    enum ms_err err = diary_get_blob(notice->is.diary, key_blob, &bytes, &len);

    if (err == MS_NOMEM)
        return err;
    randombytes_buf(fresh, sizeof(fresh));
    if (bytes != NULL && len == KEY)
        memcpy(fresh, bytes, KEY);
    else if (err == MS_OK)
        err = diary_put_blob(notice->is.diary, key_blob, fresh, KEY);
    free(bytes);
    if (err != MS_OK)
        journal_say(daemon_journal(notice->is.daemon), LOG_WARNING,
                    "notice: the key of release codes cannot be kept: they "
                    "hold until mortsafe ends");
    err = sitekey_from(fresh, &notice->own_key);
    sodium_memzero(fresh, sizeof(fresh));
    return err;
}

const struct sitekey *
notice_key(const struct notice *notice)
{
    return notice->is.key != NULL ? notice->is.key : notice->own_key;
}

void
notice_code(struct notice *notice, const struct change *change,
            char out[NOTICE_CODE])
{
    code_make(notice_key(notice), change, out);
}

bool
notice_code_id(const char *code, char id[ACT_ID])
{
    char plain[NOTICE_CODE];

    if (!code_read(code, plain))
        return false;
    memcpy(id, plain, ACT_ID - 1);
    id[ACT_ID - 1] = '\0';
    return true;
}

bool
notice_code_fits(struct notice *notice, const char *code,
                 const struct change *change)
{
    char right[NOTICE_CODE], a[NOTICE_CODE] = "", b[NOTICE_CODE] = "";

    code_make(notice_key(notice), change, right);
    return code_read(code, a) && code_read(right, b) &&
           sodium_memcmp(a, b, sizeof(a)) == 0;
}

/* ----- from the first to the last */

enum ms_err
notice_create(const struct notice_needs *needs, struct notice **out)
{
    struct notice *notice;
    enum ms_err err = MS_OK;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return MS_UNAVAIL;
    notice = calloc(1, sizeof(*notice));
    if (notice == NULL) {
        curl_global_cleanup();
        return MS_NOMEM;
    }
    notice->is = *needs;
    notice->letters.what = "letters";
    notice->hooks.what = "calls of the webhook";
    (void)pthread_mutex_init(&notice->beating, NULL);
    (void)pthread_mutex_init(&notice->lock, NULL);
    wait_init(&notice->wake);
    if (needs->key == NULL)
        err = make_own_key(notice);
    if (err == MS_OK)
        *out = notice;
    else
        notice_destroy(notice);
    return err;
}

void
notice_destroy(struct notice *notice)
{
    if (notice == NULL)
        return;
    notice_stop(notice);
    sitekey_destroy(notice->own_key);
    (void)pthread_cond_destroy(&notice->wake);
    (void)pthread_mutex_destroy(&notice->lock);
    (void)pthread_mutex_destroy(&notice->beating);
    free(notice);
    curl_global_cleanup();
}

void
notice_poke(struct notice *notice)
{
    (void)pthread_mutex_lock(&notice->lock);
    notice->poked = true;
    (void)pthread_cond_signal(&notice->wake);
    (void)pthread_mutex_unlock(&notice->lock);
}

/* Until it is DUE_S, or there is something new. */
static void
wait_for(struct notice *notice, int64_t due_s)
{
    int64_t now_s = notice->is.now(notice->is.arg).wall.s, ms = LOOK_MS;
    struct timespec until;

    if (due_s < now_s + LOOK_MS / 1000)
        ms = due_s > now_s ? (due_s - now_s) * 1000 : 1000;
    until = wait_until(ms);
    (void)pthread_mutex_lock(&notice->lock);
    while (!notice->poked && !atomic_load(&notice->stop) &&
           pthread_cond_timedwait(&notice->wake, &notice->lock, &until) == 0)
        ;
    notice->poked = false;
    (void)pthread_mutex_unlock(&notice->lock);
}

static void *
run(void *arg)
{
    struct notice *notice = arg;

    while (!atomic_load(&notice->stop))
        wait_for(notice, notice_deliver(notice));
    return NULL;
}

enum ms_err
notice_start(struct notice *notice)
{
    atomic_store(&notice->stop, false);
    if (pthread_create(&notice->thread, NULL, run, notice) != 0)
        return MS_UNAVAIL;
    notice->started = true;
    return MS_OK;
}

void
notice_stop(struct notice *notice)
{
    if (notice == NULL || !notice->started)
        return;
    atomic_store(&notice->stop, true);
    notice_poke(notice);
    (void)pthread_join(notice->thread, NULL);
    notice->started = false;
    atomic_store(&notice->stop, false);
}

void
notice_beat(struct notice *notice)
{
    (void)notice_deliver(notice);
}

void
notice_counts(struct notice *notice, struct notice_counts *out)
{
    *out = (struct notice_counts){
        .sent = atomic_load(&notice->sent),
        .failed = atomic_load(&notice->failed),
        .limited = atomic_load(&notice->limited),
        .undeliverable = atomic_load(&notice->undeliverable),
        .waiting = atomic_load(&notice->waiting),
        .hooks = atomic_load(&notice->called),
        .hooks_failed = atomic_load(&notice->calls_failed),
        .hooks_waiting = atomic_load(&notice->calls_waiting),
        .hooks_lost = atomic_load(&notice->calls_lost),
    };
}

/* ----- to be looked at */

/* The entry that CHANGE would make, but for the outbox. */
static json_t *
preview_json(const struct config *config, const struct change *change,
             enum notice_kind kind, const char *language)
{
    struct addressee owner = {.apart = false}, to;
    bool known =
        addressee_owner(config, &change->subject, &owner, NULL) == MS_OK;
    bool shown = kind == NOTICE_QUARANTINED ? known && owner.apart : known;

    if (!known)
        owner.address[0] = '\0';
    to = owner;
    if (kind == NOTICE_POSTMASTER)
        shown = addressee_postmaster(config, &to, NULL) == MS_OK;
    if (language == NULL)
        language =
            to.language[0] != '\0' ? to.language : addressee_language(config);
    return json_pack("{s:s, s:s, s:b, s:s}", "to", shown ? to.address : "",
                     "language", language, "apart", true, "told",
                     owner.address);
}

static enum ms_err
preview(struct notice *notice, const struct config *config,
        const struct change *change, enum notice_kind kind,
        const char *language, char **out, struct why *why)
{
    struct outbox_entry entry = {.at_s = change->evidence.at_s};
    enum ms_err err;

    if (config->notice.from == NULL)
        return why_set(why, MS_INVALID,
                       "no `notice { from = ... }` is written");
    if (language != NULL && !addressee_speaks(config, language))
        return why_set(why, MS_INVALID, "no language of `notice`");
    (void)snprintf(entry.kind, sizeof(entry.kind), "%s",
                   kind == NOTICE_POSTMASTER ? NOTICE_TO_POSTMASTER
                                             : notice_kind_name(kind));
    entry.json = preview_json(config, change, kind, language);
    if (entry.json == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    err = notice_render(notice, config, &entry, change, out, why);
    json_decref(entry.json);
    return err;
}

enum ms_err
notice_preview(struct notice *notice, const struct change *change,
               enum notice_kind kind, const char *language, char **out,
               struct why *why)
{
    const struct config *config = daemon_config_get(notice->is.daemon);
    struct why unasked;
    enum ms_err err = preview(notice, config, change, kind, language, out,
                              why != NULL ? why : &unasked);

    daemon_config_put(notice->is.daemon, config);
    return err;
}
