/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/listed/nets.h"

#include <stdlib.h>
#include <string.h>

struct range {
    struct prefix net;
    uint64_t before; /* addresses of the ranges before it */
};

struct nets {
    struct range *range;
    size_t n, room;
    uint64_t count;
};

enum ms_err
nets_create(struct nets **out)
{
    struct nets *nets = calloc(1, sizeof(*nets));

    if (nets == NULL)
        return MS_NOMEM;
    *out = nets;
    return MS_OK;
}

void
nets_destroy(struct nets *nets)
{
    if (nets == NULL)
        return;
    free(nets->range);
    free(nets);
}

uint64_t
nets_size(struct prefix net)
{
    return net.family == 4 ? UINT64_C(1) << (32 - net.len) : 1;
}

enum ms_err
nets_add(struct nets *nets, struct prefix net, struct why *why)
{
    char text[PREFIX_TEXT];

    if (net.family == 4 && net.len < NETS_SHORTEST)
        return why_set(why, MS_INVALID,
                       "%s is too large to be asked about at once: parts of "
                       "it, /%d or smaller",
                       prefix_print(net, text), NETS_SHORTEST);
    if (nets->n == nets->room) {
        size_t room = nets->room == 0 ? 16 : 2 * nets->room;
        struct range *range = realloc(nets->range, room * sizeof(*range));

        if (range == NULL)
            return why_set(why, MS_NOMEM, "no memory");
        nets->range = range;
        nets->room = room;
    }
    if (net.family == 6)
        net.len = 128;
    nets->range[nets->n++] = (struct range){.net = net};
    return MS_OK;
}

/* By address, the wider one first. */
static int
compare(const void *a, const void *b)
{
    const struct prefix *one = &((const struct range *)a)->net,
                        *two = &((const struct range *)b)->net;
    int way;

    if (one->family != two->family)
        return one->family < two->family ? -1 : 1;
    way = memcmp(one->addr, two->addr, sizeof(one->addr));
    return way != 0 ? way : (one->len > two->len) - (one->len < two->len);
}

void
nets_finish(struct nets *nets)
{
    size_t n = 0;

    if (nets->n > 0)
        qsort(nets->range, nets->n, sizeof(nets->range[0]), compare);
    nets->count = 0;
    for (size_t i = 0; i < nets->n; i++) {
        struct range *range = &nets->range[n];

        if (n > 0 && prefix_covers(range[-1].net, nets->range[i].net))
            continue;
        *range = (struct range){nets->range[i].net, nets->count};
        nets->count += nets_size(range->net);
        n++;
    }
    nets->n = n;
}

uint64_t
nets_count(const struct nets *nets)
{
    return nets->count;
}

struct prefix
nets_at(const struct nets *nets, uint64_t i)
{
    size_t low = 0, high = nets->n;
    struct prefix address;
    uint64_t rest;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (nets->range[middle].before <= i)
            low = middle;
        else
            high = middle;
    }
    address = nets->range[low].net;
    rest = i - nets->range[low].before;
    if (address.family == 6)
        return address;
    address.len = 32;
    for (size_t at = 4; at-- > 0; rest >>= 8)
        address.addr[at] |= (uint8_t)(rest & 0xff);
    return address;
}

bool
nets_find(const struct nets *nets, struct prefix address, uint64_t *i)
{
    uint64_t rest = 0;

    for (size_t k = 0; k < nets->n; k++) {
        const struct range *range = &nets->range[k];

        if (!prefix_covers(range->net, address))
            continue;
        for (size_t at = 0; address.family == 4 && at < 4; at++)
            rest =
                rest << 8 | (uint8_t)(address.addr[at] & ~range->net.addr[at]);
        *i = range->before + rest;
        return true;
    }
    return false;
}
