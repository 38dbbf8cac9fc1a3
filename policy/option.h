/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/option.h - every block and option of the configuration, one row
 * each.  Parser, checker, printer, the manual's test and the tool's listing
 * read these rows; nothing else knows what may be written.
 */
#ifndef MORTSAFE_POLICY_OPTION_H
#define MORTSAFE_POLICY_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/option_block.h"

/* How a block is headed. */
enum option_title {
    TITLE_NONE,
    TITLE_NAME, /* a name of the operator's choice */
    TITLE_RULE, /* a rule, as log lines name it */
    TITLE_GROUP /* a group of this machine */
};

struct option_block_row {
    const char *name; /* "network"; "" for BLOCK_TOP */
    enum option_title title;
    const char *help;
    enum option_block inside; /* the block in which it stands; BLOCK_TOP: in
                                 none */
};

enum option_type {
    OPTION_BOOL,       /* one of two words */
    OPTION_FLAG,       /* the same without a destination: who makes the block
                          looks at it */
    OPTION_CHOICE,     /* one of some words */
    OPTION_SET,        /* some of some words; unsigned: their values as bits */
    OPTION_NUMBER,     /* unsigned */
    OPTION_OCTAL,      /* unsigned */
    OPTION_PERCENT,    /* unsigned; written with % */
    OPTION_SIZE,       /* uint64_t, bytes; K, M, G */
    OPTION_TIME,       /* unsigned, milliseconds; ms, s */
    OPTION_SPAN,       /* uint64_t, seconds; s, m, h, d */
    OPTION_TEXT,       /* char *; several words are joined by blanks */
    OPTION_REPLY,      /* char *: text for an SMTP reply */
    OPTION_ASCII,      /* char *: the same without fields in braces */
    OPTION_NAME,       /* char *: of a user or group; "" is NULL */
    OPTION_TAG,        /* char *: letters, digits, _ and - */
    OPTION_DOTTED_TAG, /* the same with dots */
    OPTION_PATH,       /* char *: absolute */
    OPTION_FILE,       /* char *: relative to the file that names it */
    OPTION_SECRET,     /* the same and, at count_at, char *: its first line */
    OPTION_URLS,       /* struct endpoint * and size_t */
    OPTION_HOSTS,      /* the same: host or host:port */
    OPTION_SOCKET,     /* char * */
    OPTION_LISTEN,     /* char *: a TCP socket; "" is NULL */
    OPTION_UNIX,       /* char *: absolute, of a Unix socket; or "" */
    OPTION_URL,        /* char *: of HTTP */
    OPTION_ADDRESS,    /* char *: of a mailbox */
    OPTION_MAILBOX,    /* char *: the same, perhaps with a name */
    OPTION_DOMAIN,     /* char *: A-labels */
    OPTION_DATE,       /* struct wall and, at count_at, bool */
    OPTION_PORTS,      /* uint16_t * and, at count_at, size_t */
    OPTION_WORDS,      /* char ** and size_t */
    OPTION_SENDERS,    /* char ** and size_t: patterns */
    OPTION_LOGINS,     /* char ** and size_t: folded, completed */
    OPTION_MAILBOXES,  /* char ** and size_t: envelope addresses */
    OPTION_NAMES,      /* char ** and size_t: domains in A-labels */
    OPTION_HEADERS,    /* char ** and size_t: names of header fields */
    OPTION_LANGUAGES,  /* char ** and size_t: tags, lower case */
    OPTION_OWN,        /* the operator's domains; no destination */
    OPTION_OWN_TABLE,  /* the same from a texthash table */
    OPTION_PREFIXES,   /* of a network, cidr tables too; no destination */
    OPTION_CLIENTS,    /* struct nettree *, cidr tables too */
    OPTION_TEXTHASH,   /* struct table *: lists of logins */
    OPTION_CLASSES,    /* struct table *: classes of networks */
    OPTION_CONTACTS,   /* struct table *: addresses with languages */
    OPTION_KEY,        /* struct limit_key[2] and size_t */
    OPTION_RATES,      /* struct rates */
    OPTION_RATE,       /* struct rates: one of events */
    OPTION_WARMUP,     /* struct warmup[] and size_t */
    OPTION_RATE_TABLE, /* struct table * */
    OPTION_MAP,        /* struct table * */
    OPTION_SINCE,      /* struct table *: dates */
    OPTION_LIFT,       /* uint64_t[], seconds, and size_t */
    OPTION_ON,         /* uint64_t: bits of listeners */
    OPTION_IN,         /* uint8_t *: kinds of sessions by network; and bool:
                          names loopback */
    OPTION_FROM,       /* uint8_t *: a byte a network */
    OPTION_NETWORKS,   /* char ** and size_t: names of networks */
    OPTION_SKIP,       /* uint8_t *: a byte a limit; and what else an
                          exemption skips */
    OPTION_OWN_HOSTS,  /* char ** and size_t: domains in A-labels, addresses */
    OPTION_SERVERS,    /* char ** and size_t: "192.0.2.53@53" */
    OPTION_SPF_FIELDS, /* bool and, at count_at, bool: which are written */
    OPTION_ZONE,       /* char *: a domain that addresses fit in front of */
    OPTION_MASKS,      /* struct listmask[] and size_t */
    OPTION_TYPES
};

struct option_word {
    const char *word; /* NULL ends a list */
    unsigned value;
};

struct option {
    const char *name;
    const char *preset; /* the default as it would be written; NULL: none */
    const char *help;   /* a sentence without its full stop */
    const struct option_word *words; /* of BOOL, FLAG, CHOICE, SET */
    uint64_t least, most; /* of NUMBER, OCTAL, PERCENT, SIZE, TIME, SPAN; most
                             letters of a text or tag */
    size_t at;            /* the destination in the block's struct; of blocks
                             without name, in struct config */
    size_t count_at;      /* the second one of types that have two */
    enum option_block block;
    enum option_type type;
    bool needed; /* the block is nothing without it */
    bool shared; /* only of a store that a fleet shares */
};

/* The row of BLOCK (below BLOCKS). */
const struct option_block_row *option_block(enum option_block block);

/* Is NAME the name of a block, wherever it may be written?  Then *OUT. */
bool option_block_find(const char *name, enum option_block *out);

/* BLOCK's rows, in the order in which they are read and printed. */
const struct option *option_rows(enum option_block block, size_t *n);

/* BLOCK's row of NAME, or NULL. */
const struct option *option_find(enum option_block block, const char *name);

/* Does TYPE take several values, separated by commas? */
bool option_is_list(enum option_type type);

/* What to write for TYPE, in a few words: "yes or no", "list of ports". */
const char *option_type_name(enum option_type type);

#endif
