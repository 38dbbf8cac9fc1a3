/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/microbench.c - what the parts cost by themselves: a look-up among
 * many prefixes, a window, a charge, what a charge costs before it leaves for
 * a shared store, the memory of a subject, saving and loading the embedded
 * store.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policy/nettree.h"
#include "policy/prefix.h"
#include "policy/store/denials.h"
#include "policy/store/memory.h"
#include "policy/store/redis/codec.h"
#include "policy/store/redis/script.h"
#include "policy/store/sitekey.h"
#include "policy/store/sqlite.h"
#include "policy/store/store.h"
#include "policy/subject.h"
#include "policy/window.h"

enum {
    EXIT_USAGE = 64,
    ROWS = 32,
    LOOKUPS = 4000000,
    HOSTS = 1 << 16,
    CHARGES = 300000,
    THREADS = 2,
    HOUR_S = 3600,
    DAY_S = 86400
};
static const uint64_t store_bytes = UINT64_C(4) << 30; /* never in the way */

/* What was measured. */
struct row {
    char what[96];
    double value;
    const char *unit;
    const char *figure; /* to reach; "" is none */
};

struct bench {
    uint32_t prefixes;
    uint32_t subjects;
    const char *path; /* of the embedded store */
    struct row rows[ROWS];
    size_t n;
    uint64_t random;
};

static double
seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of this thread alone: what else the machine does matters less. */
static double
cpu_seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct store_time
store_now(void *arg)
{
    struct timespec boot;

    (void)arg;
    (void)clock_gettime(CLOCK_BOOTTIME, &boot);
    return (struct store_time){
        {(int64_t)boot.tv_sec * 1000 + boot.tv_nsec / 1000000}, {time(NULL)}};
}

static struct row *
add_row(struct bench *b, double value, const char *unit, const char *figure)
{
    struct row *row = &b->rows[b->n < ROWS - 1 ? b->n++ : ROWS - 1];

    row->value = value;
    row->unit = unit;
    row->figure = figure;
    return row;
}

static uint64_t
chance(struct bench *b)
{
    b->random ^= b->random >> 12;
    b->random ^= b->random << 25;
    b->random ^= b->random >> 27;
    return b->random * UINT64_C(0x2545f4914f6cdd1d);
}

/* ---- prefixes ---- */

/* Half IPv4 (/16 to /28), half IPv6 (/32 to /64), scattered. */
static struct prefix
any_prefix(struct bench *b, uint32_t i)
{
    struct prefix p = {.family = i % 2 == 0 ? 4 : 6};
    uint64_t bits = chance(b);
    unsigned len4 = 16 + (unsigned)(chance(b) % 13);
    unsigned len6 = 32 + (unsigned)(chance(b) % 33);

    p.len = p.family == 4 ? 32 : 128;
    memcpy(p.addr, &bits, p.family == 4 ? 4 : 8);
    if (p.family == 6) {
        p.addr[0] = 0x20;
        p.addr[1] = 0x01;
    }
    return prefix_cut(p, len4, len6);
}

/* A host inside P. */
static struct prefix
host_in(struct bench *b, struct prefix p)
{
    uint64_t bits = chance(b);
    unsigned bytes = p.family == 4 ? 4 : 16;
    unsigned i;

    for (i = p.len / 8U + 1; i < bytes; i++)
        p.addr[i] = (uint8_t)(bits >> (i % 8));
    p.len = p.family == 4 ? 32 : 128;
    return p;
}

static void
time_lookups(struct bench *b, const struct nettree *tree,
             const struct prefix *hosts, const char *kind)
{
    double began = cpu_seconds();
    uint64_t found = 0;
    uint32_t i;
    uint32_t value;

    for (i = 0; i < LOOKUPS; i++)
        found += nettree_longest(tree, hosts[i % HOSTS], &value);
    (void)snprintf(
        add_row(b, (cpu_seconds() - began) / LOOKUPS * 1e9, "ns", "under 1 µs")
            ->what,
        sizeof(b->rows[0].what),
        "look-up of %s among %zu prefixes (%.0f %% listed)", kind,
        nettree_count(tree), 100.0 * (double)found / LOOKUPS);
}

