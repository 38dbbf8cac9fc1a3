/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/acts.c - the acts that hold on this host.
 *
 * An act of the fleet that is not on the board any more was taken back by
 * another host - or the servers have lost all they had.  A mark of each host
 * beside the acts tells: who does not find its own puts there again what it
 * knows.  (One mark of all would be set by a host that comes to an empty board
 * and knows nothing.)
 *
 * What has ended stays for a while: the wall clock may have been ahead for a
 * moment only.
 */
#include <config.h>

#include "milter/clerk/acts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "milter/clerk/inside.h"

#define MARKS "marks"
#define NAMELESS "nameless"

enum { ENDED_STAYS_S = 30 * 86400 }; /* as in the diary */

/* A growing list of acts. */
struct list {
    struct act *act;
    size_t n, room;
    bool failed; /* one did not fit into memory */
};

struct clerk_acts {
    const struct clerk_needs *is;
    pthread_mutex_t changing; /* guards all below; held over I/O */
    struct list list;
    bool read;           /* the diary's are in it */
    struct wall handed;  /* when the last snapshot was made */
    struct wall trimmed; /* as last told; begins as long ago */
};

static bool
list_add(struct list *list, const struct act *act)
{
    if (list->n == list->room) {
        size_t room = list->room * 2 + 16;
        struct act *more = realloc(list->act, room * sizeof(*more));

        if (more == NULL) {
            list->failed = true;
            return false;
        }
        list->act = more;
        list->room = room;
    }
    list->act[list->n++] = *act;
    return true;
}

static struct act *
list_find(const struct list *list, const char *id)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->act[i].id, id) == 0)
            return &list->act[i];
    return NULL;
}

static void
list_remove(struct list *list, struct act *act)
{
    *act = list->act[--list->n];
}

static struct wall
now_of(const struct clerk_acts *acts)
{
    return acts->is->now(acts->is->arg).wall;
}

/* ----- handing over */

static int
by_id(const void *a, const void *b)
{
    return strcmp(((const struct act *)a)->id, ((const struct act *)b)->id);
}

/* Those that do not hold at AT go. */
static void
drop_ended(struct clerk_acts *acts, struct wall at)
{
    for (size_t i = acts->list.n; i-- > 0;)
        if (!acts_holds(&acts->list.act[i], at))
            list_remove(&acts->list, &acts->list.act[i]);
}

/* Room for one more, if need be in the place of those that have ended? */
static bool
make_room(struct clerk_acts *acts)
{
    if (acts->list.n >= ACTS_MAX)
        drop_ended(acts, now_of(acts));
    return acts->list.n < ACTS_MAX;
}

/* Has one ended since the last snapshot, or does it hold again? */
static bool
is_outdated(const struct clerk_acts *acts)
{
    struct wall now = now_of(acts);

    for (size_t i = 0; i < acts->list.n; i++)
        if (acts_holds(&acts->list.act[i], now) !=
            acts_holds(&acts->list.act[i], acts->handed))
            return true;
    return false;
}

/* Bring those that hold at NOW to the front; how many they are. */
static size_t
sort_out(struct list *list, struct wall now)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        struct act act = list->act[i];

        if (!acts_holds(&act, now))
            continue;
        list->act[i] = list->act[n];
        list->act[n++] = act;
    }
    if (n > 1)
        qsort(list->act, n, sizeof(*list->act), by_id);
    return n;
}

static enum ms_err
hand_over(struct clerk_acts *acts)
{
    struct wall now = now_of(acts);
    size_t n = sort_out(&acts->list, now);
    struct acts *snapshot;
    enum ms_err err = acts_create(acts->list.act, n, &snapshot);

    if (err != MS_OK)
        return err;
    acts->handed = now;
    acts->is->acts(acts->is->arg, snapshot);
    return MS_OK;
}

static bool
take_from_diary(void *arg, const struct act *act)
{
    struct clerk_acts *acts = arg;

    if (list_find(&acts->list, act->id) == NULL && make_room(acts))
        (void)list_add(&acts->list, act);
    return !acts->list.failed;
}

static enum ms_err
read_diary(struct clerk_acts *acts)
{
    enum ms_err err;

    if (acts->read)
        return MS_OK;
    acts->list.failed = false;
    err = diary_acts(acts->is->diary, take_from_diary, acts);
    if (err == MS_OK && acts->list.failed)
        err = MS_NOMEM;
    acts->read = err == MS_OK;
    return err;
}

enum ms_err
clerk_acts_create(const struct clerk_needs *needs, struct clerk_acts **out)
{
    struct clerk_acts *acts = calloc(1, sizeof(*acts));
    enum ms_err err;

    if (acts == NULL)
        return MS_NOMEM;
    acts->is = needs;
    (void)pthread_mutex_init(&acts->changing, NULL);
    err = read_diary(acts);
    if (err != MS_NOMEM)
        err = hand_over(acts);
    if (err == MS_OK)
        *out = acts;
    else
        clerk_acts_destroy(acts);
    return err;
}

