/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/deliver.c - the outbox is emptied: one entry after the other,
 * no call while a letter is due, and after a server that is away nothing more
 * that would need it.
 *
 * Before each try the next one is written down, so that an end of the process
 * in between, or a disk that is full, sends a letter twice at most.
 */
#include <config.h>

#include "milter/notice/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "milter/notice/code.h"
#include "milter/notice/fleet.h"
#include "milter/notice/hook.h"
#include "milter/notice/letter.h"
#include "milter/notice/post.h"
#include "milter/notice/say.h"

enum { TRIM_S = 3600 };

static struct journal *
journal_of(struct notice *notice)
{
    return daemon_journal(notice->is.daemon);
}

/* ----- a letter, put into words */

static void
keep_first(void *arg, const char *line)
{
    struct why *why = arg;

    if (why->text[0] == '\0')
        (void)why_set(why, MS_INVALID, "%s", line);
}

/* Who must not see a code, or cannot use it, gets none: what an operator has
 * stopped only an operator lets go. */
static void
make_code(struct notice *notice, const struct config *config,
          const struct outbox_entry *entry, const struct change *change,
          char out[NOTICE_CODE])
{
    const struct zombie *rule = say_rule(config, change);
    enum notice_kind about;

    out[0] = '\0';
    if (notice_entry_kind(entry, &about) != NOTICE_QUARANTINED ||
        change->evidence.cause != CAUSE_EVIDENCE || change->quarantines > 1 ||
        rule == NULL || !rule->self_release ||
        !notice_entry_flag(entry, "apart"))
        return;
    if (entry->seq != 0)
        code_make(notice_key(notice), change, out);
    else /* to be looked at only */
        (void)snprintf(out, NOTICE_CODE, "XXXX-XXXX-XXXX-XXXX-XXXX-XXXX");
}

static enum ms_err
write_letter(const struct config *config, const struct outbox_entry *entry,
             const struct say *say, struct arena *arena, char **out,
             struct why *why)
{
    const char *to = notice_entry_text(entry, "to");
    char id[64 + ACT_ID];
    struct mailbox from;
    struct letter letter = {
        .from = &from,
        .to = to[0] != '\0' ? to : NULL,
        .language = notice_entry_text(entry, "language"),
        .id = id,
        .at_s = entry->at_s,
    };
    enum ms_err err = letter_mailbox(config->notice.from, &from, why);

    if (err == MS_OK)
        err = say_letter(say, arena, &letter.subject, &letter.body);
    (void)snprintf(id, sizeof(id), "mortsafe.%s.%llu.%lld",
                   say->change->id[0] != '\0' ? say->change->id : "none",
                   (unsigned long long)entry->seq, (long long)entry->at_s);
    return err == MS_OK ? letter_write(&letter, out) : err;
}

enum ms_err
notice_render(struct notice *notice, const struct config *config,
              const struct outbox_entry *entry, const struct change *change,
              char **out, struct why *why)
{
    const char *language = notice_entry_text(entry, "language");
    char code[NOTICE_CODE];
    enum notice_kind about;
    struct say say = {.config = config, .change = change, .code = code};
    struct letters *templates = NULL;
    struct arena *arena = NULL;
    enum ms_err err = MS_INVALID;

    why->text[0] = '\0';
    say.kind = notice_entry_kind(entry, &about);
    say.told = notice_entry_text(entry, "told");
    make_code(notice, config, entry, change, code);
    if (say.kind != NOTICE_KINDS &&
        addressee_speaks(config, language)) /* so it is no path */
        err = template_load(config->notice.templates, language, keep_first, why,
                            &templates);
    else
        (void)why_set(why, err, "no language of `notice`: `%s`", language);
    if (err == MS_OK)
        err = arena_create(&arena);
    say.templates = templates;
    if (err == MS_OK)
        err = write_letter(config, entry, &say, arena, out, why);
    if (err == MS_NOMEM)
        (void)why_set(why, err, "no memory");
    arena_destroy(arena);
    letters_destroy(templates);
    return err;
}

/* ----- one entry */

static int64_t
gap(unsigned tries)
{
    int64_t s = NOTICE_GAP_S;

    for (; tries > 1 && s < NOTICE_GAP_MOST_S; tries--)
        s *= 2;
    return s < NOTICE_GAP_MOST_S ? s : NOTICE_GAP_MOST_S;
}