static enum ms_err
bench_prefixes(struct bench *b)
{
    struct prefix *hosts = calloc(HOSTS, sizeof(*hosts));
    struct nettree *tree = NULL;
    enum ms_err err = MS_NOMEM;
    double began;
    uint32_t i;

    if (hosts == NULL || nettree_create(&tree) != MS_OK)
        goto done;
    began = cpu_seconds();
    for (i = 0; i < b->prefixes; i++) {
        struct prefix p = any_prefix(b, i);

        err = nettree_add(tree, p, i, NULL, NULL);
        if (err != MS_OK)
            goto done;
        hosts[chance(b) % HOSTS] = host_in(b, p);
    }
    (void)snprintf(add_row(b, cpu_seconds() - began, "s", "")->what,
                   sizeof(b->rows[0].what),
                   "build a tree of %" PRIu32 " prefixes", b->prefixes);
    for (i = 0; i < HOSTS; i++) {
        if (hosts[i].family == 0)
            hosts[i] = host_in(b, any_prefix(b, i));
    }
    time_lookups(b, tree, hosts, "listed hosts");
    for (i = 0; i < HOSTS; i++)
        hosts[i] = host_in(b, any_prefix(b, i));
    time_lookups(b, tree, hosts, "any hosts");
    err = MS_OK;
done:
    nettree_destroy(tree);
    free(hosts);
    return err;
}

/* ---- windows ---- */

static void
bench_windows(struct bench *b)
{
    struct window w = {0};
    uint64_t sum = 0;
    double began = cpu_seconds();
    uint32_t i;

    for (i = 0; i < LOOKUPS; i++) {
        window_turn(&w, HOUR_S, 1000000 + i / 4096);
        sum += window_sum(&w);
        (void)window_add(&w, 1);
    }
    (void)snprintf(
        add_row(b, (cpu_seconds() - began) / LOOKUPS * 1e9, "ns", "")->what,
        sizeof(b->rows[0].what), "window: turn, sum and add (%s)",
        sum > 0 ? "an hour" : "");
}

/* ---- charges ---- */

/* What an accepted message of a login is charged to. */
static bool
make_step(uint32_t n, struct subject subjects[3], struct charge_item items[6])
{
    static const uint32_t spans[2] = {HOUR_S, DAY_S};
    char text[64];
    uint32_t i;

    (void)snprintf(text, sizeof(text), "10.%u.%u.%u", n >> 16 & 255,
                   n >> 8 & 255, n & 255);
    if (!subject_make(SUBJECT_CLIENT, text, &subjects[0]))
        return false;
    (void)snprintf(text, sizeof(text), "10.%u.%u.0/24", n >> 16 & 255,
                   n >> 8 & 255);
    if (!subject_make(SUBJECT_PREFIX, text, &subjects[1]))
        return false;
    (void)snprintf(text, sizeof(text), "u%" PRIu32 "@example.org", n);
    if (!subject_make(SUBJECT_USER, text, &subjects[2]))
        return false;
    for (i = 0; i < 6; i++) {
        items[i] = (struct charge_item){.subject = &subjects[i / 2],
                                        .window = 1 + i,
                                        .span_s = spans[i % 2],
                                        .n = 1,
                                        .limit = 1000000,
                                        .kind = CHARGE_TAKE};
    }
    return true;
}

static enum ms_err
charge(struct store *store, const struct charge_item *items, size_t n,
       struct charge_answers *answers)
{
    struct store_time now = store_now(NULL);
    struct mono deadline = {now.mono.ms + 5000};
    struct store_ticket *ticket = NULL;
    enum ms_err err = store_submit(store, items, n, now, &ticket);

    if (err != MS_OK)
        return err;
    return store_collect(store, ticket, deadline, answers);
}

struct charger {
    pthread_t thread;
    struct store *store;
    uint32_t first;
    enum ms_err err;
};

/* Six windows of three subjects at a time, of a thousand logins. */
static void *
charge_steps(void *arg)
{
    struct charger *c = arg;
    struct charge_answers answers;
    struct subject subjects[3];
    struct charge_item items[6];
    uint32_t i;

    for (i = 0; i < CHARGES && c->err == MS_OK; i++) {
        if (!make_step((c->first + i * 7) % 1000, subjects, items))
            c->err = MS_INVALID;
        else
            c->err = charge(c->store, items, 6, &answers);
    }
    return NULL;
}

static enum ms_err
bench_charges(struct bench *b, int threads)
{
    struct charger chargers[THREADS] = {{0}};
    struct store *store = NULL;
    enum ms_err err = store_memory_create(store_bytes, &store);
    double began = seconds();
    int started = 0;

    if (err != MS_OK)
        return err;
    for (; started < threads; started++) {
        chargers[started].store = store;
        chargers[started].first = (uint32_t)started * 500;
        if (pthread_create(&chargers[started].thread, NULL, charge_steps,
                           &chargers[started]) != 0) {
            err = MS_NOMEM;
            break;
        }
    }
    while (started > 0) {
        (void)pthread_join(chargers[--started].thread, NULL);
        if (chargers[started].err != MS_OK)
            err = chargers[started].err;
    }
    (void)snprintf(
        add_row(b, (seconds() - began) / CHARGES * 1e9, "ns", "")->what,
        sizeof(b->rows[0].what),
        "charge 3 subjects, 6 windows, in memory; %d thread%s", threads,
        threads > 1 ? "s at once" : "");
    store_destroy(store);
    return err;
}

