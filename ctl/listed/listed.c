/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/listed/listed.c - the command: which addresses are on lists, what that
 * means, and how to get off. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/bar.h"
#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/listed/lists.h"
#include "ctl/listed/mine.h"
#include "ctl/listed/nets.h"
#include "ctl/load.h"
#include "ctl/pace.h"
#include "ctl/when.h"
#include "policy/nettree.h"

#define CONFIG_FILE SYSCONFDIR "/mortsafe/mortsafe.conf"

enum {
    LISTED_SOME = 1, /* exit codes */
    LISTED_CANNOT_TELL = 2,
    RATE_MOST = 1000,
    TELL_S = 60,     /* what takes longer is told before */
    ASK_S = 600,     /* and this is asked */
    SEEN = 1000,     /* clients that the daemon is asked for */
    SUBJECTS = 100,  /* that it is told of at once */
    GIVEN_MOST = 16, /* --list, --server */
    KEY = 512,       /* a list's name and a code */
    LEFT_TOLD = 20   /* networks that are left out, told one by one */
};

struct search {
    const struct call *call;
    struct config *config; /* NULL: none */
    struct nets *nets;
    struct lists *lists;
    struct bar bar;
    uint64_t first;    /* --from: its number */
    unsigned left_out; /* networks too large to be asked about unasked */
    uint64_t settled;  /* behind `first` */
    uint64_t unanswered;
    json_t *rows;       /* what was found */
    uint64_t addresses; /* of these, each counted once */
    bool whole, failed; /* all was asked; no memory */
};

/* ----- whom to ask about */

static int
add_net(struct search *s, struct prefix net)
{
    struct why why;
    enum ms_err err = nets_add(s->nets, net, &why);

    if (err == MS_OK)
        return CTL_OK;
    out_complain(s->call->out, "%s", why.text);
    return err == MS_INVALID ? EX_USAGE : EX_OSERR;
}

static void
tell_line(void *arg, const char *text)
{
    out_complain(arg, "%s", text);
}

static int
add_mine(struct search *s)
{
    struct mine mine = {.n = 0};
    struct why why;
    int code = CTL_OK;

    if (mine_interfaces(&mine, &why) != MS_OK)
        out_complain(s->call->out, "%s", why.text);
    if (s->config != NULL)
        mine_hosts(&mine, s->config, tell_line, s->call->out);
    for (size_t i = 0; i < mine.n && code == CTL_OK; i++)
        code = add_net(s, mine.address[i]);
    return code;
}

struct adding {
    struct search *search;
    const char *name; /* of the network; NULL: all that are small enough */
    bool found;
    int code;
};

static bool
add_of_config(void *arg, struct prefix net, uint32_t index)
{
    struct adding *adding = arg;
    struct search *s = adding->search;
    const struct network *network = s->config->networks[index];
    const bool wanted =
        adding->name == NULL || strcmp(network->name, adding->name) == 0;
    char text[PREFIX_TEXT];

    if (!wanted)
        return true;
    adding->found = true;
    if (prefix_is_private(net))
        return true;
    if (adding->name == NULL && nets_size(net) > LISTS_FEW &&
        !call_given(s->call, "networks")) {
        if (s->left_out++ < LEFT_TOLD)
            out_remark(s->call->out,
                       "%s of the network %s is left out: name it, or say "
                       "--networks.",
                       prefix_print(net, text), network->name);
        return true;
    }
    adding->code = add_net(s, net);
    return adding->code == CTL_OK;
}

static int
add_networks(struct search *s, const char *name, bool *found)
{
    struct adding adding = {.search = s, .name = name};

    if (s->config != NULL)
        nettree_each(s->config->nets, add_of_config, &adding);
    if (found != NULL)
        *found = adding.found;
    return adding.code;
}

/* Clients in the IPv6 network NET that the daemon has seen: nobody can ask
 * about all that it holds. */
static int
add_seen(struct search *s, struct prefix net)
{
    struct why why = {""};
    json_t *answer = NULL;
    const json_t *row;
    struct url url;
    size_t i;
    int code = CTL_OK;

    url_start(&url, "/v1/subjects");
    url_query(&url, "kind", "client");
    url_query_number(&url, "limit", SEEN);
    if (client_ask(s->call->client, CLIENT_GET, &url, NULL, &answer, &why) !=
        CTL_OK) {
        out_remark(s->call->out,
                   "Only its first address: the daemon, which knows others "
                   "that were seen, does not answer (%s).",
                   why.text);
        return CTL_OK;
    }
    json_array_foreach(field_at(answer, "subjects"), i, row)
    {
        struct prefix client;

        if (code == CTL_OK &&
            prefix_parse(field_text(row, "key"), &client, NULL) == MS_OK &&
            prefix_covers(net, client))
            code = add_net(s, client);
    }
    json_decref(answer);
    return code;
}