static enum transfer_end
send_letter(struct notice *notice, const struct config *config,
            const struct outbox_entry *entry, const struct change *change,
            struct why *why)
{
    struct post post = {.host = notice->is.host, .stop = &notice->stop};
    enum transfer_end end = TRANSFER_AGAIN;
    char *letter = NULL;

    if (config->notice.from == NULL || config->notice.smtp == NULL) {
        (void)why_set(why, MS_INVALID, "no letters are configured");
        return TRANSFER_AGAIN;
    }
    if (notice_render(notice, config, entry, change, &letter, why) != MS_OK)
        return TRANSFER_AGAIN;
    post.server = config->notice.smtp;
    post.to = notice_entry_text(entry, "to");
    post.letter = letter;
    if (contact_is_address(post.to))
        end = post_letter(&post, why);
    free(letter);
    return end;
}

static enum transfer_end
send_call(struct notice *notice, const struct config *config,
          const struct outbox_entry *entry, long *pause_s, struct why *why)
{
    struct hook hook = {
        .url = config->notice.webhook,
        .key = config->notice.webhook_key,
        .now_s = notice->is.now(notice->is.arg).wall.s,
        .stop = &notice->stop,
        .pause_s = pause_s,
    };
    char *body;
    enum transfer_end end = TRANSFER_AGAIN;

    if (hook.url == NULL) {
        (void)why_set(why, MS_INVALID, "no webhook is configured");
        return TRANSFER_AGAIN;
    }
    body = json_dumps(json_object_get(entry->json, "change"), JSON_COMPACT);
    (void)why_set(why, MS_NOMEM, "no memory");
    hook.body = body;
    if (body != NULL)
        end = hook_call(&hook, why);
    free(body);
    return end;
}

/* One of another version is refused: it will never be understood. */
static enum transfer_end
send_entry(struct notice *notice, const struct outbox_entry *entry,
           bool is_call, long *pause_s, struct why *why)
{
    const struct config *config = daemon_config_get(notice->is.daemon);
    struct change *change = malloc(sizeof(*change));
    enum transfer_end end = TRANSFER_REFUSED;

    if (change == NULL) {
        (void)why_set(why, MS_NOMEM, "no memory");
        end = TRANSFER_AGAIN;
    } else if (is_call) {
        end = send_call(notice, config, entry, pause_s, why);
    } else if (change_read(json_object_get(entry->json, "change"), change) ==
               MS_OK) {
        end = send_letter(notice, config, entry, change, why);
    } else {
        (void)why_set(why, MS_INVALID, "the entry cannot be read");
    }
    free(change);
    daemon_config_put(notice->is.daemon, config);
    return end;
}

/* ----- what has become of it */

static void
tell_end(struct notice *notice, const struct outbox_entry *entry,
         enum transfer_end end, const struct why *why)
{
    const char *to = notice_entry_text(entry, "to");

    if (end == TRANSFER_DONE)
        journal_say(journal_of(notice), LOG_INFO,
                    "notice: sent: %s about %s%s%s", entry->kind,
                    entry->subject, to[0] != '\0' ? " to " : "", to);
    if (end == TRANSFER_REFUSED)
        journal_say(journal_of(notice), LOG_WARNING,
                    "notice: undeliverable: %s about %s to %s: %s", entry->kind,
                    entry->subject, to[0] != '\0' ? to : "nobody", why->text);
}

static void
count_end(struct notice *notice, enum transfer_end end, bool is_call)
{
    if (end == TRANSFER_DONE)
        atomic_fetch_add(is_call ? &notice->called : &notice->sent, 1);
    else if (end == TRANSFER_REFUSED && !is_call)
        atomic_fetch_add(&notice->undeliverable, 1);
    else
        atomic_fetch_add(is_call ? &notice->calls_failed : &notice->failed, 1);
}

/* How long nothing more is tried: as the server asks, but not less than we
 * would wait anyway. */
static int64_t
pause_of(unsigned failures, long asked_s)
{
    int64_t s = gap(failures);

    if (asked_s > s)
        s = asked_s;
    return s < NOTICE_GAP_MOST_S ? s : NOTICE_GAP_MOST_S;
}