/* ---- on the way to a shared store ---- */

static enum ms_err
make_sitekey(struct sitekey **out)
{
    static const uint8_t bytes[32] = {1, 2, 3};

    return sitekey_from(bytes, out);
}

static enum ms_err
bench_hash(struct bench *b)
{
    struct sitekey *key = NULL;
    enum ms_err err = make_sitekey(&key);
    struct subject subject;
    uint8_t hash[SITEKEY_HASH];
    double began;
    uint32_t i;

    if (err != MS_OK)
        return err;
    if (!subject_make(SUBJECT_USER, "ann@example.org", &subject)) {
        err = MS_INVALID;
        goto done;
    }
    began = cpu_seconds();
    for (i = 0; i < CHARGES; i++)
        sitekey_hash(key, &subject, hash);
    (void)snprintf(
        add_row(b, (cpu_seconds() - began) / CHARGES * 1e9, "ns", "")->what,
        sizeof(b->rows[0].what), "shared store: hash a subject's name");
done:
    sitekey_destroy(key);
    return err;
}

/* Put what Redis is asked for STEP into BYTES, as it goes over the wire. */
static enum ms_err
pack(const struct script_charge *step, struct script_room *room,
     struct codec_bytes *bytes)
{
    static const char sha[] = "0123456789012345678901234567890123456789";
    struct codec_command command = {0};
    struct codec_command rest = {0};
    enum ms_err err = script_ask_charge(step, room, &rest);
    size_t i;

    if (err != MS_OK)
        return err;
    codec_word(&command, "EVALSHA");
    codec_word(&command, sha);
    for (i = 0; i < rest.n; i++)
        codec_arg(&command, rest.arg[i], rest.len[i]);
    bytes->len = 0;
    return codec_write(&command, bytes);
}

/* What a recipient of a login is charged to: five windows of one subject. */
static enum ms_err
bench_packing(struct bench *b)
{
    static const uint8_t of[5] = {0};
    struct subject subjects[3];
    struct charge_item items[6];
    struct script_subject who = {{7}, NULL};
    struct script_charge step = {.prefix = "mortsafe",
                                 .subjects = &who,
                                 .n_subjects = 1,
                                 .items = items,
                                 .of = of,
                                 .n = 5,
                                 .keep_s = DAY_S};
    struct script_room *room = NULL;
    struct codec_bytes bytes = {0};
    enum ms_err err = script_room_create(&room);
    double began = cpu_seconds();
    uint32_t i;

    if (err == MS_OK && !make_step(1, subjects, items))
        err = MS_INVALID;
    for (i = 0; i < CHARGES && err == MS_OK; i++)
        err = pack(&step, room, &bytes);
    (void)snprintf(
        add_row(b, (cpu_seconds() - began) / CHARGES * 1e9, "ns", "")->what,
        sizeof(b->rows[0].what), "shared store: pack a charge of 5 windows");
    (void)snprintf(add_row(b, (double)bytes.len, "bytes", "")->what,
                   sizeof(b->rows[0].what), "... on the wire");
    codec_bytes_end(&bytes);
    script_room_destroy(room);
    return err;
}

static void
make_denials_key(const void *arg, const struct subject *subject,
                 uint8_t key[DENIALS_KEY])
{
    sitekey_hash(arg, subject, key);
}

/* Six windows that have no room, again and again. */
static enum ms_err
time_denials(struct bench *b, struct store *layer)
{
    struct charge_answers answers;
    struct subject subjects[3];
    struct charge_item items[6];
    enum ms_err err = make_step(1, subjects, items) ? MS_OK : MS_INVALID;
    double began = cpu_seconds();
    uint32_t i;

    for (i = 0; i < 6; i++)
        items[i].limit = 0;
    for (i = 0; i < CHARGES && err == MS_OK; i++)
        err = charge(layer, items, 6, &answers);
    (void)snprintf(
        add_row(b, (cpu_seconds() - began) / CHARGES * 1e9, "ns", "")->what,
        sizeof(b->rows[0].what),
        "shared store: answer a refusal that is remembered");
    return err;
}

