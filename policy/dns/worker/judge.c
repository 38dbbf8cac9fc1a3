/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/worker/judge.h"

#include <arpa/inet.h>
#include <netinet/in.h>
/* libspf2's headers take those for granted, and these two */
#include <arpa/nameser.h>
#include <netdb.h>

#include <spf2/spf.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/dns/spf.h"
#include "policy/dns/worker/macro.h"
#include "policy/dns/worker/name.h"
#include "policy/dns/worker/record.h"

/* What follows a term, to libspf2: a redirect to "FRAME.TERM" and this. */
#define NEXT ".next.invalid"
/* What a term's domain-spec stands for, to libspf2: it need not know. */
#define TARGET "target.invalid"

enum {
    FRAMES = SPF_TERMS + 2, /* records in one evaluation */
    NAMES = 10,             /* of MX and PTR (RFC 7208 section 4.6.4) */
    NO_LIMIT = 1000         /* of libspf2: terms are counted here */
};

/* A record that is being evaluated. */
struct frame {
    struct record record;
    char domain[RESOLVER_NAME]; /* %{d} */
    bool tail; /* its result is the result: the first, or redirected to */
};

enum stop {
    STOP_NOT,
    STOP_ASK, /* an answer is missing */
    STOP_PERMERROR,
    STOP_NOMEM
};

struct judge {
    SPF_dns_server_t layer;
    SPF_server_t *server;

    /* of the evaluation that runs */
    const struct spf_request *ask;
    SPF_request_t *request;
    struct spf_reply *reply;
    enum stop stop;
    struct frame frame[FRAMES];
    size_t n;
    const struct term *term;  /* that is being evaluated; NULL: none */
    size_t term_frame;        /* whose it is */
    const struct term *last;  /* of a tail: what matches is this */
    bool entering;            /* the next record is a domain's, no NEXT */
    bool fresh;               /* the term has asked nothing yet */
    char target[MACRO_TEXT];  /* what the term's domain-spec stands for */
    char name[RESOLVER_NAME]; /* %{p} */
};

/* ----- ends of an evaluation */

static void
stop_permerror(struct judge *j, const char *domain, const char *why)
{
    char text[RESOLVER_NAME + RECORD_WHY + 2];
    int len = snprintf(text, sizeof(text), "%s%s%s", domain,
                       domain[0] != '\0' ? ": " : "", why);

    if (j->stop != STOP_NOT)
        return;
    j->stop = STOP_PERMERROR;
    spf_printable(text, len > 0 ? (size_t)len : 0, j->reply->detail);
}

static void
stop_ask(struct judge *j, const char *name, enum resolver_type type)
{
    if (j->stop != STOP_NOT)
        return;
    j->stop = STOP_ASK;
    memcpy(j->reply->name, name, strlen(name) + 1);
    j->reply->type = type;
}

/* ----- answers */

/* The answer about the clean NAME; NULL: it is not there, and asked for. */
static const struct spf_answer *
find(struct judge *j, const char *name, enum resolver_type type)
{
    for (unsigned i = 0; i < j->ask->n; i++) {
        const struct spf_answer *a = &j->ask->answer[i];

        if (a->type == type && strcasecmp(a->name, name) == 0)
            return a;
    }
    stop_ask(j, name, type);
    return NULL;
}

static enum resolver_type
address_type(const struct judge *j)
{
    return j->ask->v6 ? RESOLVER_AAAA : RESOLVER_A;
}

/* Is the client among the addresses of NAME?  Errors are no. */
static bool
names_client(struct judge *j, const char *name)
{
    const struct spf_answer *a = find(j, name, address_type(j));
    const uint8_t *at = a != NULL ? a->records : NULL;
    size_t len;

    for (unsigned i = 0; a != NULL && i < a->n; i++) {
        const uint8_t *data = spf_record_next(&at, &len);

        if (memcmp(data, j->ask->client, len) == 0)
            return true;
    }
    return false;
}

/* ----- %{p} */

/* Find out %{p}. */
static void
set_p(struct judge *j, const char *domain)
{
    char name[RESOLVER_NAME];
    const struct spf_answer *a;
    const uint8_t *at;
    int rank = 0;

    memcpy(j->name, "unknown", sizeof("unknown"));
    name_arpa(j->ask, name);
    a = find(j, name, RESOLVER_PTR);
    at = a != NULL ? a->records : NULL;
    for (unsigned i = 0; a != NULL && i < a->n && i < NAMES; i++) {
        char text[RESOLVER_NAME];
        size_t len;
        const uint8_t *data = spf_record_next(&at, &len);

        memcpy(text, data, len);
        text[len] = '\0';
        if (!name_clean(text, name) || name_rank(name, domain) <= rank ||
            !names_client(j, name))
            continue;
        rank = name_rank(name, domain);
        memcpy(j->name, name, sizeof(j->name));
    }
}

