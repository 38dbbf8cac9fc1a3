/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/puppet_dns.h"

#include <ctype.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>

enum {
    HEADER = 12,
    NAME = 256,      /* of a name, as text or on the wire */
    LONGEST = 65535, /* of a message */
    CALLERS = 32,    /* connections at one time */
    OLD_UDP = 512,   /* what a question without EDNS takes */
    BUCKETS = 1024,  /* of names that were asked for */
    TTL_S = 60
};

enum {
    TYPE_A = 1,
    TYPE_NS = 2,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_PTR = 12,
    TYPE_MX = 15,
    TYPE_TXT = 16,
    TYPE_AAAA = 28,
    TYPE_OPT = 41,
    TYPE_RRSIG = 46,
    TYPE_DNSKEY = 48,
    TYPE_SPF = 99,
    TYPE_ANY = 255
};

enum { NOERROR = 0, FORMERR = 1, SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5 };

enum fault {
    NO_FAULT,
    SILENT,
    LATE,
    ONLY_RCODE, /* number: which */
    NODATA,
    TRUNCATED,
    CUT,
    WRONG_ID,
    OTHER,
    GARBAGE,
    HALF,
    MANY,
    LONG
};

struct row {
    char name[NAME];
    unsigned type;
    enum fault fault;
    unsigned long number;
    uint32_t ttl_s;
    uint8_t *data;
    size_t length;
};

struct asked {
    struct asked *next;
    char name[NAME];
    unsigned type, n;
};

/* Whom an answer goes to: a socket address, or a connection. */
struct caller {
    int fd; /* -1: by UDP */
    unsigned long serial;
    struct sockaddr_in from;
};

struct later {
    struct later *next;
    int64_t due_ms;
    struct caller to;
    size_t length;
    uint8_t data[];
};

struct puppet_dns {
    int udp, tcp, stop;
    char server[32];
    pthread_t thread;
    pthread_mutex_t lock; /* guards these */
    struct row *row;
    size_t n_rows;
    struct asked *asked[BUCKETS];
    bool signs, spoils;
    char zone[NAME];
    uint8_t public[crypto_sign_PUBLICKEYBYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    /* the thread's own */
    unsigned long serials;
    struct caller caller[CALLERS];
    size_t n_callers;
    struct later *later;
};

struct message {
    size_t n;
    uint8_t data[LONGEST];
};

struct question {
    const uint8_t *data; /* the whole message */
    size_t length;
    size_t end; /* of its question */
    char name[NAME];
    unsigned type;
    bool edns, wants_signatures;
    size_t takes; /* octets by UDP */
};

static void *
keep(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static int64_t
now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ----- octets */

static unsigned
get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static void
put(struct message *m, const void *data, size_t length)
{
    if (length > sizeof(m->data) - m->n)
        abort();
    if (length > 0)
        memcpy(m->data + m->n, data, length);
    m->n += length;
}

static void
put8(struct message *m, unsigned value)
{
    uint8_t octet = (uint8_t)value;

    put(m, &octet, 1);
}

static void
put16(struct message *m, unsigned value)
{
    put8(m, value >> 8);
    put8(m, value);
}

static void
put32(struct message *m, uint32_t value)
{
    put16(m, value >> 16);
    put16(m, value);
}

static void
set16(struct message *m, size_t at, unsigned value)
{
    m->data[at] = (uint8_t)(value >> 8);
    m->data[at + 1] = (uint8_t)value;
}

/* "mail.example" or "mail.example.", in small letters; "." is the root. */
static void
put_name(struct message *m, const char *name)
{
    while (*name != '\0' && strcmp(name, ".") != 0) {
        size_t n = strcspn(name, ".");

        if (n == 0 || n > 63)
            abort();
        put8(m, (unsigned)n);
        for (size_t i = 0; i < n; i++)
            put8(m, (unsigned)tolower((unsigned char)name[i]));
        name += n + (name[n] == '.' ? 1 : 0);
    }
    put8(m, 0);
}

/* TEXT in strings of 255 octets. */
static void
put_text(struct message *m, const char *text, size_t length)
{
    do {
        size_t n = length < 255 ? length : 255;

        put8(m, (unsigned)n);
        put(m, text, n);
        text += n;
        length -= n;
    } while (length > 0);
}

/* "a" "b" */
static void
put_strings(struct message *m, const char *text)
{
    while (*text == '"') {
        size_t n = strcspn(++text, "\"");

        if (n > 255 || text[n] != '"')
            abort();
        put8(m, (unsigned)n);
        put(m, text, n);
        text += n + 1;
        text += strspn(text, " ");
    }
}

/* ----- rows */

static const struct {
    const char *word;
    unsigned type;
} types[] = {
    {"A", TYPE_A},     {"AAAA", TYPE_AAAA}, {"CNAME", TYPE_CNAME},
    {"MX", TYPE_MX},   {"NS", TYPE_NS},     {"PTR", TYPE_PTR},
    {"TXT", TYPE_TXT}, {"SPF", TYPE_SPF},   {"*", 0},
};

static const struct {
    const char *word;
    enum fault fault;
    unsigned number;
} faults[] = {
    {"silent", SILENT, 0},
    {"late", LATE, 0},
    {"servfail", ONLY_RCODE, SERVFAIL},
    {"refused", ONLY_RCODE, REFUSED},
    {"nxdomain", ONLY_RCODE, NXDOMAIN},
    {"formerr", ONLY_RCODE, FORMERR},
    {"nodata", NODATA, 0},
    {"truncated", TRUNCATED, 0},
    {"cut", CUT, 0},
    {"id", WRONG_ID, 0},
    {"other", OTHER, 0},
    {"garbage", GARBAGE, 0},
    {"half", HALF, 0},
    {"many", MANY, 0},
    {"long", LONG, 0},
};

static unsigned
type_of(const char *word)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].word, word) == 0)
            return types[i].type;
    abort();
}

