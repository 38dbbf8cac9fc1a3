/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/queue.c - who is to be told of a change: entries of the
 * outbox, and what can be asked about them.
 */
#include <config.h>

#include "milter/notice/notice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "milter/diary/form.h"
#include "milter/notice/inside.h"
#include "milter/notice/say.h"
#include "milter/stamp.h"

enum { LOST_S = 60 /* between two lines about calls */ };

/* ----- entries */

static bool
keep_entry(void *arg, const struct outbox_entry *entry)
{
    struct notice_some *some = arg;

    if (some->n == some->room) {
        size_t room = some->room * 2 + NOTICE_SOME;
        struct outbox_entry *more =
            reallocarray(some->entry, room, sizeof(*more));

        if (more == NULL) {
            some->failed = true;
            return false;
        }
        some->entry = more;
        some->room = room;
    }
    some->entry[some->n] = *entry;
    json_incref(some->entry[some->n++].json);
    return true;
}

enum ms_err
notice_read_some(struct notice *notice, const struct outbox_query *query,
                 struct notice_some *out)
{
    enum ms_err err;

    *out = (struct notice_some){NULL, 0, 0, false};
    err = diary_outbox(notice->is.diary, query, keep_entry, out);
    if (err == MS_OK && out->failed)
        err = MS_NOMEM;
    if (err != MS_OK)
        notice_free_some(out);
    return err;
}

void
notice_free_some(struct notice_some *some)
{
    for (size_t i = 0; i < some->n; i++)
        json_decref(some->entry[i].json);
    free(some->entry);
    *some = (struct notice_some){NULL, 0, 0, false};
}

const char *
notice_entry_text(const struct outbox_entry *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry->json, key));

    return text != NULL ? text : "";
}

bool
notice_entry_flag(const struct outbox_entry *entry, const char *key)
{
    return json_is_true(json_object_get(entry->json, key));
}

enum notice_kind
notice_entry_kind(const struct outbox_entry *entry, enum notice_kind *about)
{
    size_t skip = strlen(NOTICE_TO_POSTMASTER);
    bool postmaster = strncmp(entry->kind, NOTICE_TO_POSTMASTER, skip) == 0;
    const char *name = entry->kind + (postmaster ? skip : 0);

    *about = NOTICE_KINDS;
    for (unsigned i = 0; i < NOTICE_POSTMASTER; i++)
        if (strcmp(name, notice_kind_name((enum notice_kind)i)) == 0)
            *about = (enum notice_kind)i;
    return postmaster ? NOTICE_POSTMASTER : *about;
}

const char *
notice_entry_change(const struct outbox_entry *entry, int64_t *at_s)
{
    const json_t *change = json_object_get(entry->json, "change");
    const char *id = json_string_value(json_object_get(change, "id"));

    if (!form_read_time(change, "at", 0, at_s))
        *at_s = 0;
    return id != NULL ? id : "";
}

/* ----- a change */

/* What is put in while a change is told. */
struct telling {
    struct notice *notice;
    const struct config *config;
    const struct change *change;
    enum notice_kind about;
    char subject[SUBJECT_TEXT];
    int64_t now_s;
    char told[ADDRESS_TEXT]; /* where the owner will be; "": nowhere */
    uint64_t after;          /* the letter that is on its way; 0: none is */
};

static void
lost(const struct telling *t, const char *kind, enum ms_err err)
{
    struct why why = {"no memory"};

    if (err != MS_NOMEM)
        diary_trouble(t->notice->is.diary, &why);
    journal_say(daemon_journal(t->notice->is.daemon), LOG_ERR,
                "notice: %s about %s (change %s) is lost: %s", kind, t->subject,
                t->change->id, why.text);
}

/* Nobody has taken calls for so long that the oldest make room. */
static void
note_lost(struct notice *notice, uint64_t n, int64_t now_s)
{
    uint64_t all = atomic_fetch_add(&notice->calls_lost, n) + n;
    bool tell = false;

    if (n == 0)
        return;
    (void)pthread_mutex_lock(&notice->lock);
    if (now_s < notice->lost_told_s || now_s >= notice->lost_told_s + LOST_S) {
        notice->lost_told_s = now_s;
        tell = true;
    }
    (void)pthread_mutex_unlock(&notice->lock);
    if (tell)
        journal_say(daemon_journal(notice->is.daemon), LOG_ERR,
                    "notice: %d calls of the webhook wait: the oldest are "
                    "dropped (%llu so far)",
                    OUTBOX_WAITING, (unsigned long long)all);
}

