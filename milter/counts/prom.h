/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/prom.h - text for Prometheus, exposition format 0.0.4:
 * families, each with its help and type, and their samples.
 */
#ifndef MORTSAFE_MILTER_COUNTS_PROM_H
#define MORTSAFE_MILTER_COUNTS_PROM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The text, and the family that samples are of.  Names are borrowed. */
struct prom {
    FILE *out;
    const char *family;
};

struct prom_label {
    const char *name; /* NULL ends a list */
    const char *value;
};

/* Begin the family NAME of TYPE ("counter", "gauge", "histogram"); HELP is
 * ours, and needs no escape. */
void prom_family(struct prom *prom, const char *name, const char *type,
                 const char *help);

/* A sample of it with LABELS (NULL: none), whose values may be anything. */
void prom_sample(struct prom *prom, const struct prom_label *labels,
                 uint64_t value);

/* The same under the family's name and SUFFIX ("_bucket"); and of VALUE
 * millionths. */
void prom_sample_of(struct prom *prom, const char *suffix,
                    const struct prom_label *labels, uint64_t value);
void prom_sample_micro(struct prom *prom, const char *suffix,
                       const struct prom_label *labels, uint64_t value);

/* A family of one sample without labels. */
void prom_counter(struct prom *prom, const char *name, const char *help,
                  uint64_t value);
void prom_gauge(struct prom *prom, const char *name, const char *help,
                uint64_t value);

#endif