static void
read_fault(struct row *row, const char *text)
{
    size_t n = strcspn(text, " ");

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (strlen(faults[i].word) == n &&
            strncmp(faults[i].word, text, n) == 0) {
            row->fault = faults[i].fault;
            row->number = faults[i].number;
            if (text[n] == ' ')
                row->number = strtoul(text + n, NULL, 10);
            return;
        }
    abort();
}

static void
put_address(struct message *m, int family, const char *text)
{
    uint8_t octets[16];

    if (inet_pton(family, text, octets) != 1)
        abort();
    put(m, octets, family == AF_INET ? 4 : 16);
}

static void
put_data(struct message *m, unsigned type, const char *text)
{
    char *end;

    switch (type) {
    case TYPE_A:
        put_address(m, AF_INET, text);
        break;
    case TYPE_AAAA:
        put_address(m, AF_INET6, text);
        break;
    case TYPE_MX:
        put16(m, (unsigned)strtoul(text, &end, 10));
        put_name(m, end + strspn(end, " "));
        break;
    case TYPE_TXT:
    case TYPE_SPF:
        if (text[0] == '"')
            put_strings(m, text);
        else
            put_text(m, text, strlen(text));
        break;
    default:
        put_name(m, text);
    }
}

static void
copy_name(char out[NAME], const char *name, size_t length)
{
    if (length >= NAME)
        abort();
    for (size_t i = 0; i < length; i++)
        out[i] = (char)tolower((unsigned char)name[i]);
    out[length] = '\0';
}

static void
add_row(struct puppet_dns *dns, const struct row *row)
{
    (void)pthread_mutex_lock(&dns->lock);
    dns->row = keep(realloc(dns->row, (dns->n_rows + 1) * sizeof(dns->row[0])));
    dns->row[dns->n_rows++] = *row;
    (void)pthread_mutex_unlock(&dns->lock);
}

static void
set_data(struct row *row, const void *data, size_t length)
{
    row->data = keep(malloc(length + 1));
    if (length > 0)
        memcpy(row->data, data, length);
    row->length = length;
}

