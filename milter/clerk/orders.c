/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/clerk/orders.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "milter/api/alias.h"
#include "milter/clerk/board.h"
#include "milter/diary/form.h"

enum { ID_BYTES = 8, ID = 2 * ID_BYTES + 1, DAY_S = 86400 };

struct order {
    char id[ID];
    int64_t at_s;
    json_t *body; /* as it was given; borrowed or owned */
};

struct clerk_orders {
    const struct clerk_needs *is;
    const struct kind *kind;
    pthread_mutex_t following; /* guards all below; held over I/O */
    json_t *done; /* when orders were given that are done here, by ids */
    bool read;    /* an earlier run's are in it */
    bool changed; /* since it was written */
    size_t there; /* on the board, as last seen or given */
};

/* ----- kinds of orders */

static bool
takes_forgets(const struct clerk_needs *is)
{
    return is->forget != NULL;
}

static bool
takes_feedback(const struct clerk_needs *is)
{
    return is->feedback != NULL;
}

static enum ms_err
forget(const struct clerk_needs *is, const json_t *body)
{
    const char *hex = json_string_value(json_object_get(body, "subject"));
    const char *alias = json_string_value(json_object_get(body, "alias"));
    uint8_t bytes[SUBJECT_BYTES];
    struct subject subject;
    size_t len = 0;

    if (hex == NULL || alias == NULL || strlen(alias) >= ALIAS_TEXT ||
        sodium_hex2bin(bytes, sizeof(bytes), hex, strlen(hex), NULL, &len,
                       NULL) != 0 ||
        !subject_read(bytes, len, &subject))
        return MS_OK; /* of another mortsafe, or nothing */
    return is->forget(is->arg, &subject, alias);
}