/* Put in an entry of KIND with MORE (moved; NULL: no memory). */
static void
put_in(const struct telling *t, const char *kind, enum outbox_state state,
       json_t *more)
{
    struct outbox_entry *entry = calloc(1, sizeof(*entry));
    json_t *change = change_json(t->change);
    enum ms_err err = MS_NOMEM;
    uint64_t gone = 0;

    if (entry != NULL && more != NULL && change != NULL &&
        json_object_set(more, "change", change) == 0) {
        entry->at_s = entry->due_s = t->now_s;
        entry->state = state;
        entry->json = more;
        (void)snprintf(entry->kind, sizeof(entry->kind), "%s", kind);
        (void)snprintf(entry->subject, sizeof(entry->subject), "%s",
                       t->subject);
        err = diary_outbox_add(t->notice->is.diary, entry, &gone);
    }
    if (err != MS_OK)
        lost(t, kind, err);
    note_lost(t->notice, gone, t->now_s);
    json_decref(change);
    json_decref(more);
    free(entry);
}

/* Has SUBJECT had as many of KIND as `at_most' allows? */
static bool
has_had(const struct telling *t, const char *kind)
{
    const struct rates *most = &t->config->notice.at_most;
    struct outbox_query query = OUTBOX_ANY;
    struct notice_some some;
    uint32_t n = 0;

    if (most->n == 0)
        return false;
    query.kind = kind;
    query.subject = t->subject;
    query.since_s = t->now_s - (int64_t)most->rate[0].span_s;
    query.states = 1U << OUTBOX_WAITS | 1U << OUTBOX_SENT | 1U << OUTBOX_FAILED;
    query.limit = NOTICE_SOME * 16;
    if (notice_read_some(t->notice, &query, &some) != MS_OK)
        return false; /* rather once too often */
    for (size_t i = 0; i < some.n; i++)
        if (!notice_entry_flag(&some.entry[i], "again"))
            n++;
    notice_free_some(&some);
    return n >= most->rate[0].n;
}

/* A letter of KIND to CONTACT, unless there were enough. */
static void
put_letter(struct telling *t, const char *kind, const struct addressee *contact)
{
    bool enough = has_had(t, kind);

    if (enough)
        atomic_fetch_add(&t->notice->limited, 1);
    put_in(t, kind, enough ? OUTBOX_LIMITED : OUTBOX_WAITS,
           json_pack("{s:s, s:s, s:b, s:s, s:I}", "to", contact->address,
                     "language", contact->language, "apart", contact->apart,
                     "told", t->told, "after", (json_int_t)t->after));
}

/* Nobody can be told. */
static void
put_undeliverable(const struct telling *t, const char *kind,
                  const struct why *why)
{
    atomic_fetch_add(&t->notice->undeliverable, 1);
    journal_say(daemon_journal(t->notice->is.daemon), LOG_NOTICE,
                "notice: no letter (%s) to the owner of %s: %s", kind,
                t->subject, why->text);
    put_in(t, kind, OUTBOX_UNDELIVERABLE,
           json_pack("{s:s}", "error", why->text));
}

/* The account's own mailbox may be in the hands of who has its password. */
static enum ms_err
find_owner(const struct config *config, const struct subject *subject,
           enum notice_kind about, struct addressee *out, struct why *why)
{
    enum ms_err err = addressee_owner(config, subject, out, why);

    if (err == MS_OK && about == NOTICE_QUARANTINED && !out->apart)
        err = why_set(why, MS_INVALID,
                      "only its own mailbox is known: `contacts' has none");
    return err;
}

/* ----- a release */