void
puppet_dns_add_ttl(struct puppet_dns *dns, const char *line, uint32_t ttl_s)
{
    struct row row = {.ttl_s = ttl_s};
    size_t n = strcspn(line, " "), m;
    char word[8] = "";

    copy_name(row.name, line, n);
    line += n + strspn(line + n, " ");
    m = strcspn(line, " ");
    if (m >= sizeof(word))
        abort();
    memcpy(word, line, m);
    row.type = type_of(word);
    line += m + strspn(line + m, " ");
    if (line[0] == '!')
        read_fault(&row, line + 1);
    else {
        struct message *data = keep(calloc(1, sizeof(*data)));

        put_data(data, row.type, line);
        set_data(&row, data->data, data->n);
        free(data);
    }
    add_row(dns, &row);
}

void
puppet_dns_add(struct puppet_dns *dns, const char *line)
{
    puppet_dns_add_ttl(dns, line, TTL_S);
}

void
puppet_dns_add_raw(struct puppet_dns *dns, const char *name, unsigned type,
                   const void *data, size_t length)
{
    struct row row = {.type = type, .ttl_s = TTL_S};

    copy_name(row.name, name, strlen(name));
    set_data(&row, data, length);
    add_row(dns, &row);
}

void
puppet_dns_clear(struct puppet_dns *dns, const char *name)
{
    size_t n = 0;

    (void)pthread_mutex_lock(&dns->lock);
    for (size_t i = 0; i < dns->n_rows; i++)
        if (name == NULL || strcasecmp(dns->row[i].name, name) == 0)
            free(dns->row[i].data);
        else
            dns->row[n++] = dns->row[i];
    dns->n_rows = n;
    (void)pthread_mutex_unlock(&dns->lock);
}

/* How well ROW's name is NAME: its length, more where it is the same. */
static size_t
fits(const struct row *row, const char *name)
{
    size_t n = strlen(row->name), m = strlen(name);

    if (strcmp(row->name, name) == 0)
        return NAME;
    if (row->name[0] == '*' && n - 1 <= m &&
        strcmp(row->name + 1, name + m - (n - 1)) == 0)
        return n;
    return 0;
}

/* The name whose rows answer for NAME; NULL: there is none. */
static const char *
owner_locked(const struct puppet_dns *dns, const char *name)
{
    const char *owner = NULL;
    size_t best = 0;

    for (size_t i = 0; i < dns->n_rows; i++) {
        size_t fit = fits(&dns->row[i], name);

        if (fit > best) {
            best = fit;
            owner = dns->row[i].name;
        }
    }
    return owner;
}

/* Is there a name below NAME? */
static bool
has_below_locked(const struct puppet_dns *dns, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < dns->n_rows; i++) {
        size_t m = strlen(dns->row[i].name);

        if (m > n && dns->row[i].name[m - n - 1] == '.' &&
            strcmp(dns->row[i].name + m - n, name) == 0)
            return true;
    }
    return false;
}

static const struct row *
fault_locked(const struct puppet_dns *dns, const char *owner, unsigned type)
{
    for (size_t i = 0; i < dns->n_rows; i++) {
        const struct row *row = &dns->row[i];

        if (row->fault != NO_FAULT && strcmp(row->name, owner) == 0 &&
            (row->type == 0 || row->type == type))
            return row;
    }
    return NULL;
}

/* ----- questions */

/* A name as text from AT on; where it ends, 0: nowhere. */
static size_t
read_name(const uint8_t *data, size_t length, size_t at, char out[NAME])
{
    size_t n = 0;

    while (at < length && data[at] != 0) {
        size_t label = data[at++];

        if (label > 63 || label > length - at || n + label + 2 > NAME)
            return 0;
        if (n > 0)
            out[n++] = '.';
        for (size_t i = 0; i < label; i++)
            out[n++] = (char)tolower(data[at + i]);
        at += label;
    }
    out[n] = '\0';
    return at < length ? at + 1 : 0;
}

static bool
read_question(const uint8_t *data, size_t length, struct question *q)
{
    size_t at;

    *q = (struct question){.data = data, .length = length, .takes = OLD_UDP};
    if (length < HEADER || get16(data + 4) != 1)
        return false;
    at = read_name(data, length, HEADER, q->name);
    if (at == 0 || length - at < 4)
        return false;
    q->type = get16(data + at);
    q->end = at + 4;
    if (length - q->end >= 11 && data[q->end] == 0 &&
        get16(data + q->end + 1) == TYPE_OPT) {
        q->edns = true;
        q->takes = get16(data + q->end + 3);
        q->wants_signatures = (data[q->end + 7] & 0x80) != 0;
    }
    return true;
}

