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

enum { ID_BYTES = 8, ID = 2 * ID_BYTES + 1 };

static const char board_name[] = "forgets"; /* fields, by ids of orders */
static const char done_blob[] = "forgets";  /* ids that are done here */

struct order {
    char id[ID];
    int64_t at_s;
    struct subject subject;
    char alias[ALIAS_TEXT];
};

struct clerk_orders {
    const struct clerk_needs *is;
    pthread_mutex_t following; /* guards all below; held over I/O */
    bool read;
    char (*done)[ID];
    size_t n, room;
};

enum ms_err
clerk_orders_create(const struct clerk_needs *needs, struct clerk_orders **out)
{
    struct clerk_orders *orders = calloc(1, sizeof(*orders));

    if (orders == NULL)
        return MS_NOMEM;
    orders->is = needs;
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
    free(orders->done);
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
    for (size_t i = 0; i < orders->n; i++)
        if (strcmp(orders->done[i], id) == 0)
            return true;
    return false;
}

static bool
note_done(struct clerk_orders *orders, const char *id)
{
    if (orders->n == orders->room) {
        size_t room = orders->room > 0 ? 2 * orders->room : 64;
        void *grown = realloc(orders->done, room * sizeof(orders->done[0]));

        if (grown == NULL)
            return false;
        orders->done = grown;
        orders->room = room;
    }
    memcpy(orders->done[orders->n++], id, ID);
    return true;
}

/* Once: what an earlier run has done. */
static void
read_done(struct clerk_orders *orders)
{
    void *bytes = NULL;
    size_t len = 0;

    if (orders->read ||
        diary_get_blob(orders->is->diary, done_blob, &bytes, &len) != MS_OK)
        return;
    orders->read = true;
    for (size_t at = 0; at + ID <= len; at += ID) {
        const char *id = (const char *)bytes + at;

        if (id[ID - 1] == '\0' && strlen(id) == ID - 1)
            (void)note_done(orders, id);
    }
    free(bytes);
}

static void
write_done(struct clerk_orders *orders)
{
    (void)diary_put_blob(orders->is->diary, done_blob,
                         orders->n > 0 ? (const void *)orders->done : "",
                         orders->n * ID);
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
    read_done(orders);
    err = store_board_put(orders->is->shared, board_name, &blob,
                          CLERK_ORDERS_KEEP_S, true);
    if (err == MS_OK && note_done(orders, order.id))
        write_done(orders);
    (void)pthread_mutex_unlock(&orders->following);
    clerk_blob_end(&blob);
    return err;
}

/* What the board has: orders to follow, and ids that still matter. */
struct reading {
    struct clerk_orders *orders;
    struct order *list;
    size_t n, room;
    struct clerk_orders still; /* its `done` only */
    char old[ID];              /* an order whose time has passed; "" */
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
        return note_done(&r->still, order.id);
    if (r->n == r->room) {
        size_t room = r->room > 0 ? 2 * r->room : 8;
        struct order *list = realloc(r->list, room * sizeof(*list));

        if (list == NULL)
            return false;
        r->list = list;
        r->room = room;
    }
    r->list[r->n++] = order;
    return true;
}

static void
follow(struct reading *r)
{
    const struct clerk_needs *is = r->orders->is;
    size_t before = r->orders->n;

    for (size_t i = 0; i < r->n; i++) {
        const struct order *order = &r->list[i];

        if (is->forget(is->arg, &order->subject, order->alias) == MS_OK)
            (void)note_done(&r->still, order->id);
    }
    free(r->orders->done);
    r->orders->done = r->still.done;
    r->orders->n = r->still.n;
    r->orders->room = r->still.room;
    if (r->n > 0 || r->orders->n != before)
        write_done(r->orders);
}

enum ms_err
clerk_orders_follow(struct clerk_orders *orders)
{
    struct reading r = {.orders = orders};
    enum ms_err err;

    if (orders->is->shared == NULL || orders->is->forget == NULL)
        return MS_OK;
    (void)pthread_mutex_lock(&orders->following);
    read_done(orders);
    err = orders->read ? store_board_fields(orders->is->shared, board_name,
                                            take_order, &r)
                       : MS_UNAVAIL;
    if (err == MS_OK)
        follow(&r);
    else
        free(r.still.done);
    free(r.list);
    if (err == MS_OK && r.old[0] != '\0') /* the next one next time */
        (void)store_board_remove(orders->is->shared, board_name, r.old);
    (void)pthread_mutex_unlock(&orders->following);
    return err;
}