bool
notice_overtake(struct notice *notice, struct outbox_entry *entry,
                const char *why)
{
    bool found = false;

    if (atomic_load(&notice->sending) == entry->seq ||
        json_object_set_new(entry->json, "error", json_string(why)) != 0)
        return false;
    entry->state = OUTBOX_LIMITED;
    return diary_outbox_set(notice->is.diary, entry, entry->tries, &found) ==
               MS_OK &&
           found;
}

/* E is a letter to the owner from before T's change: it is not sent if it still
 * waits.  True: it has told, or tells, of the quarantine that has ended. */
static bool
end_letter(struct telling *t, struct outbox_entry *e)
{
    enum notice_kind about, kind = notice_entry_kind(e, &about);
    int64_t at_s;
    bool same;

    (void)notice_entry_change(e, &at_s);
    same =
        kind == NOTICE_QUARANTINED && at_s != 0 && at_s == t->change->since_s;
    if (kind == NOTICE_POSTMASTER || kind == NOTICE_KINDS ||
        (!same && at_s > t->change->evidence.at_s))
        return false;
    if (e->state != OUTBOX_WAITS)
        return same && e->state == OUTBOX_SENT;
    if (notice_overtake(t->notice, e,
                        "overtaken: it ended before the letter could go") ||
        !same)
        return false;
    t->after = e->seq;
    return true;
}

/* Letters to the owner that still wait are not sent: the last word counts.
 * Was he told of the quarantine? then in *OUT where. */
static bool
was_told(struct telling *t, struct addressee *out)
{
    struct outbox_query query = OUTBOX_ANY;
    struct notice_some some;
    bool told = false;

    query.subject = t->subject;
    query.class = OUTBOX_LETTERS;
    query.limit = 2 * NOTICE_SOME;
    if (notice_read_some(t->notice, &query, &some) != MS_OK)
        return false;
    for (size_t i = 0; i < some.n; i++) {
        struct outbox_entry *e = &some.entry[i];

        if (!end_letter(t, e) || told)
            continue;
        told = true;
        (void)snprintf(out->address, sizeof(out->address), "%s",
                       notice_entry_text(e, "to"));
        (void)snprintf(out->language, sizeof(out->language), "%s",
                       notice_entry_text(e, "language"));
    }
    notice_free_some(&some);
    return told;
}

/* ----- letters */

static void
tell_owner(struct telling *t)
{
    const char *kind = notice_kind_name(t->about);
    struct addressee contact = {.apart = false};
    struct why why;

    if (t->about == NOTICE_RELEASED) {
        if (!was_told(t, &contact))
            return;
    } else if (find_owner(t->config, &t->change->subject, t->about, &contact,
                          &why) != MS_OK) {
        put_undeliverable(t, kind, &why);
        return;
    }
    put_letter(t, kind, &contact);
    (void)snprintf(t->told, sizeof(t->told), "%s", contact.address);
}

static void
tell_postmaster(struct telling *t)
{
    char kind[OUTBOX_KIND];
    struct addressee contact;
    struct why why;

    (void)snprintf(kind, sizeof(kind), NOTICE_TO_POSTMASTER "%s",
                   notice_kind_name(t->about));
    if (addressee_postmaster(t->config, &contact, &why) == MS_OK)
        put_letter(t, kind, &contact);
    else
        put_undeliverable(t, kind, &why);
}

/* What is written about a change; NOTICE_KINDS: nothing. */
static enum notice_kind
about_of(const struct evidence *e)
{
    bool was = e->from == STANDING_QUARANTINED;

    if (e->cause == CAUSE_ENFORCE) /* it never acted: nobody was told */
        return NOTICE_KINDS;
    if (e->to == STANDING_QUARANTINED)
        return was ? NOTICE_KINDS : NOTICE_QUARANTINED;
    if (was)
        return NOTICE_RELEASED;
    if (e->to == STANDING_THROTTLED && e->from != STANDING_THROTTLED)
        return NOTICE_THROTTLED;
    return NOTICE_KINDS;
}

static unsigned
notify_of(const struct telling *t)
{
    const struct zombie *rule = say_rule(t->config, t->change);

    return rule != NULL ? rule->notify : (unsigned)NOTIFY_POSTMASTER;
}