static struct asked **
bucket(struct puppet_dns *dns, const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return &dns->asked[hash % BUCKETS];
}

static void
count(struct puppet_dns *dns, const struct question *q)
{
    struct asked **first = bucket(dns, q->name), *asked;

    (void)pthread_mutex_lock(&dns->lock);
    asked = *first;
    while (asked != NULL &&
           (asked->type != q->type || strcmp(asked->name, q->name) != 0))
        asked = asked->next;
    if (asked == NULL) {
        asked = keep(calloc(1, sizeof(*asked)));
        asked->type = q->type;
        memcpy(asked->name, q->name, sizeof(q->name));
        asked->next = *first;
        *first = asked;
    }
    asked->n++;
    (void)pthread_mutex_unlock(&dns->lock);
}

unsigned
puppet_dns_asked(struct puppet_dns *dns, const char *name, unsigned type)
{
    unsigned n = 0;

    (void)pthread_mutex_lock(&dns->lock);
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct asked *a = dns->asked[i]; a != NULL; a = a->next)
            if ((name == NULL || strcasecmp(a->name, name) == 0) &&
                (type == 0 || a->type == type))
                n += a->n;
    (void)pthread_mutex_unlock(&dns->lock);
    return n;
}

static void
forget_asked(struct puppet_dns *dns)
{
    for (size_t i = 0; i < BUCKETS; i++)
        while (dns->asked[i] != NULL) {
            struct asked *next = dns->asked[i]->next;

            free(dns->asked[i]);
            dns->asked[i] = next;
        }
}

/* ----- signatures: RFC 4034, Ed25519 (RFC 8080) */

struct piece {
    const uint8_t *data;
    size_t length;
};

/* Records of one name and type. */
struct set {
    const char *name;
    unsigned type;
    uint32_t ttl_s;
    size_t n;
    struct piece record[16];
};

static void
put_key(struct message *m, const struct puppet_dns *dns)
{
    put16(m, 257);
    put8(m, 3);
    put8(m, 15);
    put(m, dns->public, sizeof(dns->public));
}

static unsigned
key_tag(const struct puppet_dns *dns)
{
    struct message *key = keep(calloc(1, sizeof(*key)));
    uint32_t sum = 0;

    put_key(key, dns);
    for (size_t i = 0; i < key->n; i++)
        sum += (i & 1) != 0 ? key->data[i] : (uint32_t)key->data[i] << 8;
    free(key);
    return (sum + (sum >> 16)) & 0xffff;
}

static unsigned
labels(const char *name)
{
    unsigned n = 1;

    for (; *name != '\0'; name++)
        n += *name == '.';
    return n;
}

static int
by_octets(const void *left, const void *right)
{
    const struct piece *a = left, *b = right;
    int order =
        memcmp(a->data, b->data, a->length < b->length ? a->length : b->length);

    return order != 0 ? order
                      : (a->length > b->length) - (a->length < b->length);
}

static void
put_set(struct message *m, struct set *set)
{
    qsort(set->record, set->n, sizeof(set->record[0]), by_octets);
    for (size_t i = 0; i < set->n; i++) {
        put_name(m, set->name);
        put16(m, set->type);
        put16(m, 1);
        put32(m, set->ttl_s);
        put16(m, (unsigned)set->record[i].length);
        put(m, set->record[i].data, set->record[i].length);
    }
}

