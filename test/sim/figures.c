/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/figures.c - the tables of FIGURES.md: how the detector treats honest
 * customers, and what attacks get through.
 */
#include <config.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/sim/tally.h"

enum { TRIALS_OFFICE = 40, TRIALS_GATEWAY = 8 };

static const double shares[] = {0.9, 0.5, 0.05};

static void
head(const char *title)
{
    printf("\n## %s\n\n|", title);
}

static void
columns(unsigned names)
{
    for (unsigned k = 0; k < JUDGES; k++)
        printf(" %s |", tally_judges[k]);
    printf("\n|");
    for (unsigned k = 0; k < JUDGES + names; k++)
        printf(" --- |");
    printf("\n");
}

static void
row_honest(const char *name, const struct tally_honest of[JUDGES])
{
    printf("| %s (%u) |", name, of[0].days);
    for (unsigned k = 0; k < JUDGES; k++) {
        printf(" %.2f / %.2f", tally_rate(of[k].throttled, &of[k]),
               tally_rate(of[k].quarantined, &of[k]));
        if (of[k].held > 0)
            printf(", held %.2f %%",
                   100.0 * (double)of[k].held / (double)of[k].recipients);
        printf(" |");
    }
    printf("\n");
}

static void
add(struct tally_honest *sum, const struct tally_honest *of)
{
    sum->days += of->days;
    sum->throttled += of->throttled;
    sum->quarantined += of->quarantined;
}

static void
honest(struct rng *rng, bool declared)
{
    struct tally_honest sum[JUDGES] = {{0}}, of[JUDGES];
    uint64_t id = 1;

    head(declared
             ? "Honest customers, of the classes they should be declared as"
             : "Honest customers, all judged as persons");
    printf(" kind (subject-days) |");
    columns(1);
    for (unsigned i = 0; i < TRAFFIC_KINDS; i++) {
        const struct traffic_kind *kind = &traffic_kinds[i];

        tally_honest(rng, i, declared ? kind->class : CLASS_PERSON,
                     kind->subjects, id, of);
        id += kind->subjects;
        row_honest(kind->name, of);
        for (unsigned k = 0; k < JUDGES; k++)
            add(&sum[k], &of[k]);
    }
    row_honest("all", sum);
    (void)fflush(stdout);
}

static void
attacks(struct rng *rng, const char *title, unsigned kind,
        enum network_class class, unsigned trials)
{
    static struct tally_attack of[JUDGES];

    head(title);
    printf(" attack | flagged |");
    columns(2);
    for (unsigned i = 0; i < TRAFFIC_ATTACKS; i++)
        for (unsigned s = 0; s < sizeof(shares) / sizeof(shares[0]); s++) {
            tally_attack(rng, kind, class, i, shares[s], trials, of);
            printf("| %s | %.2f |", traffic_attacks[i], shares[s]);
            for (unsigned k = 0; k < JUDGES; k++)
                printf(" %u/%u %llu [%llu] |",
                       100 * of[k].quarantined / of[k].trials,
                       100 * of[k].throttled / of[k].trials,
                       (unsigned long long)tally_leak(&of[k], 0.5),
                       (unsigned long long)tally_leak(&of[k], 0.9));
            printf("\n");
            (void)fflush(stdout);
        }
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    struct rng rng = {1};
    int c;

    while ((c = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
        if (c != 's') {
            (void)fprintf(stderr, "usage: figures [--seed N]\n");
            return 64;
        }
        rng.seed = strtoull(optarg, NULL, 10);
    }
    honest(&rng, false);
    honest(&rng, true);
    attacks(&rng, "Attacks by office users", 1, CLASS_PERSON, TRIALS_OFFICE);
    attacks(&rng, "Attacks behind a gateway, judged as a person", 3,
            CLASS_PERSON, TRIALS_GATEWAY);
    return 0;
}
