/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config.h - the configuration: an immutable snapshot, made whole or
 * not at all, counted by those who use it.
 */
#ifndef MORTSAFE_POLICY_CONFIG_H
#define MORTSAFE_POLICY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "policy/charge.h"
#include "policy/clock.h"
#include "policy/domains.h"
#include "policy/endpoint.h"
#include "policy/err.h"
#include "policy/listmask.h"
#include "policy/nettree.h"
#include "policy/option_block.h"
#include "policy/rate.h"
#include "policy/subject.h"
#include "policy/table.h"

enum mode { MODE_UNSET, MODE_OBSERVE, MODE_ENFORCE };
enum on_error { ON_ERROR_TEMPFAIL, ON_ERROR_ACCEPT };
enum relay_right { RELAY_DOMAINS, RELAY_ANY, RELAY_NONE };
enum auth_rule { AUTH_UNSET, AUTH_FORBID, AUTH_ALLOW, AUTH_REQUIRE };
enum tls_rule { TLS_UNSET, TLS_ALLOW, TLS_REQUIRE };
enum sender_rule { SENDER_ANY, SENDER_OWNED };
enum network_class {
    CLASS_PERSON,
    CLASS_OFFICE,
    CLASS_SERVER,
    CLASS_GATEWAY,
    CLASS_LIST,
    CLASS_UNSET
};
enum metric {
    METRIC_CONNECTIONS,
    METRIC_MESSAGES,
    METRIC_RECIPIENTS,
    METRIC_EXTERNAL,
    METRIC_BAD_RECIPIENTS,
    METRIC_BYTES,
    METRICS
};
enum limit_action { LIMIT_DEFER, LIMIT_REJECT, LIMIT_HOLD };
enum limit_scope { SCOPE_FLEET, SCOPE_HOST };
enum zombie_action { ZOMBIE_REJECT, ZOMBIE_DEFER, ZOMBIE_HOLD };
enum zombie_throttle { ZOMBIE_THROTTLE_DEFER, ZOMBIE_THROTTLE_HOLD };
/* What is done about an answer of the DNS; EVIDENCE: marked, and spam to the
 * detector. */
enum lookup_action {
    LOOKUP_IGNORE,
    LOOKUP_MARK,
    LOOKUP_EVIDENCE,
    LOOKUP_DEFER,
    LOOKUP_REJECT
};
/* Header fields that tell of SPF, as the grammar's words stand for them. */
enum spf_header { SPF_HEADER_RESULTS = 1, SPF_HEADER_RECEIVED = 2 };
enum store_type { STORE_EMBEDDED, STORE_MEMORY, STORE_REDIS };
enum log_to { LOG_TO_SYSLOG, LOG_TO_STDERR };
enum log_format { LOG_TEXT, LOG_JSON };

/* Kinds of sessions, as bits for `in =`. */
enum session_kind {
    KIND_STRANGER = 1,
    KIND_RELAY = 2,
    KIND_LOGIN = 4,
    KIND_LOCAL = 8 /* mail that does not come by SMTP */
};

/* What a group may do over the API, as bits.  ALL includes the others. */
enum api_right {
    API_READ = 1,    /* look at anything */
    API_RESET = 2,   /* empty counts */
    API_RELEASE = 4, /* exempt, raise; let out of quarantine */
    API_ALL = 8      /* all there is: mode, reload, forget, export, audit */
};

enum { CONFIG_SERVERS = 16 }; /* of one store that can be named */

/* Where something was written; FILE is NULL for a built-in. */
struct origin {
    const char *file;
    unsigned line, column;
};

struct network {
    char *name;
    size_t index; /* in config->networks */
    enum relay_right relay;
    char **senders; /* `sender =` patterns, lower case: "a@b", ".b", "b" */
    size_t n_senders;
    enum network_class class;
    bool port25_closed;
    bool dynamic;
    enum auth_rule auth; /* UNSET: the listener's */
    enum tls_rule tls;
    enum mode mode;
    bool has_until;
    struct wall until; /* first second behind that UTC day; from then on MODE
                          has lapsed */
    struct origin origin;
};

struct listener {
    char *name;
    size_t index; /* in config->listeners; also its bit in `on =` masks */
    uint16_t *ports;
    size_t n_ports;
    char **names; /* values of {daemon_name}, compared without case */
    size_t n_names;
    enum auth_rule auth;
    enum tls_rule tls;
    enum sender_rule sender;
    bool skip;
    uint8_t *from; /* with skip: a byte a network, 1 = skipped */
    enum mode mode;
    struct origin origin;
};