static void
tell(struct telling *t)
{
    unsigned notify = notify_of(t);

    if (t->config->notice.webhook != NULL)
        put_in(t, NOTICE_WEBHOOK, OUTBOX_WAITS, json_object());
    if (t->config->notice.from == NULL || t->change->observed ||
        t->about == NOTICE_KINDS)
        return;
    if ((notify & NOTIFY_OWNER) != 0)
        tell_owner(t);
    if ((notify & NOTIFY_POSTMASTER) != 0)
        tell_postmaster(t);
}

static void
begin_telling(struct notice *notice, const struct change *change,
              struct telling *t)
{
    *t = (struct telling){.notice = notice, .change = change};
    t->config = daemon_config_get(notice->is.daemon);
    t->about = about_of(&change->evidence);
    t->now_s = notice->is.now(notice->is.arg).wall.s;
    (void)subject_print(&change->subject, t->subject);
}

void
notice_change(struct notice *notice, const struct change *change)
{
    struct telling t;

    begin_telling(notice, change, &t);
    tell(&t);
    daemon_config_put(notice->is.daemon, t.config);
    notice_poke(notice);
}

/* Is there a letter about this very change? */
static bool
is_put_in(const struct telling *t)
{
    struct outbox_query query = OUTBOX_ANY;
    struct notice_some some;
    bool is = false;
    int64_t at_s;

    query.subject = t->subject;
    query.kind = notice_kind_name(t->about);
    if (notice_read_some(t->notice, &query, &some) != MS_OK)
        return true; /* rather not than twice */
    for (size_t i = 0; i < some.n && !is; i++)
        is = strcmp(notice_entry_change(&some.entry[i], &at_s),
                    t->change->id) == 0;
    notice_free_some(&some);
    return is;
}

void
notice_heard(struct notice *notice, const struct change *change)
{
    struct telling t;

    begin_telling(notice, change, &t);
    if (t.config->notice.from != NULL && !change->observed &&
        t.about == NOTICE_RELEASED && (notify_of(&t) & NOTIFY_OWNER) != 0 &&
        !is_put_in(&t))
        tell_owner(&t);
    daemon_config_put(notice->is.daemon, t.config);
}

/* ----- what can be asked */

static json_t *
time_json(int64_t s)
{
    char text[STAMP_TEXT];

    return stamp_print(s, text) != NULL ? json_string(text) : json_null();
}

static json_t *
text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *
entry_json(const struct outbox_entry *e)
{
    bool waits = e->state == OUTBOX_WAITS;

    return json_pack("{s:o, s:s, s:s#, s:o, s:o, s:s, s:i, s:o, s:o, s:b}",
                     "at", time_json(e->at_s), "subject", e->subject, "kind",
                     e->kind, (int)strcspn(e->kind, "/"), "to",
                     text_or_null(notice_entry_text(e, "to")), "language",
                     text_or_null(notice_entry_text(e, "language")), "result",
                     outbox_state_name(e->state), "tries", (int)e->tries,
                     "error", text_or_null(notice_entry_text(e, "error")),
                     "next", waits ? time_json(e->due_s) : json_null(),
                     "webhook", strcmp(e->kind, NOTICE_WEBHOOK) == 0);
}

json_t *
notice_list(struct notice *notice, const char *subject, unsigned limit)
{
    struct outbox_query query = OUTBOX_ANY;
    struct notice_some some = {NULL, 0, 0, false};
    json_t *list = json_array();
    enum ms_err err = list != NULL ? MS_OK : MS_NOMEM;
    bool fine;

    query.subject = subject;
    query.limit = limit;
    if (err == MS_OK)
        err = notice_read_some(notice, &query, &some);
    if (err != MS_OK && err != MS_NOMEM)
        return list; /* the diary is away: nothing is known */
    fine = err == MS_OK;
    for (size_t i = 0; fine && i < some.n; i++)
        fine = json_array_append_new(list, entry_json(&some.entry[i])) == 0;
    notice_free_some(&some);
    if (fine)
        return list;
    json_decref(list);
    return NULL;
}

enum ms_err
notice_forget(struct notice *notice, const struct subject *subject, uint64_t *n)
{
    char text[SUBJECT_TEXT];

    return diary_outbox_forget(notice->is.diary, subject_print(subject, text),
                               n);
}