/* WORD is an address, a network, or the name of one of the configuration. */
static int
add_word(struct search *s, const char *word)
{
    struct why why = {""};
    struct prefix net;
    bool found;
    int code = add_networks(s, word, &found);

    if (code != CTL_OK || found)
        return code;
    if (prefix_parse(word, &net, &why) != MS_OK)
        return call_usage(s->call,
                          "`%s' is neither a network of the configuration nor "
                          "an address (%s)",
                          word, why.text);
    code = add_net(s, net);
    if (code == CTL_OK && net.family == 6 && net.len < 128)
        code = add_seen(s, net);
    return code;
}

static int
find_first(struct search *s)
{
    const char *from = call_option(s->call, "from");
    struct prefix address;

    if (from == NULL)
        return CTL_OK;
    if (prefix_parse(from, &address, NULL) == MS_OK &&
        nets_find(s->nets, address, &s->first))
        return CTL_OK;
    return call_usage(s->call, "%s is none of the addresses to be asked about",
                      from);
}

static int
gather(struct search *s)
{
    int code = nets_create(&s->nets) == MS_OK ? CTL_OK : EX_OSERR;

    if (code == CTL_OK && s->call->n_words == 0) {
        code = add_mine(s);
        if (code == CTL_OK)
            code = add_networks(s, NULL, NULL);
    }
    for (size_t i = 0; code == CTL_OK && i < s->call->n_words; i++)
        code = add_word(s, s->call->words[i]);
    if (code != CTL_OK)
        return code;
    if (s->left_out > LEFT_TOLD)
        out_remark(s->call->out, "And %u more.", s->left_out - LEFT_TOLD);
    nets_finish(s->nets);
    if (nets_count(s->nets) > 0)
        return find_first(s);
    out_complain(s->call->out, "there is no public address to ask about: this "
                               "host has none, and own_hosts names none");
    return LISTED_CANNOT_TELL;
}

/* ----- which lists */

/* All values of option NAME; CTL_OK or EX_USAGE. */
static int
all_given(const struct call *call, const char *name,
          const char *out[GIVEN_MOST], size_t *n)
{
    const char *value;

    while ((value = call_option_nth(call, name, *n)) != NULL) {
        if (*n == GIVEN_MOST)
            return call_usage(call, "--%s: at most %d", name, GIVEN_MOST);
        out[(*n)++] = value;
    }
    return CTL_OK;
}

static int
open_lists(struct search *s)
{
    const char *zones[GIVEN_MOST], *servers[GIVEN_MOST];
    struct lists_options options = {
        .config = s->config,
        .catalog = call_option(s->call, "lists"),
        .zones = zones,
        .servers = servers,
    };
    struct why why = {""};
    uint64_t rate;
    enum ms_err err;
    int code = call_number(s->call, "rate", LISTS_RATE, 1, RATE_MOST, &rate);

    if (code == CTL_OK)
        code = all_given(s->call, "list", zones, &options.n_zones);
    if (code == CTL_OK)
        code = all_given(s->call, "server", servers, &options.n_servers);
    if (code != CTL_OK)
        return code;
    options.rate = (unsigned)rate;
    err = lists_create(&options, &s->lists, &why);
    if (err == MS_OK)
        return CTL_OK;
    out_complain(s->call->out, "%s", why.text);
    return err == MS_NOMEM ? EX_OSERR : EX_CONFIG;
}

/* ----- asking */

static bool
step(void *arg, uint64_t done, uint64_t all, uint64_t settled)
{
    struct search *s = arg;

    s->settled = settled;
    bar_draw(&s->bar, done, all);
    return !pace_ended();
}

static void
take_found(void *arg, const struct lists_found *found)
{
    struct search *s = arg;
    char address[PREFIX_TEXT], code[PREFIX_TEXT];
    struct prefix of = {.family = 4, .len = 32};
    json_t *row;

    if (found->failed) {
        s->unanswered++;
        return;
    }
    memcpy(of.addr, found->code, 4);
    row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "address",
                    prefix_print(found->address, address), "list",
                    found->list->zone, "name", found->list->name, "code",
                    prefix_print(of, code), "means", found->means, "policy",
                    found->policy, "off", found->off);
    if (row == NULL || json_array_append_new(s->rows, row) != 0)
        s->failed = true;
}