/* Which part of a limit's key, and how wide its prefix is. */
struct limit_key {
    enum subject_kind kind;
    uint8_t len4, len6; /* of SUBJECT_PREFIX (default /24, /56) and of
                           SUBJECT_CLIENT (/32, /64) */
};

/* Limits for newcomers: a rate until this age.  The first whose age is not over
 * takes the place of the limit's larger one over its span, or joins the others.
 */
struct warmup {
    struct rate rate;
    uint64_t for_s;
};
enum { LIMIT_WARMUPS = 4 };

struct limit {
    char *name;
    size_t index; /* in config->limits */
    struct limit_key key[2];
    size_t n_keys; /* 1, or 2 for a pair */
    enum metric count;
    struct rates rates;
    struct table *rates_table; /* `rates =`: values are lists of rates that
                                  have been checked; NULL: none */
    size_t windows;    /* most rates of one subject, the table's included */
    struct table *map; /* subject to tenant; NULL: none.  `cidr:` where
                          the first key is client or prefix */
    enum limit_action action;
    enum mode mode;
    enum limit_scope scope;
    enum charge_fallback fallback;       /* `on_store_error`, or the store's */
    unsigned warn_percent;               /* 0: no warning */
    struct warmup warmup[LIMIT_WARMUPS]; /* youngest first */
    size_t n_warmups;
    struct table *since; /* subject to the date since when it is known; NULL:
                            none */
    uint64_t on;         /* bits of listeners */
    uint8_t *in;         /* [0]: no network, [1 + i]: network i; a set of
                            enum session_kind for which the limit holds */
    bool in_loopback;    /* `in =` names the network loopback */
    uint64_t id;         /* of name, key, metric and scope */
    struct origin origin;
};

/* Who of a zombie's people is told, as bits. */
enum zombie_notify { NOTIFY_OWNER = 1, NOTIFY_POSTMASTER = 2 };

enum { ZOMBIE_LIFTS = 8, VERDICT_HEADERS = 8 };

struct zombie {
    char *name;
    size_t index; /* in config->zombies */
    struct limit_key key[2];
    size_t n_keys;
    uint64_t on;
    uint8_t *in;
    bool in_loopback;
    enum zombie_action action; /* `quarantine =`; of a user reject, else
                                  defer */
    enum zombie_throttle throttle;
    enum network_class class; /* UNSET: of the exemption, table, network */
    unsigned watch, throttle_at, quarantine_at; /* decibels */
    uint64_t learn_s, probation_s;
    uint64_t lift_s[ZOMBIE_LIFTS]; /* of the first, second ... quarantine; the
                                      last goes for all that follow; 0: never */
    size_t n_lifts;                /* 0: never */
    bool self_release;
    unsigned notify; /* bits of enum zombie_notify */
    enum mode mode;  /* OBSERVE unless written */
    uint64_t id;     /* of name and key */
    struct origin origin;
};

enum { DNSBL_LISTS = 16, DNSBL_MASKS = 16, RESOLVER_SERVERS = 8 /* at most */ };

struct dnsbl {
    char *name;
    size_t index; /* in config->dnsbls */
    char *zone;   /* without its last dot, lower case */
    struct listmask match[DNSBL_MASKS];
    size_t n_match;            /* 0: any code that is no error */
    uint64_t on;               /* bits of listeners */
    enum lookup_action action; /* not IGNORE */
    enum mode mode;            /* UNSET: the session's */
    bool ipv4, ipv6;           /* which clients it knows of */
    unsigned timeout_ms;
    struct origin origin;
};

enum exempt_key {
    EXEMPT_USER,
    EXEMPT_SENDER,
    EXEMPT_DOMAIN,
    EXEMPT_CLIENT,
    EXEMPT_NETWORK,
    EXEMPT_KEYS
};

/* All keys that are written must match, each by one of its values. */
struct exempt {
    char *name;
    char **values[EXEMPT_KEYS]; /* canonical; not for EXEMPT_CLIENT */
    size_t n_values[EXEMPT_KEYS];
    struct nettree *clients;  /* of EXEMPT_CLIENT */
    bool skip_all;            /* skip = limits */
    uint8_t *skip;            /* a byte a limit */
    bool skip_zombies;        /* skip = zombies */
    bool skip_spf;            /* skip = spf */
    bool skip_dnsbls;         /* skip = dnsbl */
    uint8_t *skip_dnsbl;      /* a byte a list: skip = dnsbl.NAME */
    uint8_t *skip_zombie;     /* a byte a zombie rule: skip = zombie.NAME */
    enum network_class class; /* what they are, for the detector; UNSET */
    bool has_until;
    struct wall until;
    char *note;
    struct origin origin;
};

