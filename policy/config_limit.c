/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_limit.c - the options of limits, what they must be together,
 * and what follows: a limit's identity.
 */
#include <config.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "policy/charge.h"
#include "policy/config_build.h"
#include "policy/date.h"
#include "policy/guess.h"
#include "policy/scene.h"
#include "policy/zombie.h"

#define AGE_LEAST_S ((uint64_t)3600)
#define AGE_MOST_S ((uint64_t)366 * 86400)

/* ----- key */

/* "/24/56" behind a prefix key: IPv4's length and perhaps IPv6's. */
static bool
parse_lengths(const char *text, struct limit_key *key)
{
    uint64_t len4, len6 = key->len6;

    text++;
    if (!reading_digits(&text, 10, &len4))
        return false;
    if (*text == '/') {
        text++;
        if (!reading_digits(&text, 10, &len6))
            return false;
    }
    if (*text != '\0' || len4 < 8 || len4 > 32 || len6 < 16 || len6 > 128)
        return false;
    key->len4 = (uint8_t)len4;
    key->len6 = (uint8_t)len6;
    return true;
}

/* LEN bytes at TEXT as a key or one half of a pair. */
static bool
parse_key(const struct reading *r, const char *text, size_t len,
          struct limit_key *out)
{
    char part[32], hint[GUESS_TEXT];
    struct guess guess;
    char *lengths;
    int kind;

    snprintf(part, sizeof part, "%.*s", (int)(len < 31 ? len : 31), text);
    lengths = strchr(part, '/');
    if (lengths != NULL && strncmp(part, "prefix/", 7) == 0) {
        *out = (struct limit_key){SUBJECT_PREFIX, 24, 56};
        if (parse_lengths(lengths, out))
            return true;
        reading_error(r, 0,
                      "`%s`: prefix lengths are written /24 or /24/56, from 8 "
                      "to 32 and 16 to 128",
                      part);
        return false;
    }
    guess_start(&guess, part);
    for (kind = 0; kind < SUBJECT_PAIR; kind++) {
        const char *name = subject_kind_name((enum subject_kind)kind);

        if (strcmp(part, name) == 0) {
            const bool wide = kind == SUBJECT_PREFIX;

            *out = (struct limit_key){(enum subject_kind)kind, wide ? 24 : 32,
                                      wide ? 56 : 64};
            return true;
        }
        guess_try(&guess, name);
    }
    reading_error(r, 0,
                  "`%s` is none of: client | prefix | user | sender | domain "
                  "| network%s",
                  part, guess_print(&guess, hint));
    return false;
}

enum ms_err
config_limit_key(const struct reading *r)
{
    const char *text = reading_term(r, 0), *plus = strchr(text, '+');
    struct limit_key keys[2] = {0};
    size_t n = plus == NULL ? 1 : 2;

    if (!parse_key(r, text, plus == NULL ? strlen(text) : (size_t)(plus - text),
                   &keys[0]) ||
        (n == 2 && !parse_key(r, plus + 1, strlen(plus + 1), &keys[1])))
        return MS_OK;
    if (n == 2 && keys[0].kind == keys[1].kind) {
        reading_error(r, 0, "both halves of `%s` are the same", text);
        return MS_OK;
    }
    memcpy(reading_at(r), keys, sizeof keys);
    memcpy(reading_count_at(r), &n, sizeof n);
    return MS_OK;
}

/* ----- rates */

static enum rate_unit
unit_of(const struct limit *limit)
{
    return limit->count == METRIC_BYTES ? RATE_BYTES : RATE_EVENTS;
}

enum ms_err
config_limit_rates(const struct reading *r)
{
    const struct limit *limit = r->object;
    struct rates rates = {0};
    struct rate rate;
    struct why why;
    size_t i;

    for (i = 0; i < r->setting->n_terms; i++)
        if (rate_parse(reading_term(r, i), unit_of(limit), &rate, &why) !=
                MS_OK ||
            rates_add(&rates, rate, &why) != MS_OK)
            reading_error(r, i, "%s", why.text);
    memcpy(reading_at(r), &rates, sizeof rates);
    return MS_OK;
}

/* Of these one message has many. */
static enum ms_err
check_spans(const struct limit *limit, const struct rates *rates,
            struct why *why)
{
    const bool many = limit->count == METRIC_RECIPIENTS ||
                      limit->count == METRIC_EXTERNAL ||
                      limit->count == METRICS; /* wrong anyway */
    size_t i;