/* RDATA of the signature of SET. */
static void
put_signature(struct message *m, const struct puppet_dns *dns, struct set *set)
{
    struct message *text = keep(calloc(1, sizeof(*text)));
    uint8_t signature[crypto_sign_BYTES];
    uint32_t now = (uint32_t)time(NULL);

    put16(text, set->type);
    put8(text, 15);
    put8(text, labels(set->name));
    put32(text, set->ttl_s);
    put32(text, now + 86400);
    put32(text, now - 86400);
    put16(text, key_tag(dns));
    put_name(text, dns->zone);
    put(m, text->data, text->n);
    put_set(text, set);
    if (crypto_sign_detached(signature, NULL, text->data, text->n,
                             dns->secret) != 0)
        abort();
    if (dns->spoils)
        signature[0] ^= 1;
    put(m, signature, sizeof(signature));
    free(text);
}

static bool
is_signed(const struct puppet_dns *dns, const char *name)
{
    size_t n = strlen(dns->zone), m = strlen(name);

    return dns->signs && m >= n && strcmp(name + m - n, dns->zone) == 0 &&
           (m == n || name[m - n - 1] == '.');
}

void
puppet_dns_sign(struct puppet_dns *dns, const char *zone,
                char out[PUPPET_DNS_ANCHOR])
{
    char key[64];

    if (sodium_init() < 0)
        abort();
    (void)pthread_mutex_lock(&dns->lock);
    (void)crypto_sign_keypair(dns->public, dns->secret);
    copy_name(dns->zone, zone, strlen(zone));
    dns->signs = true;
    (void)sodium_bin2base64(key, sizeof(key), dns->public, sizeof(dns->public),
                            sodium_base64_VARIANT_ORIGINAL);
    if (snprintf(out, PUPPET_DNS_ANCHOR, "%s. IN DNSKEY 257 3 15 %s\n", zone,
                 key) >= PUPPET_DNS_ANCHOR)
        abort();
    (void)pthread_mutex_unlock(&dns->lock);
}

void
puppet_dns_spoil(struct puppet_dns *dns)
{
    (void)pthread_mutex_lock(&dns->lock);
    dns->spoils = true;
    (void)pthread_mutex_unlock(&dns->lock);
}

/* ----- answers */

static void
begin(struct message *m, const struct question *q, unsigned rcode)
{
    m->n = 0;
    put(m, q->data, 2);
    put16(m, 0x8180 | rcode); /* an answer; recursion wished and done */
    put16(m, 1);
    put16(m, 0);
    put16(m, 0);
    put16(m, 0);
    put(m, q->data + HEADER, q->end - HEADER);
}

static void
bump(struct message *m, size_t at)
{
    set16(m, at, get16(m->data + at) + 1);
}

/* A record of the name that was asked for. */
static void
put_record(struct message *m, unsigned type, uint32_t ttl_s,
           const uint8_t *data, size_t length)
{
    put16(m, 0xc00c);
    put16(m, type);
    put16(m, 1);
    put32(m, ttl_s);
    put16(m, (unsigned)length);
    put(m, data, length);
    bump(m, 6);
}

/* What lets a "no" be kept: the root's start of authority. */
static void
put_soa(struct message *m)
{
    size_t at;

    put_name(m, ".");
    put16(m, TYPE_SOA);
    put16(m, 1);
    put32(m, TTL_S);
    at = m->n;
    put16(m, 0);
    put_name(m, ".");
    put_name(m, ".");
    for (unsigned i = 0; i < 5; i++)
        put32(m, TTL_S);
    set16(m, at, (unsigned)(m->n - at - 2));
    bump(m, 8);
}

static void
put_edns(struct message *m, const struct question *q)
{
    if (!q->edns)
        return;
    put_name(m, ".");
    put16(m, TYPE_OPT);
    put16(m, 1232);
    put32(m, q->wants_signatures ? 0x8000 : 0);
    put16(m, 0);
    bump(m, 10);
}

static void
put_signed(struct message *m, const struct puppet_dns *dns,
           const struct question *q, struct set *set)
{
    struct message *data;

    if (!q->wants_signatures || !is_signed(dns, q->name) || set->n == 0)
        return;
    data = keep(calloc(1, sizeof(*data)));
    put_signature(data, dns, set);
    put_record(m, TYPE_RRSIG, set->ttl_s, data->data, data->n);
    free(data);
}

