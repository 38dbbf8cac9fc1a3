/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/customers.c - honest mail, by kind of customer.  The figures behind
 * the first four come from mail logs of two companies; the others are thought
 * up to be hard on a detector.
 */
#include <config.h>

#include "test/sim/traffic.h"

#include <math.h>

enum { MOST = 64, WEEK = 7, MONTH = 30, LISTS = 5, MEMBERS = 300, CHUNK = 50 };

/* What a customer's mail is drawn with. */
struct desk {
    struct traffic *t;
    struct rng *rng;
    uint64_t base;  /* first of its own ids */
    double flagged; /* by a filter that is wrong */
    int days;
    uint64_t strangers; /* met so far */
};

/* Whom somebody writes to: some often, most seldom, a few for the first time.
 */
struct book {
    uint64_t base;
    double size, stranger;
};

static uint64_t
pick(struct desk *desk, const struct book *book)
{
    if (rng_chance(desk->rng, book->stranger))
        return book->base + 1000000 + ++desk->strangers;
    return book->base + (uint64_t)pow(book->size, rng_real(desk->rng)) - 1;
}

/* Seconds since the beginning, on DAY between two hours. */
static double
hours(struct desk *desk, int day, double from, double to)
{
    return day * (double)TRAFFIC_DAY_S +
           (from + (to - from) * rng_midst(desk->rng)) * TRAFFIC_HOUR_S;
}

static uint32_t
unknown_of(struct desk *desk, uint32_t n, double chance)
{
    uint32_t unknown = 0;

    for (uint32_t i = 0; i < n; i++)
        unknown += rng_chance(desk->rng, chance) ? 1 : 0;
    return unknown;
}

/* MAIL at AT_S as it is, but for what the desk says of all. */
static void
post(struct desk *desk, double at_s, struct mail mail, const uint64_t *id)
{
    mail.at_s = TRAFFIC_BEGIN_S + (int64_t)at_s;
    mail.network = rng_mix(desk->base + mail.network);
    mail.sender = rng_mix(desk->base + mail.sender);
    traffic_add(desk->t, &mail, id);
}

/* One ordinary message to N of BOOK. */
static void
write_to(struct desk *desk, double at_s, const struct book *book, uint32_t n,
         uint64_t network, uint64_t sender)
{
    struct mail mail = {.n = n, .network = network, .sender = sender};
    uint64_t id[MOST];

    for (uint32_t i = 0; i < n; i++)
        id[i] = pick(desk, book);
    mail.flag = rng_chance(desk->rng, desk->flagged) ? MAIL_SPAM : MAIL_CLEAN;
    mail.unknown = unknown_of(desk, n, 0.015);
    post(desk, at_s, mail, id);
}

/* ----- people */

struct people {
    double log_mean, log_deviation; /* of messages a day */
    double fixed;                   /* so many instead, if not 0 */
    double evenness, weekend;
    double contacts, from, to; /* hours */
    unsigned networks, senders;
};

static uint32_t
how_many(struct rng *rng)
{
    double u = rng_real(rng);

    if (u < 0.8)
        return 1;
    return (uint32_t)(u < 0.985 ? 2 + rng_below(rng, 5)
                                : 7 + rng_below(rng, 39));
}

static void
write_day(struct desk *desk, const struct people *p, int day, double mean)
{
    struct book book = {desk->base, p->contacts, 0.05};
    unsigned n;

    mean *= rng_gamma(desk->rng, p->evenness);
    if (day % WEEK >= 5)
        mean *= p->weekend;
    n = rng_poisson(desk->rng, mean);
    for (unsigned i = 0; i < n; i++) {
        double at_s = hours(desk, day, p->from, p->to);
        uint32_t to = how_many(desk->rng);
        uint64_t network = rng_below(desk->rng, p->networks);
        uint64_t sender = p->senders > 1 ? rng_below(desk->rng, p->senders)
                          : rng_chance(desk->rng, 0.03) ? 1
                                                        : 0;

        write_to(desk, at_s, &book, to, network, sender);
    }
}

static void
people(struct desk *desk, const struct people *p)
{
    double mean =
        p->fixed > 0
            ? p->fixed
            : exp(rng_normal(desk->rng, p->log_mean, p->log_deviation));

    for (int day = 0; day < desk->days; day++)
        write_day(desk, p, day, mean);
}

static void
residential(struct desk *desk)
{
    static const struct people p = {0.2, 0.8, 0, 0.8, 1.2, 40, 6, 23, 2, 1};

    desk->flagged = 0.005;
    people(desk, &p);
}

static void
office(struct desk *desk)
{
    static const struct people p = {1.8, 0.7, 0, 0.8, 0.3, 150, 8, 18, 2, 1};

    desk->flagged = 0.005;
    people(desk, &p);
}

static void
roaming(struct desk *desk)
{
    static const struct people p = {1.5, 0.6, 0, 0.8, 0.3, 100, 8, 18, 9, 1};

    desk->flagged = 0.005;
    people(desk, &p);
}

static void
gateway(struct desk *desk)
{
    static const struct people p = {0, 0, 600, 8, 0.3, 6000, 8, 18, 1, 41};

    desk->flagged = 0.005;
    people(desk, &p);
}

/* ----- bulk */

static void
chat(struct desk *desk, const struct book *book, double mean, double from,
     double to)
{
    for (int day = 0; day < desk->days; day++)
        for (unsigned n = rng_poisson(desk->rng, mean); n > 0; n--)
            write_to(desk, hours(desk, day, from, to), book, 1, 0, 0);
}

