/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/share_cases.c - changes of standings and messages held on the
 * fleet's board.
 */
#include <config.h>

#include "milter/clerk/inside.h"

#include <stdlib.h>
#include <string.h>

#include "milter/clerk/board.h"

enum { DAY_S = 86400 };

/* ----- changes */

/* Addresses and names that CHANGE is about. */
static void
mentions(struct clerk_names *names, const struct change *change)
{
    char text[SUBJECT_PART_MAX + 1];
    enum subject_kind kind;

    for (size_t i = 0; i < 2; i++)
        if (subject_part(&change->subject, i, &kind, text))
            clerk_names_about(names, text);
}

/* The list of changes of SUBJECT, as printed; no name if there is none. */
static void
list_of(struct clerk_names *names, const char *subject)
{
    char shown[DECISION_SUBJECT];

    decision_subject(subject, shown);
    clerk_names_add(names, "changes ", shown);
}

static bool
take_room(struct clerk_share_day *today, int64_t at_s)
{
    if (today->day != at_s / DAY_S)
        *today = (struct clerk_share_day){at_s / DAY_S, 0};
    if (today->n >= CLERK_CHANGES_DAY)
        return false;
    today->n++;
    return true;
}

enum ms_err
clerk_share_change_now(struct store *shared, struct clerk_share_day *today,
                       const struct change *change)
{
    struct board_add adds[1 + CLERK_NAMES + CLERK_MENTIONS];
    struct board_blob blob, pointer;
    char subject[SUBJECT_TEXT], text[CLERK_POINTER];
    struct clerk_names names = {.n = 0};
    size_t n = 0, own;
    enum ms_err err;

    if (shared == NULL)
        return MS_OK;
    err = clerk_blob(change_json(change), "", &blob);
    if (err != MS_OK)
        return err;
    if (take_room(today, change->evidence.at_s))
        list_of(&names, subject_print(&change->subject, subject));
    own = names.n;
    if (own > 0)
        mentions(&names, change);
    pointer = clerk_names_pointer(&names, text);
    adds[n++] =
        (struct board_add){"changes", blob, CLERK_CHANGES, CLERK_AUDIT_KEEP_S};
    for (size_t i = 0; i < names.n; i++)
        adds[n++] = (struct board_add){names.name[i], i < own ? blob : pointer,
                                       i < own ? CLERK_BOARD : CLERK_ABOUT,
                                       CLERK_CHANGE_KEEP_S};
    err = store_board_add_all(shared, adds, n);
    clerk_blob_end(&blob);
    return err;
}

struct changes {
    const char *subject; /* NULL: any */
    const char *id;      /* NULL: any */
    bool (*each)(void *arg, const struct change *change);
    void *arg;
};

static bool
tell_change(void *arg, const struct board_blob *blob)
{
    const struct changes *to = arg;
    char subject[SUBJECT_TEXT];
    struct change change;

    if (!clerk_blob_change(blob, &change) || /* of a newer mortsafe */
        (to->id != NULL && strcmp(to->id, change.id) != 0) ||
        (to->subject != NULL &&
         strcmp(to->subject, subject_print(&change.subject, subject)) != 0))
        return true;
    return to->each(to->arg, &change);
}

enum ms_err
clerk_fleet_changes(struct clerk *clerk, const char *subject,
                    bool (*each)(void *arg, const struct change *change),
                    void *arg)
{
    struct store *shared = clerk_shared(clerk);
    struct changes to = {subject, NULL, each, arg};
    struct clerk_names names = {.n = 0};

    if (shared == NULL)
        return MS_OK;
    if (subject == NULL)
        return store_board_list(shared, "changes", tell_change, &to);
    list_of(&names, subject);
    return names.n > 0
               ? store_board_list(shared, names.name[0], tell_change, &to)
               : MS_OK;
}

struct one {
    struct change *out;
    bool found;
};

static bool
take_one(void *arg, const struct change *change)
{
    struct one *one = arg;

    *one->out = *change;
    one->found = true;
    return false;
}

