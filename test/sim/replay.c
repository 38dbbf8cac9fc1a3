/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/replay.c - the detector over a trace: see rows.h for its form.
 * Prints a line for each subject, as it came, and one for all.
 */
#include <config.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/play.h"
#include "test/sim/rows.h"

enum { USAGE = 64 };

struct sender {
    char *name;
    enum network_class class;
    struct play play;
};

struct choice {
    const char *subject;
    size_t len;
    enum network_class class;
};

struct replay {
    struct play_judge judge[CLASS_UNSET];
    enum network_class class; /* of whom no choice names */
    struct choice *choice;
    size_t n_choices;
    struct sender **sender; /* as they came */
    size_t n;
    size_t *slot; /* by name, open: number + 1 */
    size_t slots; /* a power of two */
};

static const char *const classes[] = {"person", "office", "server", "gateway",
                                      "list"};

static void *
must(void *memory)
{
    if (memory == NULL) {
        (void)fputs("replay: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static int
usage(void)
{
    (void)fputs("usage: replay [--class CLASS | --class SUBJECT=CLASS]... "
                "[--release-after HOURS]\n"
                "              [--without FAMILY]... FILE.csv[.gz]\n",
                stderr);
    return USAGE;
}

/* ----- who sends */

static enum network_class
class_of(const struct replay *r, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < r->n_choices; i++)
        if (r->choice[i].len == len &&
            memcmp(r->choice[i].subject, name, len) == 0)
            return r->choice[i].class;
    return r->class;
}

static size_t
find(const struct replay *r, const char *name)
{
    uint64_t h = 0;
    size_t at;

    for (const char *p = name; *p != '\0'; p++)
        h = rng_mix(h ^ (unsigned char)*p);
    for (at = h & (r->slots - 1); r->slot[at] != 0;
         at = (at + 1) & (r->slots - 1))
        if (strcmp(r->sender[r->slot[at] - 1]->name, name) == 0)
            break;
    return at;
}

/* Room for one more. */
static void
widen(struct replay *r)
{
    if (2 * (r->n + 1) <= r->slots)
        return;
    r->slots = r->slots > 0 ? 2 * r->slots : 1024;
    r->sender = must(reallocarray(r->sender, r->slots, sizeof(*r->sender)));
    free(r->slot);
    r->slot = must(calloc(r->slots, sizeof(*r->slot)));
    for (size_t i = 0; i < r->n; i++)
        r->slot[find(r, r->sender[i]->name)] = i + 1;
}

static struct sender *
sender_of(struct replay *r, const char *name)
{
    struct sender *s;
    size_t at;

    widen(r);
    at = find(r, name);
    if (r->slot[at] != 0)
        return r->sender[r->slot[at] - 1];
    s = must(malloc(sizeof(*s)));
    s->name = must(strdup(name));
    s->class = class_of(r, name);
    play_begin(&s->play, &r->judge[s->class]);
    r->sender[r->n++] = s;
    r->slot[at] = r->n;
    return s;
}

/* ----- what is told */

static void
print_until(int64_t at_s, uint64_t leaked)
{
    if (at_s >= 0)
        printf(",%llu", (unsigned long long)leaked);
    else
        printf(",");
}

static void
print(const char *name, const char *class, const struct play_result *p)
{
    printf("%s,%s,%llu,%llu,%u,%u,%u,%llu,%llu", name, class,
           (unsigned long long)p->honest, (unsigned long long)p->honest_held,
           p->watched, p->throttled, p->quarantined,
           (unsigned long long)p->spam, (unsigned long long)p->leaked);
    print_until(p->throttled_s, p->leaked_throttled);
    print_until(p->quarantined_s, p->leaked_quarantined);
    printf("\n");
}

/* Of those who were throttled (quarantined) only, what leaked until then. */
static void
add(struct play_result *sum, const struct play_result *p)
{
    sum->honest += p->honest;
    sum->honest_held += p->honest_held;
    sum->watched += p->watched;
    sum->throttled += p->throttled;
    sum->quarantined += p->quarantined;
    sum->spam += p->spam;
    sum->leaked += p->leaked;
    sum->leaked_throttled += p->leaked_throttled;
    sum->leaked_quarantined += p->leaked_quarantined;
    if (p->throttled_s >= 0)
        sum->throttled_s = p->throttled_s;
    if (p->quarantined_s >= 0)
        sum->quarantined_s = p->quarantined_s;
}

static void
print_all(const struct replay *r)
{
    struct play_result sum = {.throttled_s = -1, .quarantined_s = -1};

    printf("subject,class,recipients,held,days_watched,days_throttled,"
           "days_quarantined,spam,leaked,leaked_until_throttled,"
           "leaked_until_quarantined\n");
    for (size_t i = 0; i < r->n; i++) {
        const struct sender *s = r->sender[i];

        print(s->name, classes[s->class], &s->play.result);
        add(&sum, &s->play.result);
    }
    print("total", "", &sum);
}

static int
replay(struct replay *r, const char *path)
{
    struct rows *rows = NULL;
    struct why why;
    struct mail mail;
    const char *subject;
    const uint64_t *recipient;
    enum ms_err err = rows_open(path, &rows, &why);

    while (err == MS_OK) {
        err = rows_next(rows, &mail, &subject, &recipient, &why);
        if (err != MS_OK || subject == NULL)
            break;
        (void)play_mail(&sender_of(r, subject)->play, &mail, recipient);
    }
    rows_close(rows);
    if (err != MS_OK) {
        (void)fprintf(stderr, "replay: %s\n", why.text);
        return 1;
    }
    print_all(r);
    return 0;
}

static void
end(struct replay *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->sender[i]->name);
        free(r->sender[i]);
    }
    free(r->sender);
    free(r->slot);
    free(r->choice);
}