/* `reply RULE { text = "..." }` */
struct reply_text {
    char *rule; /* "relay.denied", "limit.user" */
    char *text; /* with {recipient} {sender} {used} {limit} {span} {retry}
                   {ref} {client} {user} {help} {domain} {list} */
    struct origin origin;
};

/* `group NAME { may = ... }` of the API. */
struct api_group {
    char *name;   /* of a group of this machine */
    unsigned may; /* bits of enum api_right */
    struct origin origin;
};

struct config {
    unsigned refs; /* guarded by whoever shares the snapshot */
    enum mode mode;
    enum on_error on_error;
    unsigned sessions;
    char *socket;
    unsigned socket_mode;
    char *socket_group; /* NULL: leave */
    char *user;         /* NULL: none written */

    bool users_fold;
    char *users_default_domain; /* NULL: none */

    struct network **networks;
    size_t n_networks;
    struct nettree *nets;     /* prefix to network index */
    struct network *loopback; /* the network of that name, or NULL */

    struct domains *domains;

    struct listener **listeners;
    size_t n_listeners;
    struct listener *mx, *submissions, *submission, *local; /* built in */

    struct table *owners; /* NULL: none */

    struct limit **limits;
    size_t n_limits;
    struct limit *postmaster; /* the limit that passes; not in `limits`;
                                 NULL if it is off */
    bool counts_bytes;        /* some limit counts bytes */

    struct zombie **zombies;
    size_t n_zombies;
    struct {
        char **headers;   /* names, in which an upstream filter tells */
        size_t n_headers; /* 0: no header is asked of the MTA for it */
        char **spam; /* values (or their beginnings, up to a blank, comma or
                        semicolon), without case, that say spam; 0: those
                        known of X-Spam-Flag, X-Spam-Status, X-Spam,
                        X-Rspamd-Action; else Yes and True */
        size_t n_spam;
        struct nettree *from; /* clients whose own copies are believed; NULL:
                                 nobody's */
        bool aborted_is_spam;
    } verdict;
    struct {
        char *from; /* "Example Mail <postmaster@example.org>"; NULL: no letters
                       are sent */
        char **languages; /* the first is the default */
        size_t n_languages;
        char *smtp;             /* "inet:10027@127.0.0.1" */
        struct rates at_most;   /* letters to one subject; one rate */
        char *postmaster;       /* whom the operator's letters go to; NULL: the
                                   address in FROM */
        struct table *contacts; /* subject to "address [language]"; NULL */
        char *templates;        /* folder */
        char *webhook;          /* URL; NULL: none */
        char *webhook_key_file, *webhook_key; /* NULL: none */
    } notice;
    struct table *classes; /* `users { classes }`: login to class; NULL: none */
    char **support_rcpts; /* mailboxes that a quarantined sender may write to */
    size_t n_support_rcpts;
    char *support; /* where help is: "https://help.example.org or +49 30 123";
                      NULL: none */

    struct {
        char **servers;     /* "192.0.2.53@53" */
        size_t n_servers;   /* 0: resolv.conf */
        char *trust_anchor; /* NULL: no DNSSEC */
        unsigned in_flight;
    } resolver;
    struct {
        bool written; /* there is a block: senders are looked up */
        uint64_t on;
        enum lookup_action fail, softfail, temperror, permerror, none;
        enum lookup_action helo_fail;       /* `helo` */
        enum lookup_action own_domain_fail; /* a sender in `domains` */
        enum mode mode;                     /* UNSET: the session's */
        unsigned timeout_ms;                /* of one evaluation */
        bool evidence; /* a fail is spam to the detector, where no filter has
                          said anything */
        bool write_results, write_received; /* `header` */
        char *authserv_id; /* NULL: what the MTA says its name is */
        char *program;     /* mortsafe-spf */
        struct origin origin;
    } spf;
    struct dnsbl **dnsbls;
    size_t n_dnsbls;  /* DNSBL_LISTS at most */
    char **own_hosts; /* names and addresses of the operator's own servers, for
                         relay-test, proxy-test and listed */
    size_t n_own_hosts;