void
clerk_acts_destroy(struct clerk_acts *acts)
{
    if (acts == NULL)
        return;
    (void)pthread_mutex_destroy(&acts->changing);
    free(acts->list.act);
    free(acts);
}

void
clerk_acts_tick(struct clerk_acts *acts)
{
    bool news;

    (void)pthread_mutex_lock(&acts->changing);
    news = !acts->read && read_diary(acts) == MS_OK;
    news = is_outdated(acts) || news;
    if (news && hand_over(acts) != MS_OK)
        acts->read = false; /* then with the next tick */
    (void)pthread_mutex_unlock(&acts->changing);
}

void
clerk_acts_trim(struct clerk_acts *acts, struct wall now)
{
    (void)pthread_mutex_lock(&acts->changing);
    acts->trimmed = now;
    drop_ended(acts, (struct wall){now.s - ENDED_STAYS_S});
    (void)pthread_mutex_unlock(&acts->changing);
}

/* ----- setting */

static void
make_id(char id[ACT_ID])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    for (int i = 0; i < ACT_ID - 1; i++)
        id[i] = digits[randombytes_uniform(sizeof(digits) - 1)];
    id[ACT_ID - 1] = '\0';
}

/* Of the same scope: what one host has set for itself leaves the fleet's as it
 * is, but what the fleet sets replaces a host's own. */
static bool
is_replaced(const struct act *old, const struct act *act)
{
    if (old->kind != act->kind || strcmp(old->id, act->id) == 0 ||
        (old->fleet && !act->fleet))
        return false;
    return act->kind == ACT_MODE ||
           (strcmp(old->limit, act->limit) == 0 &&
            subject_same(&old->subject, &act->subject));
}

static enum ms_err
say(enum ms_err err, struct why *why, const char *what)
{
    return err == MS_OK ? MS_OK : why_set(why, err, "%s", what);
}

static enum ms_err
tell_diary(struct clerk_acts *acts, enum ms_err err, struct why *why)
{
    struct why trouble;

    if (err == MS_OK)
        return MS_OK;
    diary_trouble(acts->is->diary, &trouble);
    return why_set(why, err, "it cannot be written down: %.400s",
                   trouble.text[0] != '\0' ? trouble.text : "no memory");
}

static enum ms_err
remove_act(struct clerk_acts *acts, struct act *act, struct why *why)
{
    enum ms_err err = MS_OK;
    bool found;

    if (act->fleet)
        err = say(clerk_share_unact(acts->is->shared, act->id), why,
                  "the fleet's store cannot be asked to take it back");
    if (err == MS_OK)
        err = tell_diary(
            acts, diary_remove_act(acts->is->diary, act->id, &found), why);
    if (err == MS_OK)
        list_remove(&acts->list, act);
    return err;
}

/* What cannot be removed stays beside its successor, which is newer. */
static void
remove_replaced(struct clerk_acts *acts, const struct act *act)
{
    for (size_t i = acts->list.n; i-- > 0;)
        if (is_replaced(&acts->list.act[i], act))
            (void)remove_act(acts, &acts->list.act[i], NULL);
}

static enum ms_err
add_act(struct clerk_acts *acts, const struct act *act, struct why *why)
{
    enum ms_err err;

    if (!make_room(acts))
        return why_set(why, MS_INVALID,
                       "there are %d acts already: take some back first",
                       ACTS_MAX);
    if (!list_add(&acts->list, act))
        return why_set(why, MS_NOMEM, "no memory");
    err = act->fleet ? say(clerk_share_act(acts->is->shared, act), why,
                           "the fleet's store cannot be told of it")
                     : MS_OK;
    if (err == MS_OK) {
        err = tell_diary(acts, diary_put_act(acts->is->diary, act), why);
        if (err != MS_OK && act->fleet)
            (void)clerk_share_unact(acts->is->shared, act->id);
    }
    if (err != MS_OK)
        acts->list.n--;
    return err;
}

enum ms_err
clerk_acts_set(struct clerk_acts *acts, struct act *act, struct why *why)
{
    enum ms_err err;

    act->fleet = act->fleet && acts->is->shared != NULL;
    (void)pthread_mutex_lock(&acts->changing);
    do {
        make_id(act->id);
    } while (list_find(&acts->list, act->id) != NULL);
    err = tell_diary(acts, read_diary(acts), why);
    if (err == MS_OK)
        err = add_act(acts, act, why);
    if (err == MS_OK) {
        remove_replaced(acts, act);
        err = say(hand_over(acts), why, "no memory");
    }
    (void)pthread_mutex_unlock(&acts->changing);
    return err;
}

enum ms_err
clerk_acts_unset(struct clerk_acts *acts, const char *id, bool *found,
                 struct why *why)
{
    struct act *act;
    enum ms_err err;

    (void)pthread_mutex_lock(&acts->changing);
    err = tell_diary(acts, read_diary(acts), why);
    act = list_find(&acts->list, id);
    if (err == MS_OK && act != NULL) {
        err = remove_act(acts, act, why);
        if (err == MS_OK)
            err = say(hand_over(acts), why, "no memory");
    }
    if (err == MS_OK)
        *found = act != NULL;
    (void)pthread_mutex_unlock(&acts->changing);
    return err;
}