/* ----- macros */

/* Find out what TERM of DOMAIN is about. */
static void
set_target(struct judge *j, const struct term *term, const char *domain)
{
    char client[RESOLVER_NAME];
    const struct macro_values values = {
        .sender = j->ask->sender,
        .sender_domain = j->request->env_from_dp,
        .domain = domain,
        .client = client,
        .name = j->name,
        .family = j->ask->v6 ? "ip6" : "in-addr",
        .helo = j->ask->helo,
    };

    if (term->spec_len == 0) {
        memcpy(j->target, domain, strlen(domain) + 1);
        return;
    }
    if (term->uses_p)
        set_p(j, domain);
    name_client(j->ask, client);
    macro_expand(term->spec, term->spec_len, &values, j->target);
}

/* ----- terms, one after the other */

static bool
same_network(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));

    return memcmp(a, b, bits / 8) == 0 &&
           (rest == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0);
}

/* Does TERM, which asks nothing, match? */
static bool
matches(const struct judge *j, const struct term *term)
{
    if (term->kind == TERM_ALL)
        return true;
    if ((term->kind == TERM_IP6) != j->ask->v6)
        return false;
    return same_network(term->network, j->ask->client,
                        j->ask->v6 ? term->cidr6 : term->cidr4);
}

/* The length of the prefix that TERM means for this client. */
static unsigned
cidr_of(const struct judge *j, const struct term *term)
{
    return j->ask->v6 ? term->cidr6 : term->cidr4;
}

/* What TERM is about, to libspf2.  It looks at it itself for ptr only: then a
 * name that no host can have is none that it can end in. */
static const char *
told_target(const struct judge *j, const struct term *term)
{
    return term->kind == TERM_PTR && name_is_plain(j->target) ? j->target
                                                              : TARGET;
}

/* TERM as libspf2 is told it, and behind it the term I of frame F. */
static int
spell(const struct judge *j, const struct term *term, size_t f, size_t i,
      char *out, size_t size)
{
    static const char *const words[] = {[TERM_INCLUDE] = "include",
                                        [TERM_A] = "a",
                                        [TERM_MX] = "mx",
                                        [TERM_PTR] = "ptr",
                                        [TERM_EXISTS] = "exists"};
    unsigned cidr = cidr_of(j, term), most = j->ask->v6 ? 128 : 32;
    char length[8] = "";

    if (!term_asks(term))
        return snprintf(out, size, "v=spf1 %call", term->qualifier);
    if (term->kind == TERM_REDIRECT)
        return snprintf(out, size, "v=spf1 redirect=" TARGET);
    /* 0 is no length to libspf2: any_address() sees to it */
    if ((term->kind == TERM_A || term->kind == TERM_MX) && cidr > 0 &&
        cidr < most)
        (void)snprintf(length, sizeof(length), "%s%u", j->ask->v6 ? "//" : "/",
                       cidr);
    return snprintf(out, size, "v=spf1 %c%s:%s%s redirect=%zu.%zu" NEXT,
                    term->qualifier, words[term->kind], told_target(j, term),
                    length, f, i);
}

/* What is to be evaluated of frame F from its term *I on: TERM with *I behind
 * it; NULL: nothing is left. */
static const struct term *
next_term(const struct judge *j, const struct frame *f, size_t *i)
{
    while (*i < f->record.n) {
        const struct term *term = &f->record.term[(*i)++];

        if (term_asks(term) || matches(j, term))
            return term;
    }
    return f->record.redirect.spec_len > 0 ? &f->record.redirect : NULL;
}

/* Count TERM, which asks.  False: it is one too many. */
static bool
charge(struct judge *j, const struct term *term)
{
    j->fresh = true;
    j->entering = term->kind == TERM_INCLUDE || term->kind == TERM_REDIRECT;
    if (++j->reply->terms > SPF_TERMS)
        stop_permerror(j, "", "more than 10 terms ask the DNS");
    return j->reply->terms <= SPF_TERMS;
}

/* Have libspf2 compile what is to be evaluated of frame F from its term I on.
 */