static struct prefix
address_at(void *arg, uint64_t i)
{
    const struct search *s = arg;

    return nets_at(s->nets, s->first + i);
}

static uint64_t
how_many(const struct search *s)
{
    return nets_count(s->nets) - s->first;
}

/* What it takes is told, and asked where it is much. */
static int
estimate(struct search *s)
{
    const uint64_t all = how_many(s) * lists_usable(s->lists);
    const char *rate = call_option(s->call, "rate");
    const uint64_t a_second =
        rate != NULL ? strtoull(rate, NULL, 10) : LISTS_RATE;
    const int64_t takes_s = (int64_t)(all / a_second);
    char span[WHEN_TEXT];
    int code;

    if (takes_s < TELL_S)
        return CTL_OK;
    out_remark(s->call->out,
               "%" PRIu64 " addresses, %zu list%s: %" PRIu64
               " questions, %" PRIu64 " a second, that is about %s.",
               how_many(s), lists_usable(s->lists),
               lists_usable(s->lists) == 1 ? "" : "s", all, a_second,
               when_span(takes_s, span));
    if (takes_s < ASK_S)
        return CTL_OK;
    pace_end(); /* who is asked may leave */
    code = call_confirm(s->call, "Ask for about %s?", span);
    pace_start();
    return code;
}

static int
ask(struct search *s)
{
    const struct lists_about about = {how_many(s), address_at, s};
    const struct lists_hear hear = {take_found, step, s};
    int code;

    bar_start(&s->bar, "trying lists");
    s->whole = lists_try(s->lists, how_many(s), &hear);
    bar_wipe(&s->bar);
    s->settled = 0; /* test points were, but no address */
    if (!s->whole || lists_usable(s->lists) == 0)
        return CTL_OK;
    code = estimate(s);
    if (code != CTL_OK)
        return code;
    bar_start(&s->bar, "asking");
    s->whole = lists_ask(s->lists, &about, &hear);
    bar_wipe(&s->bar);
    if (!s->failed)
        return CTL_OK;
    out_complain(s->call->out, "no memory");
    return EX_OSERR;
}

/* ----- what was found */

static const struct out_column columns[] = {
    {.title = "ADDRESS", .path = "address"},
    {.title = "LIST", .path = "name", .least = 10},
    {.title = "CODE", .path = "code"},
    {.title = NULL},
};

static const struct out_column fields[] = {
    {.title = "", .path = "address"}, {.title = "", .path = "list"},
    {.title = "", .path = "code"},    {.title = "", .path = "means"},
    {.title = "", .path = "off"},     {.title = NULL},
};

static const char *
state_name(const struct lists_one *list)
{
    static const char *const names[] = {
        [LISTS_ASKED] = "asked",     [LISTS_KEY] = "key",
        [LISTS_VOLUME] = "volume",   [LISTS_EVERYBODY] = "everybody",
        [LISTS_BLOCKED] = "blocked", [LISTS_SILENT] = "silent",
        [LISTS_EMPTY] = "empty",
    };

    return names[list->left];
}

/* The family of which addresses were to be asked about, but which no list
 * knows that could be asked; 0: none.  Those of IPv4 stand first. */
static unsigned
unknown_family(const struct search *s)
{
    const uint64_t at[] = {0, how_many(s) - 1};

    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        unsigned family = address_at((void *)(uintptr_t)s, at[i]).family;

        if (lists_usable_for(s->lists, family) == 0)
            return family;
    }
    return 0;
}

/* Is what was not found not there? */
static bool
is_sure(const struct search *s)
{
    return s->whole && s->unanswered == 0 && unknown_family(s) == 0;
}

static json_t *
lists_json(const struct search *s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < lists_count(s->lists); i++) {
        const struct lists_one *list = lists_at(s->lists, i);

        (void)json_array_append_new(
            all,
            json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I}", "list", list->zone,
                      "name", list->name, "state", state_name(list), "usable",
                      list->usable, "asked", (json_int_t)list->asked, "listed",
                      (json_int_t)list->listed, "unanswered",
                      (json_int_t)list->failed));
    }
    return all;
}

static void
print_json(const struct search *s)
{
    json_t *all = json_pack("{s:I, s:b, s:I, s:o, s:O}", "addresses",
                            (json_int_t)how_many(s), "complete", is_sure(s),
                            "unanswered", (json_int_t)s->unanswered, "lists",
                            lists_json(s), "listed", s->rows);

    if (all != NULL)
        out_json(s->call->out, all);
    json_decref(all);
}