/* The records of TYPE, signed; whether there are any. */
static bool
put_rows_locked(struct message *m, const struct puppet_dns *dns,
                const struct question *q, const char *owner, unsigned type)
{
    struct set set = {.name = q->name, .type = type};
    unsigned n = 0;

    for (size_t i = 0; i < dns->n_rows; i++) {
        const struct row *row = &dns->row[i];

        if (row->fault != NO_FAULT || row->type != type ||
            strcmp(row->name, owner) != 0)
            continue;
        put_record(m, type, row->ttl_s, row->data, row->length);
        n++;
        if (set.n == sizeof(set.record) / sizeof(set.record[0]))
            continue;
        set.ttl_s = row->ttl_s;
        set.record[set.n].data = row->data;
        set.record[set.n++].length = row->length;
    }
    put_signed(m, dns, q, &set);
    return n > 0;
}

static bool
put_own_key_locked(struct message *m, const struct puppet_dns *dns,
                   const struct question *q)
{
    struct set set = {.name = q->name, .type = TYPE_DNSKEY, .ttl_s = TTL_S};
    struct message *key;

    if (!dns->signs || q->type != TYPE_DNSKEY ||
        strcmp(q->name, dns->zone) != 0)
        return false;
    key = keep(calloc(1, sizeof(*key)));
    put_key(key, dns);
    put_record(m, TYPE_DNSKEY, TTL_S, key->data, key->n);
    set.n = 1;
    set.record[0].data = key->data;
    set.record[0].length = key->n;
    put_signed(m, dns, q, &set);
    free(key);
    return true;
}

/* The answer that is true. */
static void
answer_locked(struct message *m, const struct puppet_dns *dns,
              const struct question *q, const char *owner)
{
    bool found;

    begin(m, q, NOERROR);
    found = put_own_key_locked(m, dns, q);
    if (!found && owner != NULL)
        found = put_rows_locked(m, dns, q, owner, q->type) ||
                put_rows_locked(m, dns, q, owner, TYPE_CNAME);
    if (!found) {
        if (owner == NULL && !has_below_locked(dns, q->name))
            m->data[3] |= NXDOMAIN;
        put_soa(m);
    }
    put_edns(m, q);
}

static void
put_many(struct message *m, const struct question *q, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++) {
        uint8_t data[24];
        int length = 4;

        if (q->type == TYPE_TXT) {
            length = snprintf((char *)data + 1, sizeof(data) - 1, "%lu", i + 1);
            data[0] = (uint8_t)length++;
        } else {
            uint32_t address = htonl((uint32_t)(0x0a000001 + i));

            memcpy(data, &address, sizeof(address));
        }
        put_record(m, q->type, TTL_S, data, (size_t)length);
    }
}

static void
put_long(struct message *m, unsigned long length)
{
    struct message *data = keep(calloc(1, sizeof(*data)));
    char *text = keep(malloc(length + 1));

    memset(text, 'x', length + 1);
    put_text(data, text, length);
    put_record(m, TYPE_TXT, TTL_S, data->data, data->n);
    free(text);
    free(data);
}

/* What becomes of the true answer M.  False: none goes out. */
static bool
spoil(struct message *m, const struct question *q, const struct row *row,
      bool by_udp)
{
    switch (row->fault) {
    case NO_FAULT:
    case LATE:
        return true;
    case SILENT:
        return false;
    case ONLY_RCODE:
        begin(m, q, (unsigned)row->number);
        if (row->number == NXDOMAIN)
            put_soa(m);
        put_edns(m, q);
        return true;
    case NODATA:
        begin(m, q, NOERROR);
        put_soa(m);
        put_edns(m, q);
        return true;
    case TRUNCATED:
    case CUT:
        if (by_udp) {
            begin(m, q, NOERROR);
            m->data[2] |= 0x02;
        }
        return by_udp || row->fault == TRUNCATED;
    case WRONG_ID:
        m->data[1] ^= 0x55;
        return true;
    case OTHER:
        m->data[HEADER + 1] ^= 0x01;
        return true;
    case GARBAGE:
        memset(m->data + 2, 0xff, m->n - 2);
        return true;
    case HALF:
        m->n -= m->n > HEADER + 3 ? 3 : 0;
        return true;
    case MANY:
        begin(m, q, NOERROR);
        put_many(m, q, row->number);
        put_edns(m, q);
        return true;
    case LONG:
        begin(m, q, NOERROR);
        put_long(m, row->number);
        put_edns(m, q);
        return true;
    }
    return true;
}