static SPF_errcode_t
compile(struct judge *j, size_t f, size_t i, SPF_response_t *response,
        SPF_record_t **out)
{
    struct frame *frame = &j->frame[f];
    const struct term *term = next_term(j, frame, &i);
    char text[2 * RECORD_SPEC] = "v=spf1";
    SPF_errcode_t err;

    j->term = term;
    j->term_frame = f;
    if (frame->tail)
        j->last = term;
    j->request->cur_dom = frame->domain;
    if (term != NULL && term_asks(term) && charge(j, term))
        set_target(j, term, frame->domain);
    if (term != NULL && j->stop == STOP_NOT) {
        int len = spell(j, term, f, i, text, sizeof(text));

        if (len < 0 || (size_t)len >= sizeof(text))
            stop_permerror(j, frame->domain, "a term is too long");
    }
    if (j->stop != STOP_NOT)
        return SPF_E_DNS_ERROR;
    err = SPF_record_compile(j->server, response, out, text);
    if (err == SPF_E_NO_MEMORY)
        j->stop = STOP_NOMEM;
    else if (err != SPF_E_SUCCESS)
        stop_permerror(j, frame->domain, "libspf2 does not understand it");
    return err;
}

/* ----- records */

/* The one SPF record among the answer A; NULL: there is none, or more. */
static const uint8_t *
select_record(const struct spf_answer *a, size_t *len, unsigned *found)
{
    const uint8_t *at = a->records, *record = NULL;

    *found = 0;
    for (unsigned i = 0; i < a->n; i++) {
        size_t n;
        const uint8_t *data = spf_record_next(&at, &n);

        if (!spf_is_record(data, n))
            continue;
        record = data;
        *len = n;
        ++*found;
    }
    return *found == 1 ? record : NULL;
}

static SPF_errcode_t
no_record(SPF_response_t *response)
{
    response->result = SPF_RESULT_NONE;
    response->reason = SPF_REASON_FAILURE;
    return SPF_E_NOT_SPF;
}

/* Read the record TEXT of DOMAIN into a new frame. */
static bool
push(struct judge *j, const char *domain, const uint8_t *text, size_t len)
{
    struct frame *f = &j->frame[j->n];
    char why[RECORD_WHY];
    enum ms_err err;

    if (j->n == FRAMES) {
        stop_permerror(j, domain, "too many records");
        return false;
    }
    err = record_read((const char *)text, len, &f->record, why);
    if (err == MS_NOMEM)
        j->stop = STOP_NOMEM;
    else if (err != MS_OK)
        stop_permerror(j, domain, why);
    if (err != MS_OK)
        return false;
    f->tail = j->n == 0 ||
              (j->term->kind == TERM_REDIRECT && j->frame[j->term_frame].tail);
    memcpy(f->domain, domain, strlen(domain) + 1);
    j->n++;
    return true;
}

/* The record of DOMAIN. */
static SPF_errcode_t
enter(struct judge *j, const char *domain, SPF_response_t *response,
      SPF_record_t **out)
{
    char name[RESOLVER_NAME];
    const struct spf_answer *a;
    const uint8_t *text;
    unsigned found = 0;
    size_t len;

    j->entering = false;
    if (!name_clean(domain, name))
        return no_record(response);
    a = find(j, name, RESOLVER_TXT);
    if (a == NULL || a->status == RESOLVER_FAILED)
        return SPF_E_DNS_ERROR;
    text = select_record(a, &len, &found);
    if (found == 0)
        return no_record(response);
    if (found > 1)
        stop_permerror(j, name, "more than one SPF record");
    if (text == NULL || !push(j, name, text, len))
        return SPF_E_DNS_ERROR;
    return compile(j, j->n - 1, 0, response, out);
}

/* libspf2 wants the record of the request's current domain. */
static SPF_errcode_t
get_spf(SPF_server_t *server, SPF_request_t *request, SPF_response_t *response,
        SPF_record_t **out)
{
    struct judge *j = server->resolver->hook;
    unsigned long f, i;
    char *end;

    *out = NULL;
    if (j->stop != STOP_NOT)
        return SPF_E_DNS_ERROR;
    if (j->entering)
        return enter(j, j->n == 0 ? request->cur_dom : j->target, response,
                     out);
    /* the name is ours: "F.I.next.invalid" */
    f = strtoul(request->cur_dom, &end, 10);
    i = strtoul(*end == '.' ? end + 1 : end, &end, 10);
    if (f >= j->n || i > j->frame[f].record.n) {
        stop_permerror(j, "", "a name that is not ours");
        return SPF_E_DNS_ERROR;
    }
    return compile(j, f, i, response, out);
}

/* ----- other questions of libspf2's */

static const int herrno[] = {[RESOLVER_DATA] = NETDB_SUCCESS,
                             [RESOLVER_NODATA] = NO_DATA,
                             [RESOLVER_NXDOMAIN] = HOST_NOT_FOUND,
                             [RESOLVER_FAILED] = TRY_AGAIN};

