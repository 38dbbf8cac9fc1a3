/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/metrics_lookups.c - figures of the DNS, of SPF and of lists.
 * Names of lists are the operator's, and few.
 */
#include <config.h>

#include "milter/counts/metrics_inside.h"
#include "milter/counts/prom.h"

static void
put_one(struct prom *prom, const char *name, const char *value, uint64_t n)
{
    const struct prom_label labels[] = {{name, value}, {NULL, NULL}};

    prom_sample(prom, labels, n);
}

static void
put_questions(struct prom *prom, const struct resolver_counts *dns)
{
    prom_family(prom, "mortsafe_dns_questions_total", "counter",
                "Questions to the DNS, by what came of them.");
    put_one(prom, "result", "answered", dns->answered);
    put_one(prom, "result", "failed", dns->failed);
    put_one(prom, "result", "late", dns->late);
    put_one(prom, "result", "crowded", dns->crowded);
    prom_gauge(prom, "mortsafe_dns_in_flight",
               "Questions that wait for an answer.", dns->in_flight);
}

static void
put_spf(struct prom *prom, const struct lookup_counts *lookups)
{
    const struct spf_counts *spf = &lookups->evaluations;

    prom_family(prom, "mortsafe_spf_results_total", "counter",
                "Senders and HELO names that were evaluated, by result.");
    for (unsigned i = 0; i < SPF_RESULTS; i++)
        put_one(prom, "result", spf_result_name((enum spf_result)i),
                spf->done[i]);
    prom_gauge(prom, "mortsafe_spf_running", "Does mortsafe-spf run (1)?",
               lookups->spf);
    prom_counter(prom, "mortsafe_spf_worker_deaths_total",
                 "Times that mortsafe-spf died or was killed.", spf->deaths);
}

static void
put_list(struct prom *prom, const struct dnsbl_state *list, const char *result,
         uint64_t n)
{
    const struct prom_label labels[] = {
        {"list", list->name}, {"result", result}, {NULL, NULL}};

    prom_sample(prom, labels, n);
}

static void
put_lists(struct prom *prom, const struct dnsbl_state *lists, size_t n)
{
    prom_family(prom, "mortsafe_dnsbl_answers_total", "counter",
                "Answers of DNS lists; failed is none.");
    for (size_t i = 0; i < n; i++) {
        const struct dnsbl_state *list = &lists[i];
        uint64_t told = list->listed + list->failed;

        put_list(prom, list, "listed", list->listed);
        put_list(prom, list, "not_listed",
                 list->asked > told ? list->asked - told : 0);
        put_list(prom, list, "failed", list->failed);
    }
    prom_family(prom, "mortsafe_dnsbl_usable", "gauge",
                "Is the list believed (1), or is it off (0)?");
    for (size_t i = 0; i < n; i++)
        put_one(prom, "list", lists[i].name, lookup_is_usable(lists[i].health));
}

static void
put_waits(struct prom *prom, const struct lookup_counts *lookups)
{
    prom_family(prom, "mortsafe_lookup_waits_total", "counter",
                "Callbacks that waited for the DNS, and those that might not, "
                "for others did.");
    put_one(prom, "result", "waited", lookups->waits);
    put_one(prom, "result", "not_waited", lookups->not_waited);
    prom_family(prom, "mortsafe_lookup_wait_seconds_total", "counter",
                "For how long they waited together.");
    prom_sample_micro(prom, "", NULL, lookups->waited_us);
    prom_counter(prom, "mortsafe_lookups_put_off_total",
                 "Clients put off for what was not yet known.",
                 lookups->put_off);
}

void
metrics_print_lookups(struct prom *prom, const struct metrics_now *now)
{
    put_questions(prom, &now->lookups->dns);
    put_spf(prom, now->lookups);
    put_lists(prom, now->lists, now->n_lists);
    put_waits(prom, now->lookups);
}