    struct exempt **exempts;
    size_t n_exempts;

    struct reply_text *replies;
    size_t n_replies;

    struct {
        enum store_type type;
        char *path;
        uint64_t memory; /* bytes */
        /* STORE_REDIS; PATH and MEMORY are then of the shadow */
        struct endpoint *urls;
        size_t n_urls;
        struct endpoint *sentinels;
        size_t n_sentinels;
        char *master;        /* its name among Sentinels */
        char *password_file; /* NULL: none */
        char *password;      /* its first line; never printed */
        char *sentinel_password_file;
        char *sentinel_password;
        bool cluster;
        char *ca_file, *cert_file, *key_file, *tls_name; /* NULL: none */
        char *prefix;
        unsigned deadline_ms;
        enum charge_fallback fallback;
        unsigned hosts; /* in the fleet, while none are known */
    } store;
    struct {
        char *key_file;       /* NULL: none */
        uint64_t state_s;     /* that the detector's state is kept */
        uint64_t decisions_s; /* that decisions are kept; 0: they are not */
    } privacy;
    struct {
        char *socket; /* path; "": none */
        struct api_group **groups;
        size_t n_groups;
    } api;
    struct {
        char *listen; /* "inet:8896@127.0.0.1"; NULL: nothing by TCP */
        char **hosts; /* names by which it may be called, beside loopback's */
        size_t n_hosts;
        bool names; /* show them; else pseudonyms */
    } status;
    struct {
        enum log_to to;
        enum log_format format;
        int facility; /* as syslog(3) */
        int level;    /* LOG_ERR to LOG_DEBUG */
    } log;

    struct config_text *text; /* how it was written; config.c's own */
};

/* Told of everything found, in the order of the files. */
struct config_report {
    void (*error)(void *arg, const char *line);   /* "file:1:2: message" */
    void (*warning)(void *arg, const char *line); /* the same form */
    void *arg;
};

/*
 * Read PATH with its includes and tables.  Every error of the run is
 * reported; then MS_INVALID, *OUT untouched.  TODAY is for `until`.
 * MS_NOMEM.  On success *OUT has one reference; config_destroy() ends it.
 */
enum ms_err config_load(const char *path, struct wall today,
                        const struct config_report *report,
                        struct config **out);

/* The same from memory, as if from a file called NAME. */
enum ms_err config_load_text(const char *name, const char *text,
                             struct wall today,
                             const struct config_report *report,
                             struct config **out);

/* Frees it.  NULL is fine.  Who shares a snapshot counts references. */
void config_destroy(struct config *config);

/* Write the effective configuration, each value with its origin; reading it
 * again gives the same. */
void config_print(const struct config *config, FILE *out);

/*
 * The same, but only blocks and options of NAME: "limit" (all of them),
 * "limit user", "store", "mode"; NULL: all.  Without DEFAULTS only what a file
 * says, which may be nothing.  False if nothing has that name: then OUT has a
 * line instead that says so and what is nearest.
 */
bool config_print_some(const struct config *config, const char *name,
                       bool defaults, FILE *out);

/*
 * Hand each value of OPTION in the block of KIND called TITLE ("" without one)
 * to EACH(ARG), as it is in force: written, built in or a default.  Returns how
 * many; 0 if there is no such block or it has no such value.
 */
size_t config_option_words(const struct config *config, enum option_block kind,
                           const char *title, const char *option,
                           void (*each)(void *arg, const char *word),
                           void *arg);

/* What a reload from OLD to NEW changes about counts and standings: a line for
 * each limit whose windows start empty or are dropped, for each rule about
 * zombies that comes, goes, or changes its mode, and for what is asked of the
 * DNS from now on, or no more. */
void config_diff(const struct config *old, const struct config *new,
                 void (*line)(void *arg, const char *text), void *arg);

/* A line for each network's mode and each exemption that has ended behind
 * AFTER and up to NOW. */
void config_lapsed(const struct config *config, struct wall after,
                   struct wall now, void (*line)(void *arg, const char *text),
                   void *arg);

/* The text for RULE, or NULL. */
const char *config_reply(const struct config *config, const char *rule);

/* Names of the enums above, as the grammar spells them. */
const char *metric_name(enum metric metric);
const char *mode_name(enum mode mode);
const char *network_class_name(enum network_class class); /* "unset" */

/* The class that the grammar spells WORD, in *OUT.  False: none. */
bool network_class_parse(const char *word, enum network_class *out);

#endif