/* Add DATA to RR, with a NUL behind it: addresses do not mind. */
static bool
add(SPF_dns_rr_t *rr, const void *data, size_t len)
{
    if (SPF_dns_rr_buf_realloc(rr, rr->num_rr, len + 1) != SPF_E_SUCCESS)
        return false;
    memcpy(rr->rr[rr->num_rr], data, len);
    ((char *)rr->rr[rr->num_rr])[len] = '\0';
    rr->num_rr++;
    return true;
}

/* libspf2 takes a length of 0 as none: what it means is that any address will
 * do, so the client's own is told. */
static bool
any_address(const struct judge *j, enum resolver_type type)
{
    return (j->term->kind == TERM_A || j->term->kind == TERM_MX) &&
           type == address_type(j) && cidr_of(j, j->term) == 0;
}

static bool
add_records(struct judge *j, const struct spf_answer *a, SPF_dns_rr_t *rr)
{
    const uint8_t *at = a->records;
    bool any = any_address(j, a->type);

    for (unsigned i = 0; i < a->n; i++) {
        size_t len;
        const uint8_t *data = spf_record_next(&at, &len);

        /* "." is no host (RFC 7505); of a client's names ten are looked at */
        if (len == 0 || (a->type == RESOLVER_PTR && rr->num_rr == NAMES))
            continue;
        if (!add(rr, any ? j->ask->client : data, len))
            return false;
    }
    return true;
}

/* RFC 7208 section 4.6.4: terms whose first question comes to nothing. */
static void
count_void(struct judge *j, const struct spf_answer *a)
{
    if (!j->fresh)
        return;
    j->fresh = false;
    if (a->n > 0 || a->status == RESOLVER_FAILED)
        return;
    if (++j->reply->voids > SPF_VOID)
        stop_permerror(j, "",
                       "more than 2 names that are asked for are not "
                       "there");
}

/* What libspf2 is told of A. */
static int
told_status(struct judge *j, const struct spf_answer *a)
{
    /* RFC 7208 section 5.5: a client's name that cannot be had is none */
    if (a->status == RESOLVER_FAILED && j->term->kind == TERM_PTR)
        return HOST_NOT_FOUND;
    if (a->type == RESOLVER_MX && a->n > NAMES)
        stop_permerror(j, a->name, "more than 10 MX records");
    return j->stop == STOP_NOT ? herrno[a->status] : TRY_AGAIN;
}

static SPF_dns_rr_t *
lookup(SPF_dns_server_t *layer, const char *domain, ns_type type,
       int should_cache)
{
    static const struct spf_answer nothing = {.status = RESOLVER_NXDOMAIN};
    struct judge *j = layer->hook;
    const struct spf_answer *a = NULL;
    char name[RESOLVER_NAME];
    int status = TRY_AGAIN;
    SPF_dns_rr_t *rr;

    (void)should_cache;
    if (j->stop == STOP_NOT && j->term != NULL) {
        a = name_clean(strcasecmp(domain, TARGET) == 0 ? j->target : domain,
                       name)
                ? find(j, name, (enum resolver_type)type)
                : &nothing;
        if (a != NULL) {
            count_void(j, a);
            status = told_status(j, a);
        }
    }
    rr = SPF_dns_rr_new_init(layer, domain, type, 0, status);
    if (rr != NULL && status == NETDB_SUCCESS && !add_records(j, a, rr)) {
        j->stop = STOP_NOMEM;
        rr->herrno = TRY_AGAIN;
    }
    return rr; /* NULL ends the process: libspf2 calls abort() */
}

/* ----- evaluations */

/* libspf2's results; what is none of these is a permerror. */
static const struct {
    SPF_result_t theirs;
    enum spf_result ours;
} results[] = {
    {SPF_RESULT_NONE, SPF_NONE},
    {SPF_RESULT_NEUTRAL, SPF_NEUTRAL},
    {SPF_RESULT_PASS, SPF_PASS},
    {SPF_RESULT_FAIL, SPF_FAIL},
    {SPF_RESULT_SOFTFAIL, SPF_SOFTFAIL},
    {SPF_RESULT_TEMPERROR, SPF_TEMPERROR},
    {SPF_RESULT_PERMERROR, SPF_PERMERROR},
};

static enum spf_result
map_result(SPF_errcode_t err, SPF_result_t result)
{
    if (err == SPF_E_DNS_ERROR || err == SPF_E_NO_MEMORY)
        return SPF_TEMPERROR;
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
        if (results[i].theirs == result)
            return results[i].ours;
    return SPF_PERMERROR; /* "(invalid)" above all */
}

