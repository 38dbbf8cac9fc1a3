/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/traffic.c - the memory behind traffic.
 */
#include <config.h>

#include "test/sim/traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
traffic_begin(struct traffic *t)
{
    memset(t, 0, sizeof(*t));
}

void
traffic_end(struct traffic *t)
{
    free(t->mail);
    free(t->recipient);
    traffic_begin(t);
}

/* OLD, or what has its place, with room for NEED things of SIZE. */
static void *
grow(void *old, size_t *room, size_t need, size_t size)
{
    size_t wanted = *room > 0 ? *room : 1024;
    void *more;

    if (need <= *room)
        return old;
    while (wanted < need)
        wanted *= 2;
    more = reallocarray(old, wanted, size);
    if (more == NULL) {
        (void)fputs("out of memory\n", stderr);
        exit(1);
    }
    *room = wanted;
    return more;
}

void
traffic_add(struct traffic *t, const struct mail *mail, const uint64_t *id)
{
    struct mail *new;

    t->mail = grow(t->mail, &t->room, t->n + 1, sizeof(*t->mail));
    t->recipient = grow(t->recipient, &t->recipients_room,
                        t->n_recipients + mail->n, sizeof(*t->recipient));
    new = &t->mail[t->n++];
    *new = *mail;
    new->first = t->n_recipients;
    for (uint32_t i = 0; i < mail->n; i++)
        t->recipient[t->n_recipients++] = rng_mix(id[i]);
}

static int
compare(const void *a, const void *b)
{
    const struct mail *x = a, *y = b;

    if (x->at_s != y->at_s)
        return x->at_s < y->at_s ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

void
traffic_sort(struct traffic *t)
{
    if (t->n > 0)
        qsort(t->mail, t->n, sizeof(*t->mail), compare);
}