enum ms_err
clerk_fleet_change(struct clerk *clerk, const char *id, bool *found,
                   struct change *out)
{
    struct store *shared = clerk_shared(clerk);
    struct one one = {out, false};
    struct changes to = {NULL, id, take_one, &one};
    enum ms_err err = MS_OK;

    if (shared != NULL)
        err = store_board_list(shared, "changes", tell_change, &to);
    if (err == MS_OK)
        *found = one.found;
    return err;
}

/* ----- messages held */

/* The fields of those held for SUBJECT. */
static void
fields_of(struct clerk_names *names, const char *subject)
{
    char shown[DECISION_SUBJECT];

    decision_subject(subject, shown);
    clerk_names_add(names, "held ", shown);
}

enum ms_err
clerk_share_held_now(struct store *shared, const struct held *held)
{
    char field[BOARD_FIELD + 1];
    struct clerk_names names = {.n = 0};
    struct board_blob blob;
    enum ms_err err;

    if (shared == NULL || !clerk_field_held(held->host, held->id, field))
        return MS_OK;
    err = clerk_blob(held_json(held), field, &blob);
    if (err != MS_OK)
        return err;
    fields_of(&names, held->subject);
    err = store_board_put(shared, "helds", &blob, CLERK_HELD_KEEP_S, false);
    if (err == MS_OK && names.n > 0)
        err = store_board_put(shared, names.name[0], &blob, CLERK_HELD_KEEP_S,
                              false);
    clerk_blob_end(&blob);
    return err;
}

enum ms_err
clerk_share_gone(struct store *shared, const struct held *held)
{
    char field[BOARD_FIELD + 1];
    struct clerk_names names = {.n = 0};
    enum ms_err err = MS_OK;

    if (shared == NULL || !clerk_field_held(held->host, held->id, field))
        return MS_OK;
    fields_of(&names, held->subject);
    if (names.n > 0)
        err = store_board_remove(shared, names.name[0], field);
    /* this one last: by it the others are found */
    return err == MS_OK ? store_board_remove(shared, "helds", field) : err;
}

/* Fields come by their names: they are put in order of their times. */
struct helds {
    struct held *held;
    size_t n, room;
    int64_t oldest_s; /* older ones go */
    struct store *shared;
    enum ms_err err;
};

static bool
take_held(void *arg, const struct board_blob *blob)
{
    struct helds *helds = arg;
    struct held held;

    if (!clerk_blob_held(blob, &held))
        return true;
    if (held.at_s < helds->oldest_s) {
        (void)clerk_share_gone(helds->shared, &held); /* or next time */
        return true;
    }
    if (helds->n == helds->room) {
        size_t room = helds->room * 2 + 16;
        struct held *more = realloc(helds->held, room * sizeof(*more));

        if (more == NULL) {
            helds->err = MS_NOMEM;
            return false;
        }
        helds->held = more;
        helds->room = room;
    }
    helds->held[helds->n++] = held;
    return true;
}

static int
by_time(const void *a, const void *b)
{
    const struct held *x = a, *y = b;

    if (x->at_s != y->at_s)
        return x->at_s < y->at_s ? -1 : 1;
    return strcmp(x->id, y->id);
}

enum ms_err
clerk_fleet_held(struct clerk *clerk, const char *subject,
                 bool (*each)(void *arg, const struct held *held), void *arg)
{
    struct helds helds = {.shared = clerk_shared(clerk)};
    struct clerk_names names = {.n = 0};
    enum ms_err err;

    if (helds.shared == NULL)
        return MS_OK;
    helds.oldest_s = clerk_now(clerk).wall.s - CLERK_HELD_KEEP_S;
    if (subject != NULL)
        fields_of(&names, subject);
    if (subject != NULL && names.n == 0)
        return MS_OK; /* nobody is called so */
    err = store_board_fields(helds.shared,
                             subject != NULL ? names.name[0] : "helds",
                             take_held, &helds);
    if (err == MS_OK)
        err = helds.err;
    if (err == MS_OK && helds.n > 0)
        qsort(helds.held, helds.n, sizeof(*helds.held), by_time);
    for (size_t i = 0; err == MS_OK && i < helds.n; i++)
        if (!each(arg, &helds.held[i]))
            break;
    free(helds.held);
    return err;
}