static void
tell(struct judge *j, SPF_errcode_t err, const SPF_response_t *response)
{
    struct spf_reply *out = j->reply;
    static const char by_default[] = "default";

    out->asks = j->stop == STOP_ASK;
    if (j->stop == STOP_NOMEM)
        out->result = SPF_TEMPERROR;
    else if (j->stop == STOP_PERMERROR)
        out->result = SPF_PERMERROR;
    if (j->stop != STOP_NOT)
        return;
    out->result = map_result(err, response->result);
    if (response->reason == SPF_REASON_MECH && j->last != NULL)
        spf_printable(j->last->text, j->last->text_len, out->detail);
    else if (response->reason == SPF_REASON_DEFAULT)
        spf_printable(by_default, sizeof(by_default) - 1, out->detail);
    else if (out->result == SPF_PERMERROR || out->result == SPF_TEMPERROR)
        spf_printable(SPF_strerror(err), strlen(SPF_strerror(err)),
                      out->detail);
}

static bool
set_client(struct judge *j)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (j->ask->v6) {
        memcpy(&v6, j->ask->client, sizeof(v6));
        return SPF_request_set_ipv6(j->request, v6) == SPF_E_SUCCESS;
    }
    memcpy(&v4, j->ask->client, sizeof(v4));
    return SPF_request_set_ipv4(j->request, v4) == SPF_E_SUCCESS;
}

static bool
prepare(struct judge *j)
{
    const struct spf_request *ask = j->ask;

    return set_client(j) &&
           SPF_server_set_rec_dom(j->server, ask->receiver) == SPF_E_SUCCESS &&
           SPF_request_set_helo_dom(j->request, ask->helo) == SPF_E_SUCCESS &&
           SPF_request_set_env_from(j->request, ask->sender) == 0;
}

/* As SPF_request_query_mailfrom() does, which lets loopback clients pass. */
static SPF_errcode_t
query(struct judge *j, SPF_response_t *response)
{
    SPF_record_t *record = NULL;
    SPF_errcode_t err;

    j->request->cur_dom = j->request->env_from_dp;
    j->entering = true;
    err = SPF_server_get_record(j->server, j->request, response, &record);
    if (err == SPF_E_SUCCESS) {
        response->spf_record_exp = record;
        err = SPF_record_interpret(record, j->request, response, 0);
    }
    if (record != NULL)
        SPF_record_free(record);
    return err;
}

void
judge_run(struct judge *j, const struct spf_request *ask, struct spf_reply *out)
{
    SPF_response_t *response = NULL;
    SPF_errcode_t err = SPF_E_NO_MEMORY;

    *out = (struct spf_reply){.result = SPF_TEMPERROR};
    j->ask = ask;
    j->reply = out;
    j->stop = STOP_NOT;
    j->term = j->last = NULL;
    j->n = 0;
    j->request = SPF_request_new(j->server);
    if (j->request != NULL && prepare(j))
        response = SPF_response_new(j->request);
    if (response != NULL) {
        err = query(j, response);
        tell(j, err, response);
        SPF_response_free(response);
    }
    if (j->request != NULL)
        SPF_request_free(j->request);
    while (j->n > 0)
        record_clear(&j->frame[--j->n].record);
}

/* ----- making one */

static void
say_nothing(const char *file, int line, const char *text)
{
    (void)file;
    (void)line;
    (void)text;
}

enum ms_err
judge_create(struct judge **out)
{
    struct judge *j = calloc(1, sizeof(*j));
    SPF_response_t *response = NULL;
    SPF_errcode_t err = SPF_E_NO_MEMORY;

    if (j == NULL)
        return MS_NOMEM;
    SPF_warning_handler = SPF_info_handler = SPF_debug_handler = say_nothing;
    j->layer = (SPF_dns_server_t){
        .lookup = lookup, .get_spf = get_spf, .name = "answers", .hook = j};
    j->server = SPF_server_new_dns(&j->layer, 0);
    if (j->server != NULL) {
        (void)SPF_server_set_max_dns_mech(j->server, NO_LIMIT);
        /* expanded for each result; nobody reads it */
        err = SPF_server_set_explanation(j->server, "-", &response);
        if (response != NULL)
            SPF_response_free(response);
    }
    if (err != SPF_E_SUCCESS) {
        judge_destroy(j);
        return MS_NOMEM;
    }
    *out = j;
    return MS_OK;
}

void
judge_destroy(struct judge *j)
{
    if (j == NULL)
        return;
    if (j->server != NULL)
        SPF_server_free(j->server);
    free(j);
}