/* ----- options */

static bool
read_class(const char *name, enum network_class *out)
{
    for (unsigned i = 0; i < CLASS_UNSET; i++)
        if (strcmp(name, classes[i]) == 0) {
            *out = (enum network_class)i;
            return true;
        }
    return false;
}

static bool
set_class(struct replay *r, const char *text)
{
    const char *equals = strrchr(text, '=');
    struct choice *c;

    if (equals == NULL)
        return read_class(text, &r->class);
    r->choice =
        must(reallocarray(r->choice, r->n_choices + 1, sizeof(*r->choice)));
    c = &r->choice[r->n_choices++];
    c->subject = text;
    c->len = (size_t)(equals - text);
    return c->len > 0 && read_class(equals + 1, &c->class);
}

static bool
set_release(struct replay *r, const char *text)
{
    char *after;
    double hours = strtod(text, &after);

    if (after == text || *after != '\0' || !(hours > 0 && hours < 1e6))
        return false;
    for (unsigned i = 0; i < CLASS_UNSET; i++)
        r->judge[i].release_s = (int64_t)(hours * TRAFFIC_HOUR_S + 0.5);
    return true;
}

static bool
set_without(struct replay *r, const char *name)
{
    for (unsigned f = 0; f < FAMILIES; f++) {
        if (strcmp(name, family_name((enum family)f)) != 0)
            continue;
        for (unsigned i = 0; i < CLASS_UNSET; i++)
            r->judge[i].tuning.families &= ~(1U << f);
        return true;
    }
    return false;
}

static bool
set(struct replay *r, int option, const char *value)
{
    switch (option) {
    case 'c':
        return set_class(r, value);
    case 'r':
        return set_release(r, value);
    case 'w':
        return set_without(r, value);
    default:
        return false;
    }
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        {"class", required_argument, NULL, 'c'},
        {"release-after", required_argument, NULL, 'r'},
        {"without", required_argument, NULL, 'w'},
        {NULL, 0, NULL, 0}};
    struct replay r = {.class = CLASS_PERSON};
    int c, status;

    for (unsigned i = 0; i < CLASS_UNSET; i++)
        detector_tuning((enum network_class)i, &r.judge[i].tuning);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (!set(&r, c, optarg))
            return usage();
    if (optind + 1 != argc)
        return usage();
    status = replay(&r, argv[optind]);
    end(&r);
    return status;
}