    for (i = 0; i < rates->n; i++)
        if (rates->rate[i].span_s == 0 && !many)
            return why_set(why, MS_INVALID,
                           "/msg is for limits that count recipients or "
                           "external");
    return MS_OK;
}

/* RATE's span is one of RATES', or joins them. */
static enum ms_err
put_span(struct rates *rates, struct rate rate, struct why *why)
{
    size_t i;

    for (i = 0; i < rates->n; i++)
        if (rates->rate[i].span_s == rate.span_s)
            return MS_OK;
    return rates_add(rates, rate, why);
}

/* The windows of somebody with RATES, while new too; the most of anybody are
 * kept for the sum of all. */
static enum ms_err
count_windows(struct limit *limit, const struct rates *rates, struct why *why)
{
    enum ms_err err = MS_OK;
    struct rates all = *rates;
    size_t i;

    for (i = 0; i < limit->n_warmups && err == MS_OK; i++)
        err = put_span(&all, limit->warmup[i].rate, why);
    if (all.n > limit->windows)
        limit->windows = all.n;
    return err;
}

static enum ms_err
check_rates(const struct reading *r, const struct table_entry *entry,
            struct why *why)
{
    struct limit *limit = r->object;
    struct rates rates;
    enum ms_err err = rates_parse(entry->value, unit_of(limit), &rates, why);

    if (err == MS_OK)
        err = count_windows(limit, &rates, why);
    return err != MS_OK ? err : check_spans(limit, &rates, why);
}

static enum ms_err
check_day(const struct reading *r, const struct table_entry *entry,
          struct why *why)
{
    struct wall day;

    (void)r;
    if (!date_parse(entry->value, &day))
        return why_set(why, MS_INVALID, "`%.80s` is no day such as 2027-03-31",
                       entry->value);
    return MS_OK;
}

static enum ms_err
check_tenant(const struct reading *r, const struct table_entry *entry,
             struct why *why)
{
    (void)r;
    if (strlen(entry->value) > SUBJECT_PART_MAX)
        return why_set(why, MS_INVALID, "a tenant of more than %d bytes",
                       SUBJECT_PART_MAX);
    return MS_OK;
}

/* Subjects that are addresses are looked up by prefix. */
static enum table_type
type_for(const struct limit *limit)
{
    return limit->key[0].kind == SUBJECT_CLIENT ||
                   limit->key[0].kind == SUBJECT_PREFIX
               ? TABLE_CIDR
               : TABLE_TEXTHASH;
}

enum ms_err
config_limit_table(const struct reading *r)
{
    const enum option_type type = r->setting->option->type;
    const struct limit *limit = r->object;
    struct table *table;
    enum ms_err err;

    if (limit->n_keys == 0)
        return MS_OK; /* told already; it says which type this must be */
    err = config_files_table(r, 0, type_for(limit), &table);
    if (err != MS_OK || table == NULL)
        return err;
    memcpy(reading_at(r), &table, sizeof table);
    config_files_check(r, table,
                       type == OPTION_MAP     ? check_tenant
                       : type == OPTION_SINCE ? check_day
                                              : check_rates);
    return MS_OK;
}

/* ----- warm-up */

/* Term I as an age, later than BEFORE, in *OUT. */
static bool
read_age(const struct reading *r, size_t i, uint64_t before, uint64_t *out)
{
    const char *term = reading_term(r, i);
    uint64_t age_s;

    *out = 0;
    if (!span_parse(term, &age_s))
        reading_error(r, i, "`%s` is no age such as 7d", term);
    else if (age_s < AGE_LEAST_S || age_s > AGE_MOST_S)
        reading_error(r, i, "`%s` is not from 1h to 366d", term);
    else if (age_s <= before)
        reading_error(r, i, "`%s` is not later than the age before it", term);
    else
        *out = age_s;
    return *out != 0;
}