struct fate {
    bool goes_out, hangs_up;
    int64_t late_ms;
};

static struct fate
answer(struct puppet_dns *dns, const struct question *q, bool by_udp,
       struct message *m)
{
    struct fate fate = {.goes_out = true};
    const struct row *row = NULL;
    const char *owner;

    (void)pthread_mutex_lock(&dns->lock);
    owner = owner_locked(dns, q->name);
    answer_locked(m, dns, q, owner);
    if (owner != NULL)
        row = fault_locked(dns, owner, q->type);
    if (row != NULL) {
        fate.goes_out = spoil(m, q, row, by_udp);
        fate.hangs_up = row->fault == CUT && !by_udp;
        if (row->fault == LATE)
            fate.late_ms = (int64_t)row->number;
    }
    (void)pthread_mutex_unlock(&dns->lock);
    if (by_udp && m->n > q->takes) {
        begin(m, q, NOERROR);
        m->data[2] |= 0x02;
    }
    return fate;
}

/* ----- the thread */

static const struct caller *
find_caller(const struct puppet_dns *dns, unsigned long serial)
{
    for (size_t i = 0; i < dns->n_callers; i++)
        if (dns->caller[i].serial == serial)
            return &dns->caller[i];
    return NULL;
}

static void
send_to(struct puppet_dns *dns, const struct caller *to, const uint8_t *data,
        size_t length)
{
    uint8_t size[2] = {(uint8_t)(length >> 8), (uint8_t)length};

    if (to->fd < 0) {
        (void)sendto(dns->udp, data, length, 0,
                     (const struct sockaddr *)&to->from, sizeof(to->from));
        return;
    }
    if (find_caller(dns, to->serial) == NULL)
        return;
    if (send(to->fd, size, 2, MSG_NOSIGNAL | MSG_MORE) == 2)
        (void)send(to->fd, data, length, MSG_NOSIGNAL);
}

static void
put_off(struct puppet_dns *dns, const struct caller *to,
        const struct message *m, int64_t late_ms)
{
    struct later *later = keep(malloc(sizeof(*later) + m->n));

    later->due_ms = now_ms() + late_ms;
    later->to = *to;
    later->length = m->n;
    memcpy(later->data, m->data, m->n);
    later->next = dns->later;
    dns->later = later;
}

/* False: CALLER is to be hung up on. */
static bool
serve(struct puppet_dns *dns, const struct caller *caller, const uint8_t *data,
      size_t length)
{
    struct message *m;
    struct question q;
    struct fate fate;

    if (!read_question(data, length, &q))
        return caller->fd < 0;
    count(dns, &q);
    m = keep(malloc(sizeof(*m)));
    fate = answer(dns, &q, caller->fd < 0, m);
    if (fate.goes_out && fate.late_ms > 0)
        put_off(dns, caller, m, fate.late_ms);
    else if (fate.goes_out)
        send_to(dns, caller, m->data, m->n);
    free(m);
    return !fate.hangs_up;
}

static void
serve_udp(struct puppet_dns *dns)
{
    struct caller caller = {.fd = -1};
    socklen_t size = sizeof(caller.from);
    uint8_t data[1024];
    ssize_t n = recvfrom(dns->udp, data, sizeof(data), MSG_DONTWAIT,
                         (struct sockaddr *)&caller.from, &size);

    if (n > 0)
        (void)serve(dns, &caller, data, (size_t)n);
}

static void
take_caller(struct puppet_dns *dns)
{
    int fd = accept(dns->tcp, NULL, NULL);

    if (fd < 0)
        return;
    if (dns->n_callers == CALLERS) {
        (void)close(fd);
        return;
    }
    dns->caller[dns->n_callers++] =
        (struct caller){.fd = fd, .serial = ++dns->serials};
}

