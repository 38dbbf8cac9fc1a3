/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/counts/prom.h"

#include <inttypes.h>

void
prom_family(struct prom *prom, const char *name, const char *type,
            const char *help)
{
    prom->family = name;
    (void)fprintf(prom->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                  type);
}

/* What is not printable ASCII comes as `?`: a reader that wants UTF-8 would
 * refuse all of the page. */
static void
put_value(FILE *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            (void)fputc('\\', out);
        (void)fputc(*value >= ' ' && *value <= '~' ? *value : '?', out);
    }
}

static void
put_labels(FILE *out, const struct prom_label *labels)
{
    const char *before = "{";

    if (labels == NULL || labels->name == NULL)
        return;
    for (; labels->name != NULL; labels++) {
        (void)fprintf(out, "%s%s=\"", before, labels->name);
        put_value(out, labels->value);
        (void)fputc('"', out);
        before = ",";
    }
    (void)fputc('}', out);
}

static void
put_name(const struct prom *prom, const char *suffix,
         const struct prom_label *labels)
{
    (void)fprintf(prom->out, "%s%s", prom->family, suffix);
    put_labels(prom->out, labels);
}

void
prom_sample(struct prom *prom, const struct prom_label *labels, uint64_t value)
{
    prom_sample_of(prom, "", labels, value);
}

void
prom_sample_of(struct prom *prom, const char *suffix,
               const struct prom_label *labels, uint64_t value)
{
    put_name(prom, suffix, labels);
    (void)fprintf(prom->out, " %" PRIu64 "\n", value);
}

void
prom_sample_micro(struct prom *prom, const char *suffix,
                  const struct prom_label *labels, uint64_t value)
{
    put_name(prom, suffix, labels);
    (void)fprintf(prom->out, " %" PRIu64 ".%06" PRIu64 "\n", value / 1000000,
                  value % 1000000);
}

void
prom_counter(struct prom *prom, const char *name, const char *help,
             uint64_t value)
{
    prom_family(prom, name, "counter", help);
    prom_sample(prom, NULL, value);
}

void
prom_gauge(struct prom *prom, const char *name, const char *help,
           uint64_t value)
{
    prom_family(prom, name, "gauge", help);
    prom_sample(prom, NULL, value);
}