static bool
read_number(const json_t *json, const char *key, uint32_t *out)
{
    const json_t *value = json_object_get(json, key);
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0 || n > UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool
read_report(const json_t *body, struct diary_report *report, uint32_t *unknown,
            uint32_t *complaints)
{
    return diary_report_read(json_object_get(body, "report"), report) ==
               MS_OK &&
           read_number(body, "unknown", unknown) &&
           read_number(body, "complaints", complaints);
}

static enum ms_err
take_report(const struct clerk_needs *is, const json_t *body)
{
    struct diary_report report;
    uint32_t unknown, complaints;

    return read_report(body, &report, &unknown, &complaints)
               ? is->feedback(is->arg, &report, unknown, complaints)
               : MS_OK;
}

static const struct kind {
    const char *name; /* of its fields on the board, by ids of orders; of the
                         blob that tells which are done */
    int64_t keep_s;
    size_t most;
    bool (*takes)(const struct clerk_needs *is);
    enum ms_err (*follow)(const struct clerk_needs *is, const json_t *body);
} kinds[] = {
    [CLERK_ORDERS_FORGET] = {"forgets", CLERK_ORDERS_KEEP_S, BOARD_FIELDS,
                             takes_forgets, forget},
    [CLERK_ORDERS_FEEDBACK] = {"feedback", CLERK_ORDERS_FEEDBACK_S,
                               CLERK_FEEDBACK, takes_feedback, take_report},
};

enum ms_err
clerk_orders_create(const struct clerk_needs *needs,
                    enum clerk_orders_kind kind, struct clerk_orders **out)
{
    struct clerk_orders *orders = calloc(1, sizeof(*orders));

    if (orders == NULL)
        return MS_NOMEM;
    orders->is = needs;
    orders->kind = &kinds[kind];
    orders->done = json_object();
    if (orders->done == NULL) {
        free(orders);
        return MS_NOMEM;
    }
    (void)pthread_mutex_init(&orders->following, NULL);
    *out = orders;
    return MS_OK;
}

void
clerk_orders_destroy(struct clerk_orders *orders)
{
    if (orders == NULL)
        return;
    (void)pthread_mutex_destroy(&orders->following);
    json_decref(orders->done);
    free(orders);
}

/* ----- one order on the board */

/* Its body, which is to be given back; false: it is of another mortsafe, or
 * nothing. */
static bool
read_order(const struct board_blob *blob, struct order *out)
{
    json_t *json = json_loadb((const char *)blob->bytes, blob->len, 0, NULL);
    const json_t *at = json_object_get(json, "at");

    if (!json_is_integer(at) || strlen(blob->field) != ID - 1) {
        json_decref(json);
        return false;
    }
    (void)snprintf(out->id, sizeof(out->id), "%s", blob->field);
    out->at_s = json_integer_value(at);
    out->body = json;
    return true;
}

bool
clerk_orders_read_report(const struct board_blob *blob,
                         struct diary_report *report, uint32_t *unknown,
                         uint32_t *complaints)
{
    struct order order;
    bool good;

    if (!read_order(blob, &order))
        return false;
    good = read_report(order.body, report, unknown, complaints);
    json_decref(order.body);
    return good;
}

/* ----- what is done here */

static bool
is_done(const struct clerk_orders *orders, const char *id)
{
    return json_object_get(orders->done, id) != NULL;
}

static bool
note_done(struct clerk_orders *orders, const struct order *order)
{
    bool noted = json_object_set_new(orders->done, order->id,
                                     json_integer(order->at_s)) == 0;

    orders->changed = orders->changed || noted;
    return noted;
}

static void
note_undone(struct clerk_orders *orders, const struct order *order)
{
    (void)json_object_del(orders->done, order->id);
}

/* Once: what an earlier run has done.  MS_NOMEM, and the diary's errors. */
static enum ms_err
read_done(struct clerk_orders *orders)
{
    void *bytes = NULL;
    size_t len = 0;
    json_t *json;
    json_error_t error;
    enum ms_err err;

    if (orders->read)
        return MS_OK;
    err = diary_get_blob(orders->is->diary, orders->kind->name, &bytes, &len);
    if (err != MS_OK || bytes == NULL) {
        orders->read = err == MS_OK;
        return err;
    }
    json = json_loadb(bytes, len, 0, &error);
    if (json == NULL && json_error_code(&error) == json_error_out_of_memory)
        err = MS_NOMEM;
    else if (json_is_object(json) &&
             json_object_update_missing(orders->done, json) != 0)
        err = MS_NOMEM;
    orders->read = err == MS_OK;
    json_decref(json);
    free(bytes);
    return err;
}

/* What cannot be written is written with the next call. */
static void
write_done(struct clerk_orders *orders)
{
    char *text;

    if (!orders->read || !orders->changed)
        return;
    text = form_dump(json_incref(orders->done));
    if (text != NULL && diary_put_blob(orders->is->diary, orders->kind->name,
                                       text, strlen(text)) == MS_OK)
        orders->changed = false;
    free(text);
}

/* What no order on any board can name any more goes: a board that shows
 * nothing for once does not make an order new. */
static void
drop_old(struct clerk_orders *orders)
{
    int64_t now_s = orders->is->now(orders->is->arg).wall.s;
    const char *id;
    json_t *at;
    void *next;

    json_object_foreach_safe(orders->done, next, id, at)
    {
        if (now_s - json_integer_value(at) <= orders->kind->keep_s + DAY_S)
            continue;
        (void)json_object_del(orders->done, id);
        orders->changed = true;
    }
}

/* ----- giving and following */

/* Put it on the board; it is done here. */
static enum ms_err
put_locked(struct clerk_orders *orders, const struct order *order,
           const struct board_blob *blob)
{
    enum ms_err err = MS_NOMEM;

    (void)read_done(orders);
    if (orders->there < orders->kind->most && note_done(orders, order))
        err = store_board_put(orders->is->shared, orders->kind->name, blob,
                              (uint32_t)orders->kind->keep_s, true);
    if (err != MS_OK)
        note_undone(orders, order);
    else
        orders->there++;
    write_done(orders);
    return err;
}

/* Give one that says BODY (moved; NULL: MS_NOMEM). */
static enum ms_err
give(struct clerk_orders *orders, json_t *body)
{
    struct order order = {.at_s = orders->is->now(orders->is->arg).wall.s};
    uint8_t random[ID_BYTES];
    struct board_blob blob;
    enum ms_err err;

    randombytes_buf(random, sizeof(random));
    (void)sodium_bin2hex(order.id, sizeof(order.id), random, sizeof(random));
    if (body != NULL &&
        json_object_set_new(body, "at", json_integer(order.at_s)) != 0) {
        json_decref(body);
        return MS_NOMEM;
    }
    err = clerk_blob(body, order.id, &blob);
    if (err != MS_OK)
        return err;
    (void)pthread_mutex_lock(&orders->following);
    err = put_locked(orders, &order, &blob);
    (void)pthread_mutex_unlock(&orders->following);
    clerk_blob_end(&blob);
    return err;
}

enum ms_err
clerk_orders_give(struct clerk_orders *orders, const struct subject *subject,
                  const char *pseudonym)
{
    char hex[2 * SUBJECT_BYTES + 1], alias[ALIAS_TEXT];

    if (orders->is->shared == NULL)
        return MS_OK;
    (void)sodium_bin2hex(hex, sizeof(hex), subject->bytes, subject->len);
    (void)snprintf(alias, sizeof(alias), "%.*s", ALIAS_TEXT - 1, pseudonym);
    return give(orders,
                json_pack("{s:s, s:s}", "subject", hex, "alias", alias));
}

enum ms_err
clerk_orders_report(struct clerk_orders *orders,
                    const struct diary_report *report, uint32_t unknown,
                    uint32_t complaints)
{
    if (orders->is->shared == NULL)
        return MS_OK;
    return give(orders, json_pack("{s:o, s:I, s:I}", "report",
                                  diary_report_json(report), "unknown",
                                  (json_int_t)unknown, "complaints",
                                  (json_int_t)complaints));
}

/* What the board has: orders to follow. */
struct reading {
    struct clerk_orders *orders;
    struct order *list;
    size_t n, room;
    size_t there;
    enum ms_err err;
    char old[ID]; /* an order whose time has passed; "" */
};

static bool
keep_order(struct reading *r, const struct order *order)
{
    if (r->n == r->room) {
        size_t room = r->room > 0 ? 2 * r->room : 8;
        struct order *list = realloc(r->list, room * sizeof(*list));

        if (list == NULL) {
            r->err = MS_NOMEM;
            return false;
        }
        r->list = list;
        r->room = room;
    }
    r->list[r->n++] = *order;
    return true;
}

static bool
take_order(void *arg, const struct board_blob *blob)
{
    struct reading *r = arg;
    struct order order;
    const struct clerk_needs *is = r->orders->is;

    r->there++;
    if (!read_order(blob, &order))
        return true;
    if (is->now(is->arg).wall.s - order.at_s > r->orders->kind->keep_s)
        memcpy(r->old, order.id, ID);
    else if (!is_done(r->orders, order.id) && keep_order(r, &order))
        return true; /* with its body */
    json_decref(order.body);
    return r->err == MS_OK;
}

/* Noted first: what was forgotten must not be forgotten again for want of
 * memory. */
static enum ms_err
follow(struct clerk_orders *orders, const struct order *order)
{
    const struct clerk_needs *is = orders->is;
    enum ms_err err;

    if (!note_done(orders, order))
        return MS_NOMEM;
    err = orders->kind->follow(is, order->body);
    if (err != MS_OK)
        note_undone(orders, order);
    return err;
}

enum ms_err
clerk_orders_follow(struct clerk_orders *orders)
{
    struct reading r = {.orders = orders};
    enum ms_err err;

    if (orders->is->shared == NULL || !orders->kind->takes(orders->is))
        return MS_OK;
    (void)pthread_mutex_lock(&orders->following);
    err = read_done(orders);
    if (err == MS_OK)
        err = store_board_fields(orders->is->shared, orders->kind->name,
                                 take_order, &r);
    if (err == MS_OK)
        err = r.err;
    for (size_t i = 0; i < r.n; i++) {
        if (err == MS_OK)
            (void)follow(orders, &r.list[i]); /* else with the next call */
        json_decref(r.list[i].body);
    }
    if (err == MS_OK) {
        orders->there = r.there;
        drop_old(orders);
    }
    write_done(orders);
    free(r.list);
    if (err == MS_OK && r.old[0] != '\0') /* the next one next time */
        (void)store_board_remove(orders->is->shared, orders->kind->name, r.old);
    (void)pthread_mutex_unlock(&orders->following);
    return err;
}