/* Each code that has come, once; in a table it would be cut short. */
static void
print_meanings(const struct search *s)
{
    json_t *told = json_object();
    const json_t *row;
    size_t i;

    out_heading(s->call->out, "What it means");
    json_array_foreach(s->rows, i, row)
    {
        const char *means = field_text(row, "means");
        char key[KEY];

        (void)snprintf(key, sizeof(key), "%s, %s", field_text(row, "name"),
                       field_text(row, "code"));
        if (json_object_get(told, key) != NULL)
            continue;
        (void)json_object_set_new(told, key, json_null());
        out_line(s->call->out, OUT_PLAIN, 4, "%s: %s.", key,
                 means[0] != '\0' ? means : "of this nothing is known here");
    }
    json_decref(told);
}

/* Each list on which something is, once. */
static void
print_ways_off(const struct search *s)
{
    out_heading(s->call->out, "How to get off");
    for (size_t i = 0; i < lists_count(s->lists); i++) {
        const struct lists_one *list = lists_at(s->lists, i);

        if (list->listed > 0)
            out_line(s->call->out, OUT_PLAIN, 4, "%s: %s", list->name,
                     list->off[0] != '\0' ? list->off
                                          : "ask those who run it.");
    }
}

static void
print_left_out(const struct search *s)
{
    for (size_t i = 0; i < lists_count(s->lists); i++) {
        const struct lists_one *list = lists_at(s->lists, i);

        if (list->left != LISTS_ASKED)
            out_remark(s->call->out, "%s: %s (%s) %s.",
                       list->usable ? "Not to be relied on" : "Left out",
                       list->name, list->zone, lists_left_text(list->left));
    }
}

static void
print_people(const struct search *s)
{
    const struct out *out = s->call->out;
    char text[PREFIX_TEXT];

    if (json_array_size(s->rows) > 0) {
        out_table(out, columns, s->rows);
        print_meanings(s);
        print_ways_off(s);
        out_heading(out, "In short");
        out_line(out, OUT_BAD, 0,
                 "%" PRIu64 " of %" PRIu64 " addresses %s listed.",
                 s->addresses, how_many(s), s->addresses == 1 ? "is" : "are");
    } else if (is_sure(s)) {
        out_line(out, OUT_GOOD, 0,
                 "Nothing is listed: %" PRIu64 " address%s, %zu list%s.",
                 how_many(s), how_many(s) == 1 ? "" : "es",
                 lists_usable(s->lists),
                 lists_usable(s->lists) == 1 ? "" : "s");
    }
    print_left_out(s);
    if (unknown_family(s) != 0)
        out_remark(out, "No list that could be asked knows IPv%u addresses.",
                   unknown_family(s));
    if (s->unanswered > 0)
        out_remark(out, "%" PRIu64 " questions were not answered.",
                   s->unanswered);
    if (!s->whole && s->settled < how_many(s))
        out_remark(
            out, "Ended before all was asked; go on with --from %s.",
            prefix_print(address_at((void *)(uintptr_t)s, s->settled), text));
}

static void
print(struct search *s)
{
    const char *before = "";
    const json_t *row;
    size_t i;

    json_array_foreach(s->rows, i, row)
    {
        s->addresses += strcmp(before, field_text(row, "address")) != 0;
        before = field_text(row, "address");
    }
    if (s->call->out->format == OUT_JSON)
        print_json(s);
    else if (s->call->out->format == OUT_TSV)
        out_table(s->call->out, fields, s->rows);
    else
        print_people(s);
}

/* One address' rows together, as they were asked about. */
static int
compare(const void *a, const void *b)
{
    const json_t *const *one = a, *const *two = b;
    struct prefix p = {.family = 0}, q = {.family = 0};
    int way;

    (void)prefix_parse(field_text(*one, "address"), &p, NULL);
    (void)prefix_parse(field_text(*two, "address"), &q, NULL);
    way = (p.family > q.family) - (p.family < q.family);
    if (way == 0)
        way = memcmp(p.addr, q.addr, sizeof(p.addr));
    if (way == 0)
        way = strcmp(field_text(*one, "name"), field_text(*two, "name"));
    return way != 0
               ? way
               : strcmp(field_text(*one, "code"), field_text(*two, "code"));
}

static int
sort_rows(struct search *s)
{
    size_t n = json_array_size(s->rows);
    json_t **row = calloc(n + 1, sizeof(*row)), *sorted = json_array();

    for (size_t i = 0; row != NULL && i < n; i++)
        row[i] = json_array_get(s->rows, i);
    if (row != NULL)
        qsort(row, n, sizeof(*row), compare);
    for (size_t i = 0; row != NULL && i < n; i++)
        (void)json_array_append(sorted, row[i]);
    free(row);
    if (sorted == NULL || json_array_size(sorted) != n) {
        json_decref(sorted);
        out_complain(s->call->out, "no memory");
        return EX_OSERR;
    }
    json_decref(s->rows);
    s->rows = sorted;
    return CTL_OK;
}