static enum ms_err
bench_denials(struct bench *b)
{
    struct denials_keys keys = {make_denials_key, NULL};
    struct sitekey *key = NULL;
    struct store *below = NULL;
    struct store *layer = NULL;
    enum ms_err err = make_sitekey(&key);

    keys.arg = key;
    if (err == MS_OK)
        err = store_memory_create(store_bytes, &below);
    if (err == MS_OK)
        err = store_denials_create(below, keys, &layer);
    if (err == MS_OK)
        err = time_denials(b, layer);
    store_destroy(layer != NULL ? layer : below);
    sitekey_destroy(key);
    return err;
}

/* ---- subjects ---- */

static uint64_t
resident(void)
{
    FILE *in = fopen("/proc/self/statm", "re");
    uint64_t pages = 0;

    if (in == NULL)
        return 0;
    if (fscanf(in, "%*s %" SCNu64, &pages) != 1)
        pages = 0;
    fclose(in);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Bytes handed out by malloc(), in whichever arena. */
static uint64_t
allocated(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* One of many subjects, by turns a client, a user, a prefix and a sender. */
static bool
make_subject(uint32_t i, struct subject *out)
{
    static const enum subject_kind kinds[4] = {SUBJECT_CLIENT, SUBJECT_USER,
                                               SUBJECT_PREFIX, SUBJECT_SENDER};
    enum subject_kind kind = kinds[i % 4];
    uint32_t n = i / 4;
    char text[64];

    if (kind == SUBJECT_CLIENT || kind == SUBJECT_PREFIX)
        (void)snprintf(text, sizeof(text), "%u.%u.%u.%u%s", 10 + (n >> 24),
                       n >> 16 & 255, n >> 8 & 255, n & 255,
                       kind == SUBJECT_PREFIX ? "/32" : "");
    else
        (void)snprintf(text, sizeof(text), "user%" PRIu32 "@example.org", n);
    return subject_make(kind, text, out);
}

static enum ms_err
fill(struct store *store, uint32_t n)
{
    static const uint32_t spans[3] = {60, HOUR_S, DAY_S};
    struct charge_answers answers;
    struct charge_item items[3];
    struct subject subject;
    enum ms_err err = MS_OK;
    uint32_t i;
    uint32_t w;

    for (w = 0; w < 3; w++)
        items[w] = (struct charge_item){.subject = &subject,
                                        .window = 1 + w,
                                        .span_s = spans[w],
                                        .n = 1,
                                        .limit = 1000,
                                        .kind = CHARGE_TAKE};
    for (i = 0; i < n && err == MS_OK; i++) {
        if (!make_subject(i, &subject))
            return MS_INVALID;
        err = charge(store, items, 3, &answers);
    }
    return err;
}

static void
memory_rows(struct bench *b, const char *store, uint64_t malloced, uint64_t rss)
{
    (void)snprintf(
        add_row(b, (double)malloced / b->subjects, "bytes", "under 400")->what,
        sizeof(b->rows[0].what),
        "a subject with three windows, %s store, allocated", store);
    (void)snprintf(
        add_row(b, (double)rss / b->subjects, "bytes", "under 400")->what,
        sizeof(b->rows[0].what),
        "a subject with three windows, %s store, resident", store);
}

static enum ms_err
bench_memory(struct bench *b)
{
    struct store *store = NULL;
    uint64_t rss;
    uint64_t malloced;
    enum ms_err err;

    (void)malloc_trim(0);
    rss = resident();
    malloced = allocated();
    err = store_memory_create(store_bytes, &store);
    if (err == MS_OK)
        err = fill(store, b->subjects);
    if (err == MS_OK)
        memory_rows(b, "memory", allocated() - malloced, resident() - rss);
    store_destroy(store);
    (void)malloc_trim(0);
    return err;
}

static void
tell(void *arg, enum ms_err err, const char *text)
{
    (void)arg;
    fprintf(stderr, "microbench: store (%d): %s\n", (int)err, text);
}

static enum ms_err
open_embedded(const char *path, struct store **out)
{
    struct store_clock clock = {store_now, NULL, NULL};
    struct store_events events = {tell, NULL};
    struct why why = {{0}};
    enum ms_err err =
        store_sqlite_open(path, store_bytes, clock, events, out, &why);

    if (err != MS_OK)
        fprintf(stderr, "microbench: %s\n", why.text);
    return err;
}

static uint64_t
subjects_of(struct store *store)
{
    struct store_stats stats;
    uint64_t sum = 0;
    int kind;

    store_stats(store, &stats);
    for (kind = 0; kind < SUBJECT_KINDS; kind++)
        sum += stats.subjects[kind];
    return sum;
}

static enum ms_err
bench_save(struct bench *b)
{
    struct store *store = NULL;
    struct why why = {{0}};
    enum ms_err err = open_embedded(b->path, &store);
    double began;

    if (err == MS_OK)
        err = fill(store, b->subjects);
    began = seconds();
    if (err == MS_OK)
        err = store_flush(store, store_now(NULL), &why);
    if (err == MS_OK)
        (void)snprintf(add_row(b, seconds() - began, "s", "")->what,
                       sizeof(b->rows[0].what),
                       "flush what is left of %" PRIu32 " new subjects",
                       b->subjects);
    else
        fprintf(stderr, "microbench: %s\n", why.text);
    began = seconds();
    store_destroy(store);
    (void)snprintf(add_row(b, seconds() - began, "s", "")->what,
                   sizeof(b->rows[0].what), "close the embedded store");
    (void)malloc_trim(0);
    return err;
}

static enum ms_err
bench_load(struct bench *b)
{
    struct store *store = NULL;
    uint64_t rss = resident();
    uint64_t malloced = allocated();
    double began = seconds();
    double cpu_began = cpu_seconds();
    enum ms_err err = open_embedded(b->path, &store);
    double took = seconds() - began;
    double cpu_took = cpu_seconds() - cpu_began;

    if (err != MS_OK)
        return err;
    (void)snprintf(add_row(b, took, "s", "")->what, sizeof(b->rows[0].what),
                   "open the embedded store with %" PRIu64 " subjects",
                   subjects_of(store));
    (void)snprintf(add_row(b, cpu_took, "s", "")->what, sizeof(b->rows[0].what),
                   "... of it processor time");
    memory_rows(b, "embedded", allocated() - malloced, resident() - rss);
    store_destroy(store);
    return MS_OK;
}

/* ---- report ---- */

static void
print_rows(const struct bench *b)
{
    size_t i;

    for (i = 0; i < b->n; i++)
        printf("%-72s %10.3g %-5s %s\n", b->rows[i].what, b->rows[i].value,
               b->rows[i].unit, b->rows[i].figure);
}

static void
print_rows_json(const struct bench *b)
{
    size_t i;

    putchar('[');
    for (i = 0; i < b->n; i++)
        printf("%s{\"what\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"figure\":"
               "\"%s\"}",
               i > 0 ? ",\n" : "", b->rows[i].what, b->rows[i].value,
               b->rows[i].unit, b->rows[i].figure);
    puts("]");
}

static bool
count(const char *text, uint32_t *out)
{
    char *end = NULL;
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < 1 || n > 100000000)
        return false;
    *out = (uint32_t)n;
    return true;
}

static enum ms_err
measure(struct bench *b)
{
    enum ms_err err = bench_prefixes(b);

    bench_windows(b);
    if (err == MS_OK)
        err = bench_charges(b, 1);
    if (err == MS_OK)
        err = bench_charges(b, THREADS);
    if (err == MS_OK)
        err = bench_hash(b);
    if (err == MS_OK)
        err = bench_packing(b);
    if (err == MS_OK)
        err = bench_denials(b);
    if (err == MS_OK)
        err = bench_memory(b);
    if (err == MS_OK && b->path != NULL)
        err = bench_save(b);
    if (err == MS_OK && b->path != NULL)
        err = bench_load(b);
    return err;
}

int
main(int argc, char **argv)
{
    struct bench b = {.prefixes = 100000,
                      .subjects = 1000000,
                      .random = UINT64_C(0x9e3779b97f4a7c15)};
    bool json = false;
    bool fine = true;
    enum ms_err err;
    int option;

    while ((option = getopt(argc, argv, "jp:s:")) != -1) {
        if (option == 'j')
            json = true;
        else if (option == 'p')
            fine = fine && count(optarg, &b.prefixes);
        else if (option == 's')
            fine = fine && count(optarg, &b.subjects);
        else
            fine = false;
    }
    if (!fine || optind + 1 < argc) {
        fputs("microbench [-j] [-p PREFIXES] [-s SUBJECTS] [DIRECTORY]\n"
              "  DIRECTORY holds the embedded store; without it that is left "
              "out\n",
              stderr);
        return EXIT_USAGE;
    }
    b.path = argv[optind];
    err = measure(&b);
    (json ? print_rows_json : print_rows)(&b);
    if (err != MS_OK)
        fprintf(stderr, "microbench: error %d\n", (int)err);
    return err == MS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
