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

enum { ID_BYTES = 8, ID = 2 * ID_BYTES + 1, DAY_S = 86400 };

static const char board_name[] = "forgets"; /* fields, by ids of orders */
static const char done_blob[] = "forgets";  /* JSON: DONE, below */

struct order {
    char id[ID];
    int64_t at_s;
    struct subject subject;
    char alias[ALIAS_TEXT];
};

struct clerk_orders {
    const struct clerk_needs *is;
    pthread_mutex_t following; /* guards all below; held over I/O */
    json_t *done; /* when orders were given that are done here, by ids */
    bool read;    /* an earlier run's are in it */
    bool changed; /* since it was written */
};

enum ms_err
clerk_orders_create(const struct clerk_needs *needs, struct clerk_orders **out)
{
    struct clerk_orders *orders = calloc(1, sizeof(*orders));

    if (orders == NULL)
        return MS_NOMEM;
    orders->is = needs;
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

static enum ms_err
order_blob(const struct order *order, struct board_blob *out)
{
    char hex[2 * SUBJECT_BYTES + 1];

    (void)sodium_bin2hex(hex, sizeof(hex), order->subject.bytes,
                         order->subject.len);
    return clerk_blob(json_pack("{s:s, s:s, s:I}", "subject", hex, "alias",
                                order->alias, "at", (json_int_t)order->at_s),
                      order->id, out);
}

/* False: it is of another mortsafe, or nothing. */
static bool
read_order(const struct board_blob *blob, struct order *out)
{
    json_t *json = json_loadb((const char *)blob->bytes, blob->len, 0, NULL);
    const char *hex = "", *alias = "";
    uint8_t bytes[SUBJECT_BYTES];
    json_int_t at = 0;
    size_t len = 0;
    bool good;

    good = json != NULL && strlen(blob->field) == ID - 1 &&
           json_unpack(json, "{s:s, s:s, s:I}", "subject", &hex, "alias",
                       &alias, "at", &at) == 0 &&
           strlen(alias) < ALIAS_TEXT &&
           sodium_hex2bin(bytes, sizeof(bytes), hex, strlen(hex), NULL, &len,
                          NULL) == 0 &&
           subject_read(bytes, len, &out->subject);
    if (good) {
        (void)snprintf(out->id, sizeof(out->id), "%s", blob->field);
        (void)snprintf(out->alias, sizeof(out->alias), "%s", alias);
        out->at_s = at;
    }
    json_decref(json);
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
    err = diary_get_blob(orders->is->diary, done_blob, &bytes, &len);
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
    text = json_dumps(orders->done, JSON_COMPACT);
    if (text != NULL && diary_put_blob(orders->is->diary, done_blob, text,
                                       strlen(text)) == MS_OK)
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
        if (now_s - json_integer_value(at) <= CLERK_ORDERS_KEEP_S + DAY_S)
            continue;
        (void)json_object_del(orders->done, id);
        orders->changed = true;
    }
}

/* ----- giving and following */

enum ms_err
clerk_orders_give(struct clerk_orders *orders, const struct subject *subject,
                  const char *pseudonym)
{
    struct order order = {
        .at_s = orders->is->now(orders->is->arg).wall.s,
        .subject = *subject,
    };
    uint8_t random[ID_BYTES];
    struct board_blob blob;
    enum ms_err err;

    if (orders->is->shared == NULL)
        return MS_OK;
    randombytes_buf(random, sizeof(random));
    (void)sodium_bin2hex(order.id, sizeof(order.id), random, sizeof(random));
    (void)snprintf(order.alias, sizeof(order.alias), "%.*s", ALIAS_TEXT - 1,
                   pseudonym);
    err = order_blob(&order, &blob);
    if (err != MS_OK)
        return err;
    (void)pthread_mutex_lock(&orders->following);
    (void)read_done(orders);
    err = MS_NOMEM;
    if (note_done(orders, &order))
        err = store_board_put(orders->is->shared, board_name, &blob,
                              CLERK_ORDERS_KEEP_S, true);
    if (err != MS_OK)
        note_undone(orders, &order);
    write_done(orders);
    (void)pthread_mutex_unlock(&orders->following);
    clerk_blob_end(&blob);
    return err;
}

/* What the board has: orders to follow. */
struct reading {
    struct clerk_orders *orders;
    struct order *list;
    size_t n, room;
    enum ms_err err;
    char old[ID]; /* an order whose time has passed; "" */
};

static bool
take_order(void *arg, const struct board_blob *blob)
{
    struct reading *r = arg;
    struct order order;
    const struct clerk_needs *is = r->orders->is;

    if (!read_order(blob, &order))
        return true;
    if (is->now(is->arg).wall.s - order.at_s > CLERK_ORDERS_KEEP_S) {
        memcpy(r->old, order.id, ID);
        return true;
    }
    if (is_done(r->orders, order.id))
        return true;
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
    r->list[r->n++] = order;
    return true;
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
    err = is->forget(is->arg, &order->subject, order->alias);
    if (err != MS_OK)
        note_undone(orders, order);
    return err;
}

enum ms_err
clerk_orders_follow(struct clerk_orders *orders)
{
    struct reading r = {.orders = orders};
    enum ms_err err;

    if (orders->is->shared == NULL || orders->is->forget == NULL)
        return MS_OK;
    (void)pthread_mutex_lock(&orders->following);
    err = read_done(orders);
    if (err == MS_OK)
        err =
            store_board_fields(orders->is->shared, board_name, take_order, &r);
    if (err == MS_OK)
        err = r.err;
    for (size_t i = 0; err == MS_OK && i < r.n; i++)
        (void)follow(orders, &r.list[i]); /* else with the next call */
    if (err == MS_OK)
        drop_old(orders);
    write_done(orders);
    free(r.list);
    if (err == MS_OK && r.old[0] != '\0') /* the next one next time */
        (void)store_board_remove(orders->is->shared, board_name, r.old);
    (void)pthread_mutex_unlock(&orders->following);
    return err;
}