/* One in twenty issues looks like spam to a filter. */
static void
issue(struct desk *desk, int day, unsigned size, double dead)
{
    double flagged = rng_chance(desk->rng, 0.05) ? 0.5 : 0.005;
    double at_s = day * (double)TRAFFIC_DAY_S + 10 * TRAFFIC_HOUR_S;

    for (unsigned i = 0; i < size; i++) {
        struct mail mail = {.n = 1};
        uint64_t id = desk->base + i;

        at_s += rng_exponential(desk->rng, 2);
        mail.flag = rng_chance(desk->rng, flagged) ? MAIL_SPAM : MAIL_CLEAN;
        mail.unknown = rng_chance(desk->rng, dead) ? 1 : 0;
        post(desk, at_s, mail, &id);
    }
}

static void
newsletter(struct desk *desk, unsigned size, int first, int every, double dead)
{
    struct book book = {desk->base + 50000000, 40, 0.05};

    for (int day = first; day < desk->days; day += every)
        issue(desk, day, size, dead);
    chat(desk, &book, 3, 8, 18);
}

static void
weekly(struct desk *desk)
{
    newsletter(desk, 2000, 3, WEEK, 0.005);
}

static void
monthly(struct desk *desk)
{
    newsletter(desk, 4000, 5, MONTH, 0.005);
}

static void
first_letter(struct desk *desk)
{
    newsletter(desk, 400, desk->days - 20, desk->days, 0.03);
}

static void
shop(struct desk *desk)
{
    struct book book = {desk->base, 2000, 0.6};
    double mean = exp(rng_normal(desk->rng, 5, 0.6));

    for (int day = 0; day < desk->days; day++) {
        unsigned n = rng_poisson(desk->rng, mean * rng_gamma(desk->rng, 6));

        for (; n > 0; n--)
            write_to(desk, hours(desk, day, 0, 24), &book, 1, 0, 0);
    }
}

static void
list_post(struct desk *desk, int day)
{
    uint64_t list = desk->base + 1000 * rng_below(desk->rng, LISTS);
    double at_s = hours(desk, day, 5, 23);
    struct mail mail = {.n = CHUNK, .message_id = rng_mix((uint64_t)at_s)};
    uint64_t id[CHUNK];

    mail.sender = rng_below(desk->rng, 61);
    mail.flag = rng_chance(desk->rng, 0.01) ? MAIL_SPAM : MAIL_CLEAN;
    for (unsigned i = 0; i < MEMBERS; i += CHUNK) {
        for (unsigned k = 0; k < CHUNK; k++)
            id[k] = list + i + k;
        mail.unknown = rng_chance(desk->rng, 0.1) ? 1 : 0;
        post(desk, at_s + i / CHUNK, mail, id);
    }
}

static void
list_server(struct desk *desk)
{
    for (int day = 0; day < desk->days; day++) {
        unsigned n = rng_poisson(desk->rng, 20 * rng_gamma(desk->rng, 2));

        for (; n > 0; n--)
            list_post(desk, day);
    }
}

/* A batch to all customers each month at two in the night. */
static void
invoices(struct desk *desk)
{
    enum { CUSTOMERS = 800, REGULAR = 50, CHANGES = 25 };
    struct book batch = {.size = 1}, book = {.size = 1};
    uint64_t customer[CUSTOMERS];

    for (unsigned i = 0; i < CUSTOMERS; i++)
        customer[i] = desk->base + i;
    for (int day = 0; day < desk->days; day++) {
        double at_s = day * (double)TRAFFIC_DAY_S + 2 * TRAFFIC_HOUR_S;

        for (unsigned i = 0; day % MONTH == 28 && i < CUSTOMERS; i++) {
            batch.base = customer[i];
            at_s += rng_exponential(desk->rng, 1);
            write_to(desk, at_s, &batch, 1, 0, 0);
        }
        for (unsigned i = 0; day % MONTH == 28 && i < CHANGES; i++)
            customer[rng_below(desk->rng, CUSTOMERS)] =
                desk->base + 1000000 + (uint64_t)day * 100 + i;
        for (unsigned n = rng_poisson(desk->rng, 4); n > 0; n--) {
            book.base = customer[rng_below(desk->rng, REGULAR)];
            write_to(desk, hours(desk, day, 8, 18), &book, 1, 0, 0);
        }
    }
}

/* Nothing at all, and then much from one day to the next. */
static void
newcomer(struct desk *desk)
{
    struct book book = {desk->base, 3000, 0.5};

    for (int day = desk->days - 25; day < desk->days; day++)
        for (unsigned n = rng_poisson(desk->rng, 150); n > 0; n--)
            write_to(desk, hours(desk, day, 0, 24), &book, 1, 0, 0);
}

const struct traffic_kind traffic_kinds[TRAFFIC_KINDS] = {
    {"residential", 300, CLASS_PERSON}, {"office", 150, CLASS_PERSON},
    {"roaming", 60, CLASS_PERSON},      {"gateway", 6, CLASS_GATEWAY},
    {"newsweek", 12, CLASS_SERVER},     {"newsmonth", 20, CLASS_SERVER},
    {"newsfirst", 30, CLASS_PERSON},    {"shop", 20, CLASS_SERVER},
    {"listserver", 5, CLASS_LIST},      {"invoices", 15, CLASS_OFFICE},
    {"newcust", 15, CLASS_OFFICE},
};

void
traffic_customer(struct traffic *t, struct rng *rng, unsigned kind, uint64_t id,
                 int days)
{
    static void (*const draw[TRAFFIC_KINDS])(struct desk *) = {
        residential,  office, roaming,     gateway,  weekly,  monthly,
        first_letter, shop,   list_server, invoices, newcomer};
    struct desk desk = {t, rng, id * 100000000, 0.01, days, 0};

    draw[kind](&desk);
    traffic_sort(t);
}