/* A question is one write, so it comes at once. */
static bool
serve_caller(struct puppet_dns *dns, const struct caller *caller)
{
    uint8_t size[2], data[1024];
    size_t n;

    if (recv(caller->fd, size, 2, MSG_WAITALL) != 2)
        return false;
    n = get16(size);
    return n <= sizeof(data) &&
           recv(caller->fd, data, n, MSG_WAITALL) == (ssize_t)n &&
           serve(dns, caller, data, n);
}

static void
drop_caller(struct puppet_dns *dns, size_t i)
{
    (void)close(dns->caller[i].fd);
    dns->caller[i] = dns->caller[--dns->n_callers];
}

static int
send_due(struct puppet_dns *dns)
{
    int64_t now = now_ms(), next = now + 60000;

    for (struct later **at = &dns->later; *at != NULL;) {
        struct later *later = *at;

        if (later->due_ms <= now) {
            *at = later->next;
            send_to(dns, &later->to, later->data, later->length);
            free(later);
            continue;
        }
        if (later->due_ms < next)
            next = later->due_ms;
        at = &later->next;
    }
    return (int)(next - now);
}

static bool
turn(struct puppet_dns *dns)
{
    struct pollfd polled[3 + CALLERS] = {
        {.fd = dns->stop, .events = POLLIN},
        {.fd = dns->udp, .events = POLLIN},
        {.fd = dns->tcp, .events = POLLIN},
    };
    size_t n = dns->n_callers;

    for (size_t i = 0; i < n; i++)
        polled[3 + i] =
            (struct pollfd){.fd = dns->caller[i].fd, .events = POLLIN};
    if (poll(polled, 3 + n, send_due(dns)) < 0 || polled[0].revents != 0)
        return false;
    for (size_t i = n; i > 0; i--)
        if (polled[2 + i].revents != 0 &&
            !serve_caller(dns, &dns->caller[i - 1]))
            drop_caller(dns, i - 1);
    if (polled[1].revents != 0)
        serve_udp(dns);
    if (polled[2].revents != 0)
        take_caller(dns);
    return true;
}

static void *
run(void *arg)
{
    while (turn(arg))
        ;
    return NULL;
}

/* ----- the whole */

/* Both sockets on one port that is free for both. */
static void
open_sockets(struct puppet_dns *dns)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t size = sizeof(sin);

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (unsigned tries = 0; tries < 64; tries++) {
        sin.sin_port = 0;
        dns->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        dns->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (dns->udp >= 0 && dns->tcp >= 0 &&
            bind(dns->udp, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
            getsockname(dns->udp, (struct sockaddr *)&sin, &size) == 0 &&
            bind(dns->tcp, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
            listen(dns->tcp, CALLERS) == 0) {
            (void)snprintf(dns->server, sizeof(dns->server), "127.0.0.1@%u",
                           (unsigned)ntohs(sin.sin_port));
            return;
        }
        (void)close(dns->udp);
        (void)close(dns->tcp);
    }
    abort();
}

struct puppet_dns *
puppet_dns_start(void)
{
    struct puppet_dns *dns = keep(calloc(1, sizeof(*dns)));

    (void)pthread_mutex_init(&dns->lock, NULL);
    open_sockets(dns);
    dns->stop = eventfd(0, EFD_CLOEXEC);
    if (dns->stop < 0 || pthread_create(&dns->thread, NULL, run, dns) != 0)
        abort();
    return dns;
}

void
puppet_dns_stop(struct puppet_dns *dns)
{
    if (dns == NULL)
        return;
    if (eventfd_write(dns->stop, 1) != 0)
        abort();
    (void)pthread_join(dns->thread, NULL);
    while (dns->n_callers > 0)
        drop_caller(dns, 0);
    while (dns->later != NULL) {
        struct later *next = dns->later->next;

        free(dns->later);
        dns->later = next;
    }
    puppet_dns_clear(dns, NULL);
    (void)close(dns->udp);
    (void)close(dns->tcp);
    (void)close(dns->stop);
    (void)pthread_mutex_destroy(&dns->lock);
    free(dns->row);
    forget_asked(dns);
    free(dns);
}

const char *
puppet_dns_server(const struct puppet_dns *dns)
{
    return dns->server;
}