/* Is anybody there?  Told once when that changes. */
static void
note_way(struct notice *notice, struct notice_way *way, enum transfer_end end,
         long asked_s, const struct why *why)
{
    int64_t now_s = notice->is.now(notice->is.arg).wall.s;

    if (end == TRANSFER_AWAY) {
        if (way->failures++ == 0)
            journal_say(journal_of(notice), LOG_WARNING,
                        "notice: %s cannot be sent: %s; they wait on disk",
                        way->what, why->text);
        way->away_until_s = now_s + pause_of(way->failures, asked_s);
        return;
    }
    if (way->failures > 0)
        journal_say(journal_of(notice), LOG_NOTICE,
                    "notice: %s can be sent again", way->what);
    way->failures = 0;
    way->away_until_s = 0;
}

/* Write what has become of ENTRY; then the next one is tried. */
static enum ms_err
record(struct notice *notice, struct outbox_entry *entry, enum transfer_end end,
       const struct why *why)
{
    const char *text = end == TRANSFER_DONE ? "" : why->text;

    if (json_object_set_new(entry->json, "error", json_string(text)) != 0)
        (void)json_object_del(entry->json, "error");
    if (end == TRANSFER_DONE)
        entry->state = OUTBOX_SENT;
    if (end == TRANSFER_REFUSED)
        entry->state = OUTBOX_UNDELIVERABLE;
    return diary_outbox_set(notice->is.diary, entry, entry->tries, NULL);
}

/* Take ENTRY up, so that nobody else changes what becomes of it. */
static enum ms_err
claim(struct notice *notice, struct outbox_entry *entry, int64_t now_s,
      bool *found)
{
    unsigned tries = entry->tries++;

    entry->due_s = now_s + gap(entry->tries);
    return diary_outbox_set(notice->is.diary, entry, tries, found);
}

static enum ms_err
try_claimed(struct notice *notice, struct notice_way *way,
            struct outbox_entry *entry)
{
    bool is_call = way == &notice->hooks;
    struct why why = {""};
    long asked_s = 0;
    enum transfer_end end = send_entry(notice, entry, is_call, &asked_s, &why);

    if (atomic_load(&notice->stop) && end != TRANSFER_DONE)
        return MS_OK; /* not its fault */
    count_end(notice, end, is_call);
    note_way(notice, way, end, asked_s, &why);
    tell_end(notice, entry, end, &why);
    return record(notice, entry, end, &why);
}

/* Was the quarantine, whose end ENTRY tells, ever told?  If the letter about it
 * could not go, neither does. */
static enum ms_err
look_before(struct notice *notice, struct outbox_entry *entry, bool *goes)
{
    static const char why[] = "overtaken: nobody was told of the quarantine";
    struct outbox_query query = OUTBOX_ANY;
    struct notice_some some;
    enum ms_err err;

    query.seq =
        (uint64_t)json_integer_value(json_object_get(entry->json, "after"));
    *goes = query.seq == 0;
    if (*goes)
        return MS_OK;
    err = notice_read_some(notice, &query, &some);
    if (err != MS_OK)
        return err;
    *goes = some.n > 0 && some.entry[0].state == OUTBOX_SENT;
    if (some.n > 0 && some.entry[0].state == OUTBOX_WAITS)
        (void)notice_overtake(notice, &some.entry[0],
                              "overtaken: it ended before the letter could go");
    notice_free_some(&some);
    if (!*goes)
        (void)notice_overtake(notice, entry, why);
    return MS_OK;
}

static enum ms_err
try_entry(struct notice *notice, struct notice_way *way,
          struct outbox_entry *entry, int64_t now_s)
{
    bool goes = false;
    enum ms_err err = look_before(notice, entry, &goes);

    if (err != MS_OK || !goes)
        return err;
    atomic_store(&notice->sending, entry->seq);
    err = claim(notice, entry, now_s, &goes);
    if (err == MS_OK && goes) /* or it was overtaken, or forgotten */
        err = try_claimed(notice, way, entry);
    atomic_store(&notice->sending, 0);
    return err;
}

/* ----- all that is due */

/* The first that is due, MOST of them at most: *N how many were tried. */
static enum ms_err
send_due(struct notice *notice, struct notice_way *way, unsigned most,
         unsigned *n)
{
    int64_t now_s = notice->is.now(notice->is.arg).wall.s;
    struct outbox_query query = OUTBOX_ANY;
    struct notice_some some;
    enum ms_err err;

    *n = 0;
    if (now_s < way->away_until_s || atomic_load(&notice->stop))
        return MS_OK;
    query.class = way == &notice->hooks ? OUTBOX_CALLS : OUTBOX_LETTERS;
    query.states = 1U << OUTBOX_WAITS;
    query.due_s = now_s;
    query.limit = most;
    err = notice_read_some(notice, &query, &some);
    if (err != MS_OK)
        return err;
    for (size_t i = 0; err == MS_OK && i < some.n; i++)
        if (way->away_until_s <= now_s && !atomic_load(&notice->stop)) {
            err = try_entry(notice, way, &some.entry[i], now_s);
            (*n)++;
        }
    notice_free_some(&some);
    return err;
}