/* ----- evidence */

static bool
is_customers(const struct search *s, const char *text)
{
    struct prefix address;
    uint32_t index;

    return s->config != NULL && prefix_parse(text, &address, NULL) == MS_OK &&
           nettree_longest(s->config->nets, address, &index);
}

static int
post(const struct search *s, json_t *subjects, uint64_t *counted)
{
    json_t *body =
               json_pack("{s:s, s:o}", "kind", "listed", "subjects", subjects),
           *answer = NULL;
    struct url url;
    int code;

    if (body == NULL)
        return EX_OSERR;
    url_start(&url, "/v1/feedback");
    code = call_post(s->call, &url, body, &answer);
    if (code == CTL_OK)
        *counted += json_array_size(field_at(answer, "matched"));
    json_decref(answer);
    return code;
}

/* Add what ROW says to SUBJECTS, whose last may be about the same address. */
static void
add_evidence(json_t *subjects, const json_t *row)
{
    json_t *last = json_array_get(subjects, json_array_size(subjects) - 1);
    char subject[PREFIX_TEXT + 8];
    json_t *lists;

    (void)snprintf(subject, sizeof(subject), "client:%s",
                   field_text(row, "address"));
    if (last == NULL || strcmp(field_text(last, "subject"), subject) != 0) {
        last = json_pack("{s:s, s:[]}", "subject", subject, "lists");
        (void)json_array_append_new(subjects, last);
    }
    lists = json_object_get(last, "lists");
    if (json_array_size(lists) == 0 ||
        strcmp(json_string_value(
                   json_array_get(lists, json_array_size(lists) - 1)),
               field_text(row, "list")) != 0)
        (void)json_array_append_new(lists,
                                    json_string(field_text(row, "list")));
}

/* Only what is listed for what it did, in networks of the configuration: of
 * others the daemon has nothing to say. */
static int
hand_in(const struct search *s)
{
    json_t *subjects = json_array();
    uint64_t counted = 0;
    const json_t *row;
    int code = CTL_OK;
    size_t i;

    json_array_foreach(s->rows, i, row)
    {
        if (code != CTL_OK || field_true(row, "policy") ||
            !is_customers(s, field_text(row, "address")))
            continue;
        add_evidence(subjects, row);
        if (json_array_size(subjects) > SUBJECTS) {
            json_t *next = json_array();

            (void)json_array_append(next, json_array_get(subjects, SUBJECTS));
            (void)json_array_remove(subjects, SUBJECTS);
            code = post(s, subjects, &counted);
            subjects = next;
        }
    }
    if (code == CTL_OK && json_array_size(subjects) > 0)
        code = post(s, json_incref(subjects), &counted);
    json_decref(subjects);
    if (code == CTL_OK)
        out_remark(s->call->out,
                   "Evidence: %" PRIu64 " listings were counted against "
                   "addresses of the configuration's networks.",
                   counted);
    return code;
}

/* ----- the command */

static int
configuration(struct search *s)
{
    const char *path = call_option(s->call, "file");

    if (path == NULL && access(CONFIG_FILE, R_OK) != 0)
        return CTL_OK;
    return load_config(s->call->out, path != NULL ? path : CONFIG_FILE,
                       &s->config);
}

static int
verdict(const struct search *s)
{
    if (json_array_size(s->rows) > 0)
        return LISTED_SOME;
    return is_sure(s) ? CTL_OK : LISTED_CANNOT_TELL;
}

static int
search(struct search *s)
{
    int code = configuration(s);

    if (code == CTL_OK)
        code = gather(s);
    if (code != CTL_OK)
        return code;
    pace_start(); /* before threads begin, which inherit what is blocked */
    code = open_lists(s);
    if (code == CTL_OK)
        code = ask(s);
    if (code == CTL_OK)
        code = sort_rows(s);
    if (code != CTL_OK)
        return code;
    print(s);
    if (call_given(s->call, "evidence"))
        code = hand_in(s);
    return code != CTL_OK ? code : verdict(s);
}

int
cmd_listed(const struct call *call)
{
    struct search s = {.call = call, .rows = json_array()};
    int code = s.rows != NULL ? search(&s) : EX_OSERR;

    lists_destroy(s.lists);
    nets_destroy(s.nets);
    config_destroy(s.config);
    json_decref(s.rows);
    return code;
}
