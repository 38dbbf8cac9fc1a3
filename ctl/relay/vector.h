/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/relay/vector.h - the forms of sender and recipient by which servers have
 * been made to relay, as a table, and the kind of hole that each one shows.
 */
#ifndef MORTSAFE_CTL_RELAY_VECTOR_H
#define MORTSAFE_CTL_RELAY_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/err.h"

enum { VECTOR_TEXT = 600 }; /* of an argument of MAIL or RCPT */

/* Kinds of hole; what closes each is in ctl/relay/advice.h. */
enum vector_hole {
    HOLE_ANYBODY,   /* a plain foreign address */
    HOLE_SENDER,    /* who claims to be one of ours may send anywhere */
    HOLE_PERCENT,   /* v%there@here */
    HOLE_BANG,      /* there!v */
    HOLE_ROUTE,     /* @here:v@there */
    HOLE_QUOTED,    /* "v@there"@here */
    HOLE_DOUBLE,    /* v@there@here */
    HOLE_LITERAL,   /* v@[192.0.2.1] */
    HOLE_SPELLING,  /* a foreign address that only looks strange */
    HOLE_BACKUP,    /* a second hop behind a domain that is relayed for */
    HOLE_SUBDOMAIN, /* any name below ours */
    VECTOR_HOLES
};

/* Where mail would go that was accepted. */
enum vector_end {
    END_ELSEWHERE, /* to a stranger: it is a relay */
    END_HERE,      /* the server's own domain has the last word: a relay, unless
                      any mailbox is taken there */
    END_HARMLESS   /* nowhere, or to a name of our own: told, no verdict */
};

struct vector {
    const char *name; /* "a percent hop at our domain" */
    enum vector_hole hole;
    enum vector_end end;
    bool ours;               /* its goal is `deliver`'s address */
    const char *mail, *rcpt; /* with the words of vector_write(); MAIL NULL: an
                                ordinary stranger's */
};

/* All of them; the first is a plain foreign address. */
extern const struct vector vectors[];
extern const size_t vectors_count;

/* What stands for what: NULL where a form with that word is left out. */
struct vector_words {
    const char *victim;  /* {v} a mailbox elsewhere */
    const char *foreign; /* {f} its domain */
    const char *other;   /* {g} another domain elsewhere */
    const char *domain;  /* {d} of the server */
    const char *host;    /* {h} the server's name */
    const char *literal; /* {a} its address as a literal */
    const char *relayed; /* {r} a domain it passes mail on for */
};

/* FORM with its words put in.  False: one of them is NULL, or it is too long.
 */
bool vector_write(const char *form, const struct vector_words *words,
                  char out[VECTOR_TEXT]);

/* "percent", ... a word; and what it means in a phrase. */
const char *vector_hole_name(enum vector_hole hole);
const char *vector_hole_phrase(enum vector_hole hole);

#endif
