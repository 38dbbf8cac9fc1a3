/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/bench/score.h"

#include <inttypes.h>

static const char *const outcome_names[OUTCOMES] = {
    [OUTCOME_ACCEPTED] = "accepted",   [OUTCOME_DEFERRED] = "deferred",
    [OUTCOME_REJECTED] = "rejected",   [OUTCOME_HELD] = "held",
    [OUTCOME_DISCARDED] = "discarded",
};

static const char *const timed_names[TIMEDS] = {
    [TIMED_NEGOTIATE] = "negotiate", [TIMED_CONNECT] = "connect",
    [TIMED_HELO] = "helo",           [TIMED_MAIL] = "mail",
    [TIMED_RCPT] = "rcpt",           [TIMED_DATA] = "data",
    [TIMED_HEADER] = "header",       [TIMED_EOH] = "eoh",
    [TIMED_BODY] = "body",           [TIMED_EOM] = "eom",
    [TIMED_MESSAGE] = "message",
};

void
score_error(struct score *score, const char *what)
{
    if (score->errors++ == 0)
        (void)snprintf(score->trouble, sizeof(score->trouble), "%s", what);
}

uint64_t
score_messages(const struct score *score)
{
    uint64_t sum = 0;
    int v;

    for (v = 0; v < OUTCOMES; v++)
        sum += score->messages[v];
    return sum;
}

static double
per_second(uint64_t n, uint64_t took_ns)
{
    return took_ns > 0 ? (double)n * 1e9 / (double)took_ns : 0;
}

void
score_print(const struct score *score, uint64_t took_ns, uint64_t cpu_us,
            FILE *out)
{
    uint64_t messages = score_messages(score);
    int i;

    fprintf(out,
            "%" PRIu64 " messages in %" PRIu64 " sessions, %.3f s: %.0f "
            "messages/s; own processor time %.3f s; errors %" PRIu64 "%s%s\n",
            messages, score->sessions, (double)took_ns / 1e9,
            per_second(messages, took_ns), (double)cpu_us / 1e6, score->errors,
            score->errors > 0 ? ", first: " : "", score->trouble);
    for (i = 0; i < OUTCOMES; i++)
        fprintf(out, "%-10s %10" PRIu64 " messages %10" PRIu64 " recipients\n",
                outcome_names[i], score->messages[i], score->recipients[i]);
    fprintf(out, "%-10s %10s %10s %10s %10s\n", "took (us)", "n", "p50", "p99",
            "most");
    for (i = 0; i < TIMEDS; i++) {
        const struct hist *h = &score->took[i];

        if (h->n > 0)
            fprintf(out, "%-10s %10" PRIu64 " %10.1f %10.1f %10.1f\n",
                    timed_names[i], h->n, (double)hist_quantile(h, 500) / 1e3,
                    (double)hist_quantile(h, 990) / 1e3,
                    (double)h->max_ns / 1e3);
    }
}

static void
print_counts(const char *name, const uint64_t counts[OUTCOMES], FILE *out)
{
    int i;

    fprintf(out, ",\"%s\":{", name);
    for (i = 0; i < OUTCOMES; i++)
        fprintf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", outcome_names[i],
                counts[i]);
    fputc('}', out);
}

/* The text of an error is our own, so it needs no escapes. */
void
score_print_json(const struct score *score, uint64_t took_ns, uint64_t cpu_us,
                 FILE *out)
{
    uint64_t messages = score_messages(score);
    const char *comma = "";
    int i;

    fprintf(out,
            "{\"messages\":%" PRIu64 ",\"sessions\":%" PRIu64
            ",\"seconds\":%.6f,\"rate\":%.1f,\"cpu_s\":%.6f,\"errors\":%" PRIu64
            ",\"trouble\":\"%s\"",
            messages, score->sessions, (double)took_ns / 1e9,
            per_second(messages, took_ns), (double)cpu_us / 1e6, score->errors,
            score->trouble);
    print_counts("verdicts", score->messages, out);
    print_counts("recipients", score->recipients, out);
    fputs(",\"took_us\":{", out);
    for (i = 0; i < TIMEDS; i++) {
        const struct hist *h = &score->took[i];

        if (h->n == 0)
            continue;
        fprintf(out,
                "%s\"%s\":{\"n\":%" PRIu64
                ",\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}",
                comma, timed_names[i], h->n,
                (double)hist_quantile(h, 500) / 1e3,
                (double)hist_quantile(h, 990) / 1e3, (double)h->max_ns / 1e3);
        comma = ",";
    }
    fputs("}}\n", out);
}