/* The value of N terms from term I on: "50/1h for 7d". */
static void
read_warmup(const struct reading *r, size_t i, size_t n)
{
    struct limit *limit = r->object;
    struct warmup *warmup = &limit->warmup[limit->n_warmups];
    struct rates rates = {.n = 1};
    struct why why;

    if (n != 3 || strcmp(reading_term(r, i + 1), "for") != 0) {
        reading_error(r, i, "`%s` is not of the form 50/1h for 7d",
                      reading_term(r, i));
        return;
    }
    if (rate_parse(reading_term(r, i), unit_of(limit), &rates.rate[0], &why) !=
            MS_OK ||
        check_spans(limit, &rates, &why) != MS_OK) {
        reading_error(r, i, "%s", why.text);
        return;
    }
    if (!read_age(r, i + 2, limit->n_warmups == 0 ? 0 : warmup[-1].for_s,
                  &warmup->for_s))
        return;
    warmup->rate = rates.rate[0];
    limit->n_warmups++;
}

enum ms_err
config_limit_warmup(const struct reading *r)
{
    const struct limit *limit = r->object;
    const size_t n = r->setting->n_terms;
    size_t i, next;

    for (i = 0; i < n; i = next) {
        for (next = i + 1; next < n && !r->setting->terms[next].first; next++)
            ;
        if (limit->n_warmups == LIMIT_WARMUPS) {
            reading_error(r, i, "more than %d rates", LIMIT_WARMUPS);
            break;
        }
        read_warmup(r, i, next - i);
    }
    return MS_OK;
}

/* ----- all options together */

/* Who is new is known once there is a sender, and of those only who are
 * refused. */
static void
check_warmup(const struct build *b, const struct config_block *block)
{
    struct limit *limit = block->object;
    const struct origin at = config_text_origin(block, "warmup");
    struct why why;

    if (count_windows(limit, &limit->rates, &why) != MS_OK)
        notes_error(b->notes, at, "warmup: together with `rate`, %s", why.text);
    if (limit->n_warmups > 0 && limit->count == METRIC_CONNECTIONS)
        notes_error(b->notes, at,
                    "warmup: connections are counted before it is known who "
                    "is new");
    if (limit->n_warmups > 0 && limit == b->config->postmaster)
        notes_error(b->notes, at, "warmup: limit.postmaster has none");
}

static bool
is_address(enum subject_kind kind)
{
    return kind == SUBJECT_CLIENT || kind == SUBJECT_PREFIX ||
           kind == SUBJECT_NETWORK;
}

/* Connections are counted before anybody can have logged in. */
static void
check_connections(const struct build *b, const struct config_block *block)
{
    struct limit *limit = block->object;
    const struct config_setting *in = config_text_setting(block, "in");
    size_t i;

    for (i = 0; i < limit->n_keys; i++)
        if (!is_address(limit->key[i].kind))
            notes_error(b->notes, config_text_origin(block, "key"),
                        "key: connections can be counted by client, prefix or "
                        "network only");
    for (i = 0; in != NULL && i < in->n_terms; i++)
        if (strcmp(in->terms[i].text, "logins") == 0)
            notes_error(b->notes, config_text_place(block, in, i),
                        "in: connections can be counted for strangers and "
                        "relays only");
    if (limit->action == LIMIT_HOLD)
        notes_error(b->notes, config_text_origin(block, "action"),
                    "action: a connection cannot be held");
    for (i = 0; i <= b->config->n_networks; i++)
        limit->in[i] &= KIND_STRANGER | KIND_RELAY;
}

void
config_limit_check(const struct build *b, const struct config_block *block)
{
    struct limit *limit = block->object;
    struct why why;

    if (check_spans(limit, &limit->rates, &why) != MS_OK)
        notes_error(b->notes, config_text_origin(block, "rate"), "rate: %s",
                    why.text);
    if (limit->count == METRIC_CONNECTIONS)
        check_connections(b, block);
    if (limit == b->config->postmaster && limit->count != METRIC_MESSAGES &&
        limit->count != METRICS)
        notes_error(b->notes, config_text_origin(block, "count"),
                    "count: limit.postmaster counts messages");
    check_warmup(b, block);
    if (limit->count == METRIC_BYTES)
        b->config->counts_bytes = true;
}

/* One half of a key, as its window knows it. */
static void
print_key(const struct limit_key *key, char *buf, size_t size)
{
    if (key->kind == SUBJECT_PREFIX)
        snprintf(buf, size, "prefix/%u/%u", key->len4, key->len6);
    else
        snprintf(buf, size, "%s", subject_kind_name(key->kind));
}