enum ms_err
clerk_acts_drop(struct clerk_acts *acts, const struct subject *subject,
                uint64_t *n)
{
    enum ms_err err, told = MS_OK;
    uint64_t gone = 0;

    (void)pthread_mutex_lock(&acts->changing);
    err = read_diary(acts);
    for (size_t i = acts->list.n; i-- > 0 && err == MS_OK;) {
        struct act *act = &acts->list.act[i];

        if (act->kind == ACT_MODE || !clerk_is_about(&act->subject, subject))
            continue;
        err = remove_act(acts, act, NULL);
        gone += err == MS_OK;
    }
    if (gone > 0)
        told = hand_over(acts);
    if (told != MS_OK)
        acts->read = false; /* then with the next tick */
    (void)pthread_mutex_unlock(&acts->changing);
    *n += gone;
    return err == MS_OK ? told : err;
}

/* ----- the fleet's */

static bool
take_from_board(void *arg, const struct act *act)
{
    struct list *board = arg;

    return board->n < ACTS_MAX && list_add(board, act);
}

/* Our own mark. */
static const char *
mark_of(const struct clerk_acts *acts)
{
    return acts->is->host[0] != '\0' ? acts->is->host : NAMELESS;
}

struct mark {
    const char *name;
    bool seen;
};

static bool
see_mark(void *arg, const struct board_blob *blob)
{
    struct mark *mark = arg;

    mark->seen = strcmp(blob->field, mark->name) == 0;
    return !mark->seen;
}

/* The acts before the mark: if all is lost in between, they are known. */
static enum ms_err
read_board(struct clerk_acts *acts, struct list *board, bool *marked)
{
    struct store *shared = acts->is->shared;
    struct mark mark = {mark_of(acts), false};
    enum ms_err err =
        clerk_share_acts(shared, acts->trimmed, take_from_board, board);

    if (err == MS_OK && board->failed)
        err = MS_NOMEM;
    if (err == MS_OK)
        err = store_board_fields(shared, MARKS, see_mark, &mark);
    *marked = mark.seen;
    return err;
}

/* A board that does not know us: tell it what we know, also what was there a
 * moment ago, as it may have been lost since. */
static enum ms_err
fill_board(struct clerk_acts *acts, struct list *board)
{
    const struct board_blob mark = {mark_of(acts), (const uint8_t *)"", 0};
    struct wall now = now_of(acts);
    enum ms_err err = MS_OK;

    for (size_t i = 0; i < acts->list.n && err == MS_OK; i++) {
        const struct act *act = &acts->list.act[i];

        if (!act->fleet || !acts_holds(act, now))
            continue;
        err = clerk_share_act(acts->is->shared, act);
        if (err == MS_OK && list_find(board, act->id) == NULL &&
            !list_add(board, act))
            err = MS_NOMEM;
    }
    if (err == MS_OK)
        err = store_board_put(acts->is->shared, MARKS, &mark, 0, false);
    return err;
}

/* Ours that hold, and are not on the BOARD, were taken back. */
static bool
drop_missing(struct clerk_acts *acts, const struct list *board)
{
    struct wall now = now_of(acts);
    bool any = false, found;

    for (size_t i = acts->list.n; i-- > 0;) {
        struct act *act = &acts->list.act[i];

        if (!act->fleet || !acts_holds(act, now) ||
            list_find(board, act->id) != NULL ||
            diary_remove_act(acts->is->diary, act->id, &found) != MS_OK)
            continue;
        list_remove(&acts->list, act);
        any = true;
    }
    return any;
}

/* What is on the BOARD and not here holds at once; the diary follows. */
static bool
take_news(struct clerk_acts *acts, const struct list *board)
{
    struct wall now = now_of(acts);
    bool any = false;

    for (size_t i = 0; i < board->n; i++) {
        struct act act = board->act[i];

        act.fleet = true;
        if (!acts_holds(&act, now) || list_find(&acts->list, act.id) != NULL ||
            !make_room(acts) || !list_add(&acts->list, &act))
            continue;
        (void)diary_put_act(acts->is->diary, &act);
        any = true;
    }
    return any;
}

static enum ms_err
pull(struct clerk_acts *acts, struct list *board)
{
    bool marked, news;
    enum ms_err err = read_board(acts, board, &marked);

    if (err == MS_OK && !marked)
        err = fill_board(acts, board);
    if (err != MS_OK)
        return err;
    news = drop_missing(acts, board);
    news = take_news(acts, board) || news;
    return news ? hand_over(acts) : MS_OK;
}

enum ms_err
clerk_acts_pull(struct clerk_acts *acts)
{
    struct list board = {0};
    enum ms_err err;

    if (acts->is->shared == NULL)
        return MS_OK;
    (void)pthread_mutex_lock(&acts->changing);
    (void)read_diary(acts); /* the fleet's hold without it, too */
    err = pull(acts, &board);
    (void)pthread_mutex_unlock(&acts->changing);
    free(board.act);
    return err;
}