/* ----- again */

/* The address may have been put right since. */
static void
readdress(const struct config *config, const struct subject *subject,
          struct outbox_entry *entry)
{
    enum notice_kind about, kind = notice_entry_kind(entry, &about);
    struct addressee contact;
    enum ms_err err = MS_INVALID;

    if (kind == NOTICE_POSTMASTER)
        err = addressee_postmaster(config, &contact, NULL);
    else if (kind != NOTICE_RELEASED)
        err = find_owner(config, subject, about, &contact, NULL);
    if (err != MS_OK)
        return;
    (void)json_object_set_new(entry->json, "to", json_string(contact.address));
    (void)json_object_set_new(entry->json, "language",
                              json_string(contact.language));
    (void)json_object_set_new(entry->json, "apart",
                              json_boolean(contact.apart));
}

/* It waits: it does not have to any more. */
static enum ms_err
hurry(struct notice *notice, const struct outbox_entry *entry, unsigned *n)
{
    struct outbox_entry now = *entry;
    bool found = false;
    enum ms_err err;

    now.due_s = notice->is.now(notice->is.arg).wall.s;
    err = diary_outbox_set(notice->is.diary, &now, entry->tries, &found);
    *n += err == MS_OK && found;
    return err;
}

/* ENTRY once more, as a new one; *N goes up if that can be sent. */
static enum ms_err
put_again(struct notice *notice, const struct config *config,
          const struct subject *subject, const struct outbox_entry *entry,
          unsigned *n)
{
    struct outbox_entry again = *entry;
    enum ms_err err = MS_OK;

    again.json = json_deep_copy(entry->json);
    if (again.json == NULL ||
        json_object_set_new(again.json, "again", json_true()) != 0 ||
        json_object_set_new(again.json, "error", json_string("")) != 0)
        err = MS_NOMEM;
    if (err == MS_OK)
        readdress(config, subject, &again);
    if (err == MS_OK && notice_entry_text(&again, "to")[0] != '\0') {
        again.state = OUTBOX_WAITS;
        again.tries = 0;
        again.at_s = again.due_s = notice->is.now(notice->is.arg).wall.s;
        err = diary_outbox_add(notice->is.diary, &again, NULL);
        if (err == MS_OK)
            (*n)++;
    }
    json_decref(again.json);
    return err;
}

/* Is E a letter about the same change as FIRST, and not there already? */
static bool
belongs(const struct notice_some *some, size_t i)
{
    const json_t *a = json_object_get(some->entry[0].json, "change");
    const json_t *b = json_object_get(some->entry[i].json, "change");
    const char *one = json_string_value(json_object_get(a, "id"));
    const char *two = json_string_value(json_object_get(b, "id"));

    for (size_t k = 0; k < i; k++)
        if (strcmp(some->entry[k].kind, some->entry[i].kind) == 0)
            return false;
    return one != NULL && two != NULL && strcmp(one, two) == 0;
}

enum ms_err
notice_resend(struct notice *notice, const struct subject *subject, unsigned *n)
{
    const struct config *config = daemon_config_get(notice->is.daemon);
    struct outbox_query query = OUTBOX_ANY;
    char text[SUBJECT_TEXT];
    struct notice_some some;
    enum ms_err err = MS_OK;
    unsigned sent = 0;

    query.subject = subject_print(subject, text);
    query.class = OUTBOX_LETTERS;
    query.limit = NOTICE_SOME;
    if (config->notice.from != NULL)
        err = notice_read_some(notice, &query, &some);
    if (config->notice.from != NULL && err == MS_OK) {
        for (size_t i = 0; err == MS_OK && i < some.n; i++)
            if (belongs(&some, i) && some.entry[i].state == OUTBOX_WAITS)
                err = hurry(notice, &some.entry[i], &sent);
            else if (belongs(&some, i))
                err = put_again(notice, config, subject, &some.entry[i], &sent);
        notice_free_some(&some);
    }
    daemon_config_put(notice->is.daemon, config);
    if (err == MS_OK)
        *n = sent;
    atomic_store(&notice->hurry, true);
    notice_poke(notice);
    return err;
}