char *
config_limit_print_key(const struct limit_key *key, size_t n,
                       char buf[LIMIT_KEY_TEXT])
{
    char first[32], second[32] = "";

    print_key(&key[0], first, sizeof first);
    if (n == 2)
        print_key(&key[1], second, sizeof second);
    snprintf(buf, LIMIT_KEY_TEXT, "%.30s+%.30s", first, second);
    return buf;
}

uint64_t
config_limit_hash(const char *text)
{
    unsigned char hash[crypto_generichash_BYTES_MIN];
    uint64_t id = 0;
    size_t i;

    crypto_generichash(hash, sizeof hash, (const unsigned char *)text,
                       strlen(text), NULL, 0);
    for (i = 0; i < sizeof id; i++)
        id |= (uint64_t)hash[i] << (8 * i);
    return id;
}

/* Names, not numbers of enums: windows outlive this program's version. */
void
config_limit_identify(struct limit *limit)
{
    char key[LIMIT_KEY_TEXT], text[192];

    snprintf(text, sizeof text, "%s %s %s %s", limit->name,
             config_limit_print_key(limit->key, limit->n_keys, key),
             metric_name(limit->count),
             limit->scope == SCOPE_HOST ? "host" : "fleet");
    limit->id = config_limit_hash(text);
}

/* Are the N halves of A those of B, prefix lengths included? */
static bool
same_key(const struct limit_key *a, const struct limit_key *b, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (a[i].kind != b[i].kind || a[i].len4 != b[i].len4 ||
            a[i].len6 != b[i].len6)
            return false;
    return true;
}

bool
config_limit_same_key(const struct limit *a, const struct limit *b)
{
    return a->n_keys == b->n_keys && same_key(a->key, b->key, a->n_keys);
}

/* Do both count the same subjects? */
static bool
same_subjects(const struct limit *a, const struct limit *b)
{
    const char *map_a = a->map == NULL ? "" : table_path(a->map);
    const char *map_b = b->map == NULL ? "" : table_path(b->map);

    return config_limit_same_key(a, b) && strcmp(map_a, map_b) == 0;
}

/* Has no rule about zombies before number N its key? */
static bool
is_first_zombie(const struct config *config, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (zombie_same_key(config->zombies[i], config->zombies[n]))
            return false;
    return true;
}

/* Is LIMIT, which is number N, the first that counts its subjects?  Zombies
 * come before all limits. */
static bool
is_first(const struct config *config, const struct limit *limit, size_t n)
{
    size_t i;

    for (i = 0; i < config->n_zombies; i++)
        if (limit->map == NULL && limit->n_keys == config->zombies[i]->n_keys &&
            same_key(limit->key, config->zombies[i]->key, limit->n_keys))
            return false;
    for (i = 0; i < n; i++)
        if (same_subjects(limit, config->limits[i]))
            return false;
    return true;
}

/* What the engine remembers of newcomers is bounded. */
static void
count_warmups(const struct build *b)
{
    const struct config *config = b->config;
    size_t n = 0, i;

    for (i = 0; i < config->n_limits; i++)
        if (config->limits[i]->n_warmups > 0 && ++n == FACTS_SEEN + 1)
            notes_error(b->notes, config->limits[i]->origin,
                        "from here on, more than %d limits have `warmup`",
                        FACTS_SEEN);
}

/* What one step can ask of a store is bounded: a window each for rules about
 * zombies, and all of limits', with one more where newcomers are told from
 * others. */
void
config_limit_sums(const struct build *b)
{
    const struct config *config = b->config;
    size_t windows = config->n_zombies, subjects = 0, i;

    count_warmups(b);
    for (i = 0; i < config->n_zombies; i++)
        subjects += is_first_zombie(config, i);
    for (i = 0; i < config->n_limits && windows <= CHARGE_ITEMS &&
                subjects <= CHARGE_SUBJECTS;
         i++) {
        const struct limit *limit = config->limits[i];

        if (limit->windows == 0)
            continue; /* what is wrong with it has been told */
        windows += limit->windows + (limit->n_warmups > 0);
        if (windows > CHARGE_ITEMS)
            notes_error(b->notes, limit->origin,
                        "from here on, all limits together have more than %zu "
                        "rates",
                        CHARGE_ITEMS - config->n_zombies);
        subjects += is_first(config, limit, i);
        if (subjects > CHARGE_SUBJECTS)
            notes_error(b->notes, limit->origin,
                        "from here on, limits and zombies together have more "
                        "than %d kinds of keys",
                        CHARGE_SUBJECTS);
    }
}