static enum ms_err
send_letters(struct notice *notice)
{
    enum ms_err err = MS_OK;
    unsigned n = 1;

    while (err == MS_OK && n > 0)
        err = send_due(notice, &notice->letters, NOTICE_SOME, &n);
    return err;
}

/* Between two calls letters are looked for.  *MORE: some calls are left for the
 * next time. */
static enum ms_err
send_all(struct notice *notice, bool *more)
{
    enum ms_err err = send_letters(notice);
    unsigned n = 1, calls = 0;

    for (; err == MS_OK && n > 0 && calls < NOTICE_CALLS; calls++) {
        err = send_due(notice, &notice->hooks, 1, &n);
        if (err == MS_OK && n > 0)
            err = send_letters(notice);
    }
    *more = n > 0;
    return err;
}

/* What nobody would take for days. */
static enum ms_err
give_up(struct notice *notice, int64_t now_s)
{
    uint64_t n = 0, last;
    enum ms_err err = diary_outbox_give_up(
        notice->is.diary, now_s - NOTICE_PATIENCE_S, &n, &last);

    if (err == MS_OK && n > 0)
        journal_say(journal_of(notice), LOG_ERR,
                    "notice: %llu given up after 5 days: see `mortsafectl "
                    "notices'",
                    (unsigned long long)n);
    return err;
}

static enum ms_err
tidy(struct notice *notice, int64_t now_s)
{
    enum ms_err err = MS_OK;

    if (now_s < notice->trim_s && notice->trim_s <= now_s + TRIM_S)
        return MS_OK;
    err = diary_outbox_trim(notice->is.diary, (struct wall){now_s},
                            NOTICE_KEEP_S);
    if (err == MS_OK)
        notice->trim_s = now_s + TRIM_S;
    return err;
}

static void
conclude(struct notice *notice, enum ms_err err)
{
    struct why why = {"no memory"};

    if ((err != MS_OK) == notice->failing)
        return;
    notice->failing = err != MS_OK;
    if (err == MS_OK)
        return; /* the clerk tells that writing works again */
    if (err != MS_NOMEM)
        diary_trouble(notice->is.diary, &why);
    journal_say(journal_of(notice), LOG_ERR, "notice: nothing is sent: %s",
                why.text);
}

/* When WAY is free again, if that is earlier than UNTIL_S. */
static int64_t
free_again(const struct notice_way *way, int64_t now_s, int64_t until_s)
{
    return way->away_until_s > now_s && way->away_until_s < until_s
               ? way->away_until_s
               : until_s;
}

/* What is due already waits for a way that is not free. */
static int64_t
next_due(const struct notice *notice, int64_t due_s, int64_t now_s)
{
    if (notice->look_s > now_s && notice->look_s < due_s)
        due_s = notice->look_s;
    if (due_s > now_s)
        return due_s;
    return free_again(&notice->letters, now_s,
                      free_again(&notice->hooks, now_s, now_s + NOTICE_GAP_S));
}

int64_t
notice_deliver(struct notice *notice)
{
    int64_t now_s = notice->is.now(notice->is.arg).wall.s;
    struct outbox_totals totals = {0, 0, INT64_MAX};
    int64_t next_s = now_s + NOTICE_GAP_S;
    bool more = false;
    enum ms_err err;

    (void)pthread_mutex_lock(&notice->beating);
    if (atomic_exchange(&notice->hurry, false))
        notice->letters.away_until_s = 0;
    err = give_up(notice, now_s);
    if (err == MS_OK)
        err = fleet_look(notice, now_s);
    if (err == MS_OK)
        err = send_all(notice, &more);
    if (err == MS_OK)
        err = tidy(notice, now_s);
    if (err == MS_OK)
        err = diary_outbox_totals(notice->is.diary, &totals);
    if (err == MS_OK) {
        atomic_store(&notice->calls_waiting, totals.calls);
        atomic_store(&notice->waiting, totals.letters);
        next_s = more ? now_s : next_due(notice, totals.due_s, now_s);
    }
    conclude(notice, err);
    (void)pthread_mutex_unlock(&notice->beating);
    return next_s;
}
