/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/worker/record.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/dns/spf_wire.h"

enum { VERSION_LEN = 6 }; /* octets of "v=spf1" */

/* Text that is read from its beginning. */
struct span {
    const char *at;
    size_t len;
};

/* ----- letters, as ASCII has them, in any locale */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_alnum(char c)
{
    return is_alpha(c) || is_digit(c);
}

static bool
is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_word(struct span s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

/* ----- domain-spec */

/* The length of the "%{...}", "%%", "%_" or "%-" at S; 0: it is none.  In
 * explanations, which are never read, "c", "r" and "t" would be allowed. */
static size_t
macro_length(struct span s, bool *uses_p)
{
    size_t i = 3;
    bool zero = true;
    size_t digits = 0;

    if (s.len >= 2 && is_one_of(s.at[1], "%_-"))
        return 2;
    if (s.len < 4 || s.at[1] != '{' || !is_one_of(s.at[2], "slodiphvSLODIPHV"))
        return 0;
    for (; i < s.len && is_digit(s.at[i]); i++, digits++)
        zero = zero && s.at[i] == '0';
    if ((digits > 0 && zero) || digits > 3)
        return 0;
    if (i < s.len && is_one_of(s.at[i], "rR"))
        i++;
    while (i < s.len && is_one_of(s.at[i], ".-+,/_="))
        i++;
    if (i == s.len || s.at[i] != '}')
        return 0;
    *uses_p = *uses_p || is_one_of(s.at[2], "pP");
    return i + 1;
}

/* How many octets of S are a macro-string; *LAST is where its last macro ends,
 * *MACROS how many there are. */
static size_t
macro_string(struct span s, size_t *last, unsigned *macros, bool *uses_p)
{
    size_t i = 0;

    *last = 0;
    *macros = 0;
    while (i < s.len) {
        size_t n = 1;

        if (s.at[i] == '%') {
            n = macro_length((struct span){s.at + i, s.len - i}, uses_p);
            if (n == 0)
                return i;
            *last = i + n;
            ++*macros;
        } else if (s.at[i] < 0x21 || s.at[i] > 0x7e) {
            return i;
        }
        i += n;
    }
    return i;
}

/* Is S a top-level label: letters, digits and inner hyphens, not all digits? */
static bool
is_toplabel(struct span s)
{
    bool other = false;

    for (size_t i = 0; i < s.len; i++) {
        other = other || !is_digit(s.at[i]);
        if (!is_alnum(s.at[i]) && s.at[i] != '-')
            return false;
    }
    return other && is_alnum(s.at[0]) && is_alnum(s.at[s.len - 1]);
}

/* Read the domain-spec S into TERM. */
static bool
read_spec(struct span s, struct term *term)
{
    size_t last, dot = 0, end = s.len;
    unsigned macros;

    if (s.len == 0 || s.len > RECORD_SPEC ||
        macro_string(s, &last, &macros, &term->uses_p) != s.len ||
        macros > RECORD_MACROS)
        return false;
    if (last < s.len) { /* it must end in "." toplabel ["."] */
        if (s.at[end - 1] == '.')
            end--;
        for (size_t i = last; i < end; i++)
            if (s.at[i] == '.')
                dot = i + 1;
        if (dot == 0 || !is_toplabel((struct span){s.at + dot, end - dot}))
            return false;
    }
    term->spec = s.at;
    term->spec_len = end;
    return true;
}

/* ----- lengths of prefixes */

/* Cut "/N", or "//N" if SLASHES is 2, off S's end.  False: there is none. */
static bool
cut_cidr(struct span *s, size_t slashes, unsigned *out)
{
    size_t i = s->len, value = 0, digits;

    while (i > 0 && is_digit(s->at[i - 1]))
        i--;
    digits = s->len - i;
    if (digits == 0 || digits > 3 || i < slashes ||
        memcmp(s->at + i - slashes, "//", slashes) != 0)
        return false;
    for (size_t j = i; j < s->len; j++)
        value = value * 10 + (size_t)(s->at[j] - '0');
    /* "/032" is no length either: it is read as one that is too long */
    *out = digits > 1 && s->at[i] == '0' ? 999 : (unsigned)value;
    s->len = i - slashes;
    return true;
}

/* [ip4-cidr-length] ["/" ip6-cidr-length] off S's end. */
static bool
cut_dual(struct span *s, struct term *term)
{
    term->cidr4 = 32;
    term->cidr6 = 128;
    (void)cut_cidr(s, 2, &term->cidr6);
    (void)cut_cidr(s, 1, &term->cidr4);
    return term->cidr4 <= 32 && term->cidr6 <= 128;
}

static bool
read_network(struct span s, struct term *term)
{
    const bool v6 = term->kind == TERM_IP6;
    unsigned *cidr = v6 ? &term->cidr6 : &term->cidr4;
    unsigned most = v6 ? 128 : 32;
    char text[INET6_ADDRSTRLEN];

    *cidr = most;
    (void)cut_cidr(&s, 1, cidr);
    if (*cidr > most || s.len == 0 || s.len >= sizeof(text) ||
        memchr(s.at, '\0', s.len) != NULL)
        return false;
    memcpy(text, s.at, s.len);
    text[s.len] = '\0';
    return inet_pton(v6 ? AF_INET6 : AF_INET, text, term->network) == 1;
}

/* ----- terms */

static const struct mechanism {
    const char *name;
    enum term_kind kind;
    bool spec, needs_spec, cidr;
} mechanisms[] = {
    {"all", TERM_ALL, false, false, false},
    {"include", TERM_INCLUDE, true, true, false},
    {"a", TERM_A, true, false, true},
    {"mx", TERM_MX, true, false, true},
    {"ptr", TERM_PTR, true, false, false},
    {"exists", TERM_EXISTS, true, true, false},
};

/* What follows the name of M is REST, "" or with its ":" or "/". */
static bool
read_mechanism(const struct mechanism *m, struct span rest, struct term *term)
{
    term->kind = m->kind;
    if (m->cidr && !cut_dual(&rest, term))
        return false;
    if (rest.len == 0)
        return !m->needs_spec;
    return m->spec && rest.at[0] == ':' &&
           read_spec((struct span){rest.at + 1, rest.len - 1}, term);
}

static bool
read_directive(struct span s, struct term *term)
{
    struct span name;

    term->qualifier = '+';
    if (is_one_of(s.at[0], "+-?~")) {
        term->qualifier = s.at[0];
        s.at++;
        s.len--;
    }
    name = (struct span){s.at, 0};
    while (name.len < s.len && is_alnum(s.at[name.len]))
        name.len++;
    s.at += name.len;
    s.len -= name.len;
    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
        if (is_word(name, mechanisms[i].name))
            return read_mechanism(&mechanisms[i], s, term);
    if (is_word(name, "ip4"))
        term->kind = TERM_IP4;
    else if (is_word(name, "ip6"))
        term->kind = TERM_IP6;
    else
        return false;
    return s.len > 0 && s.at[0] == ':' &&
           read_network((struct span){s.at + 1, s.len - 1}, term);
}

/* The length of the modifier's name that S begins with; 0: it is none. */
static size_t
modifier_name(struct span s)
{
    size_t i = 0;

    if (s.len == 0 || !is_alpha(s.at[0]))
        return 0;
    while (i < s.len && (is_alnum(s.at[i]) || is_one_of(s.at[i], "-_.")))
        i++;
    return i < s.len && s.at[i] == '=' ? i : 0;
}

/* ----- the record */

/* What is being read. */
struct reading {
    struct record *record;
    bool redirect, exp, all;
};

static bool
read_modifier(struct span s, size_t name_len, struct reading *r)
{
    struct span name = {s.at, name_len};
    struct span value = {s.at + name_len + 1, s.len - name_len - 1};
    struct term explanation = {0};
    bool uses_p = false;
    unsigned macros;
    size_t last;

    if (is_word(name, "redirect")) {
        if (r->redirect)
            return false;
        r->redirect = true;
        r->record->redirect = (struct term){.kind = TERM_REDIRECT,
                                            .qualifier = '+',
                                            .text = s.at,
                                            .text_len = s.len};
        return read_spec(value, &r->record->redirect);
    }
    if (is_word(name, "exp")) {
        if (r->exp)
            return false;
        r->exp = true;
        return read_spec(value, &explanation);
    }
    return macro_string(value, &last, &macros, &uses_p) == value.len;
}

static bool
read_term(struct span s, struct reading *r)
{
    struct term *term = &r->record->term[r->record->n];
    size_t name = modifier_name(s);

    if (name > 0)
        return read_modifier(s, name, r);
    *term = (struct term){.text = s.at, .text_len = s.len};
    if (!read_directive(s, term))
        return false;
    r->all = r->all || term->kind == TERM_ALL;
    r->record->n++;
    return true;
}

static void
complain(struct span term, char why[RECORD_WHY])
{
    int most = term.len < 60 ? (int)term.len : 60;
    int len = snprintf(why, RECORD_WHY, "syntax error at \"%.*s\"%s", most,
                       term.at, (size_t)most < term.len ? "..." : "");

    if (len < 0 || len >= RECORD_WHY)
        why[0] = '\0';
}

/* As many terms as there can be. */
static size_t
count_terms(const char *text, size_t len)
{
    size_t n = 1;

    for (size_t i = 0; i < len; i++)
        n += text[i] == ' ';
    return n;
}

enum ms_err
record_read(const char *text, size_t len, struct record *out,
            char why[RECORD_WHY])
{
    size_t i = VERSION_LEN;
    struct record record = {0};
    struct reading r = {.record = &record};

    why[0] = '\0';
    if (!spf_is_record(text, len))
        return MS_INVALID;
    record.term = calloc(count_terms(text, len), sizeof(*record.term));
    if (record.term == NULL)
        return MS_NOMEM;
    while (i < len) {
        struct span term = {text + i, 0};

        while (i < len && text[i] != ' ')
            i++;
        term.len = (size_t)(text + i - term.at);
        if (term.len > 0 && !read_term(term, &r)) {
            complain(term, why);
            record_clear(&record);
            return MS_INVALID;
        }
        i++;
    }
    if (r.all) /* RFC 7208 section 5.1: it is never reached */
        record.redirect.spec_len = 0;
    *out = record;
    return MS_OK;
}

void
record_clear(struct record *record)
{
    free(record->term);
    *record = (struct record){0};
}

bool
term_asks(const struct term *term)
{
    return term->kind != TERM_ALL && term->kind != TERM_IP4 &&
           term->kind != TERM_IP6;
}
