/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/relay/vector.h"

#include <stdint.h>
#include <string.h>

/* clang-format off */
const struct vector vectors[] = {
    /* ----- recipients, from an ordinary stranger */
    {"a foreign address", HOLE_ANYBODY, END_ELSEWHERE, true, NULL, "<{v}@{f}>"},
    {"no brackets", HOLE_SPELLING, END_ELSEWHERE, true, NULL, "{v}@{f}"},
    {"blanks in the brackets", HOLE_SPELLING, END_ELSEWHERE, true, NULL, "< {v}@{f} >"},
    {"a dot at the end", HOLE_SPELLING, END_ELSEWHERE, true, NULL, "<{v}@{f}.>"},
    {"a comment", HOLE_SPELLING, END_ELSEWHERE, true, NULL, "<{v}(c)@{f}>"},
    {"a name before it", HOLE_SPELLING, END_ELSEWHERE, true, NULL, "Name <{v}@{f}>"},
    {"a comment behind it", HOLE_SPELLING, END_ELSEWHERE, true, NULL, "<{v}@{f}>(@{d})"},
    {"a comment in the domain", HOLE_SPELLING, END_ELSEWHERE, true, NULL, "<{v}@{f}(@{d})>"},
    {"two pairs of brackets", HOLE_SPELLING, END_ELSEWHERE, true, NULL, "<<{v}@{f}>>"},
    {"NOTIFY behind it", HOLE_ANYBODY, END_ELSEWHERE, true, NULL, "<{v}@{f}> NOTIFY=NEVER"},
    {"ORCPT of ours behind it", HOLE_ANYBODY, END_ELSEWHERE, true, NULL,
     "<{v}@{f}> ORCPT=rfc822;postmaster@{d}"},
    {"an international domain", HOLE_SPELLING, END_ELSEWHERE, false, NULL, "<{v}@xn--bcher-kva.{f}>"},
    {"an address as domain", HOLE_LITERAL, END_ELSEWHERE, false, NULL, "<{v}@203.0.113.9>"},
    {"a literal", HOLE_LITERAL, END_ELSEWHERE, false, NULL, "<{v}@[203.0.113.9]>"},
    {"an IPv6 literal", HOLE_LITERAL, END_ELSEWHERE, false, NULL, "<{v}@[IPv6:2001:db8::9]>"},
    {"an address in quotes", HOLE_QUOTED, END_HERE, true, NULL, "<\"{v}@{f}\">"},
    {"a quoted address at the domain", HOLE_QUOTED, END_HERE, true, NULL, "<\"{v}@{f}\"@{d}>"},
    {"a quoted address at the literal", HOLE_QUOTED, END_HERE, true, NULL, "<\"{v}@{f}\"@{a}>"},
    {"an at sign behind a backslash", HOLE_QUOTED, END_HERE, true, NULL, "<{v}\\@{f}@{d}>"},
    {"that in quotes", HOLE_QUOTED, END_HERE, true, NULL, "<\"{v}\\@{f}\"@{d}>"},
    {"quotes in quotes", HOLE_QUOTED, END_HERE, true, NULL, "<\"\\\"{v}@{f}\\\"\"@{d}>"},
    {"a percent hop in quotes", HOLE_PERCENT, END_HERE, true, NULL, "<\"{v}%{f}\">"},
    {"a percent hop alone", HOLE_PERCENT, END_HERE, true, NULL, "<{v}%{f}>"},
    {"a percent hop at the domain", HOLE_PERCENT, END_HERE, true, NULL, "<{v}%{f}@{d}>"},
    {"a percent hop at the host", HOLE_PERCENT, END_HERE, true, NULL, "<{v}%{f}@{h}>"},
    {"a percent hop at the literal", HOLE_PERCENT, END_HERE, true, NULL, "<{v}%{f}@{a}>"},
    {"a percent hop at localhost", HOLE_PERCENT, END_HERE, true, NULL, "<{v}%{f}@localhost>"},
    {"two percent hops", HOLE_PERCENT, END_HERE, true, NULL, "<{v}%{f}%{d}@{h}>"},
    {"a percent hop behind a plus sign", HOLE_PERCENT, END_HERE, true, NULL, "<postmaster+{v}%{f}@{d}>"},
    {"a percent hop elsewhere", HOLE_PERCENT, END_ELSEWHERE, false, NULL, "<{v}%{f}@{g}>"},
    {"our address in a percent hop", HOLE_PERCENT, END_ELSEWHERE, false, NULL, "<postmaster%{d}@{f}>"},
    {"a percent sign in the domain", HOLE_PERCENT, END_ELSEWHERE, false, NULL, "<{v}@{f}%{d}>"},
    {"two at signs, the domain", HOLE_DOUBLE, END_HERE, true, NULL, "<{v}@{f}@{d}>"},
    {"two at signs, the literal", HOLE_DOUBLE, END_HERE, true, NULL, "<{v}@{f}@{a}>"},
    {"our address, then theirs", HOLE_DOUBLE, END_ELSEWHERE, false, NULL, "<postmaster@{d}@{f}>"},
    {"a blank before the domain", HOLE_DOUBLE, END_HERE, true, NULL, "<{v}@{f} @{d}>"},
    {"two at signs in a row", HOLE_DOUBLE, END_HERE, false, NULL, "<{v}@@{d}>"},
    {"a source route", HOLE_ROUTE, END_ELSEWHERE, true, NULL, "<@{d}:{v}@{f}>"},
    {"a source route by the host", HOLE_ROUTE, END_ELSEWHERE, true, NULL, "<@{h}:{v}@{f}>"},
    {"a source route by the literal", HOLE_ROUTE, END_ELSEWHERE, true, NULL, "<@{a}:{v}@{f}>"},
    {"a source route of two", HOLE_ROUTE, END_ELSEWHERE, true, NULL, "<@{d},@{h}:{v}@{f}>"},
    {"a bang path", HOLE_BANG, END_HERE, true, NULL, "<{f}!{v}>"},
    {"a bang path at the domain", HOLE_BANG, END_HERE, true, NULL, "<{f}!{v}@{d}>"},
    {"a bang path at the host", HOLE_BANG, END_HERE, true, NULL, "<{f}!{v}@{h}>"},
    {"a bang path in quotes", HOLE_BANG, END_HERE, true, NULL, "<\"{f}!{v}\"@{d}>"},
    {"a bang path at the literal", HOLE_BANG, END_HERE, true, NULL, "<{f}!{v}@{a}>"},
    {"a bang path by the domain", HOLE_BANG, END_HERE, true, NULL, "<{d}!{f}!{v}>"},
    {"a bang path as domain", HOLE_BANG, END_ELSEWHERE, false, NULL, "<{v}@{d}!{f}>"},
    {"a percent hop at a relayed domain", HOLE_BACKUP, END_ELSEWHERE, true, NULL, "<{v}%{f}@{r}>"},
    {"a bang path at a relayed domain", HOLE_BACKUP, END_ELSEWHERE, true, NULL, "<{f}!{v}@{r}>"},
    {"a quoted address at a relayed domain", HOLE_BACKUP, END_ELSEWHERE, true, NULL, "<\"{v}@{f}\"@{r}>"},
    {"a source route by a relayed domain", HOLE_ROUTE, END_ELSEWHERE, true, NULL, "<@{r}:{v}@{f}>"},
    {"a name below the domain", HOLE_SUBDOMAIN, END_HARMLESS, false, NULL, "<{v}@relay-test.{d}>"},
    {"localhost.localdomain", HOLE_SUBDOMAIN, END_HARMLESS, false, NULL, "<{v}@localhost.localdomain>"},
    {"no domain behind the at sign", HOLE_SPELLING, END_HARMLESS, false, NULL, "<{v}@>"},
    {"the null address", HOLE_SPELLING, END_HARMLESS, false, NULL, "<>"},
    {"a semicolon", HOLE_SPELLING, END_HERE, false, NULL, "<{v};{f}@{d}>"},
    {"a colon", HOLE_SPELLING, END_HERE, false, NULL, "<{v}:{f}@{d}>"},
    {"a comma", HOLE_SPELLING, END_HERE, false, NULL, "<{v},{f}@{d}>"},
    /* ----- senders, to a foreign address */
    {"from nobody", HOLE_SENDER, END_ELSEWHERE, true, "<>", "<{v}@{f}>"},
    {"from a blank", HOLE_SENDER, END_ELSEWHERE, true, "< >", "<{v}@{f}>"},
    {"from a bare name", HOLE_SENDER, END_ELSEWHERE, true, "<relay-test>", "<{v}@{f}>"},
    {"from postmaster", HOLE_SENDER, END_ELSEWHERE, true, "<postmaster>", "<{v}@{f}>"},
    {"from localhost", HOLE_SENDER, END_ELSEWHERE, true, "<relay-test@localhost>", "<{v}@{f}>"},
    {"from the domain", HOLE_SENDER, END_ELSEWHERE, true, "<postmaster@{d}>", "<{v}@{f}>"},
    {"from the host", HOLE_SENDER, END_ELSEWHERE, true, "<postmaster@{h}>", "<{v}@{f}>"},
    {"from the literal", HOLE_SENDER, END_ELSEWHERE, true, "<postmaster@{a}>", "<{v}@{f}>"},
    {"from a relayed domain", HOLE_SENDER, END_ELSEWHERE, true, "<postmaster@{r}>", "<{v}@{f}>"},
    {"from the recipient's domain", HOLE_SENDER, END_ELSEWHERE, true, "<{v}@{f}>", "<{v}@{f}>"},
    {"from there without brackets", HOLE_SENDER, END_ELSEWHERE, true, "{v}@{f}", "<{v}@{f}>"},
    {"from a source route", HOLE_SENDER, END_ELSEWHERE, true, "<@{d},@{h}:{v}@{f}>", "<{v}@{f}>"},
    {"from a percent hop", HOLE_SENDER, END_ELSEWHERE, true, "<{v}%{f}@{d}>", "<{v}@{f}>"},
    {"from a bang path", HOLE_SENDER, END_ELSEWHERE, true, "<{f}!{v}>", "<{v}@{f}>"},
    {"from a quoted blank", HOLE_SENDER, END_ELSEWHERE, true, "<\"re lay\"@{f}>", "<{v}@{f}>"},
    {"from a domain alone", HOLE_SENDER, END_ELSEWHERE, true, "<@{f}>", "<{v}@{f}>"},
    {"from two at signs", HOLE_SENDER, END_ELSEWHERE, true, "<{v}@{f}@{d}>", "<{v}@{f}>"},
    {"AUTH=<> behind the sender", HOLE_SENDER, END_ELSEWHERE, true, "<{v}@{f}> AUTH=<>", "<{v}@{f}>"},
    {"AUTH= of ours behind the sender", HOLE_SENDER, END_ELSEWHERE, true,
     "<{v}@{f}> AUTH=<postmaster@{d}>", "<{v}@{f}>"},
};
/* clang-format on */
const size_t vectors_count = sizeof(vectors) / sizeof(vectors[0]);

static const char *
word_of(const struct vector_words *words, char letter)
{
    switch (letter) {
    case 'v':
        return words->victim;
    case 'f':
        return words->foreign;
    case 'g':
        return words->other;
    case 'd':
        return words->domain;
    case 'h':
        return words->host;
    case 'a':
        return words->literal;
    case 'r':
        return words->relayed;
    default:
        return NULL;
    }
}

bool
vector_write(const char *form, const struct vector_words *words,
             char out[VECTOR_TEXT])
{
    size_t len = 0;

    while (*form != '\0') {
        const bool is_word = form[0] == '{';
        const char *piece = is_word ? word_of(words, form[1]) : form;
        size_t n;

        if (piece == NULL)
            return false;
        n = is_word ? strlen(piece) : 1;
        if (n >= VECTOR_TEXT - len)
            return false;
        memcpy(out + len, piece, n);
        len += n;
        form += is_word ? 3 : 1;
    }
    out[len] = '\0';
    return true;
}

static const struct {
    const char *name, *phrase;
} holes[VECTOR_HOLES] = {
    [HOLE_ANYBODY] = {"anybody", "anybody may send to anywhere"},
    [HOLE_SENDER] = {"sender",
                     "who claims a sender it likes may send to anywhere"},
    [HOLE_PERCENT] = {"percent", "it follows percent signs to a second hop"},
    [HOLE_BANG] = {"bang", "it follows bang paths to a second hop"},
    [HOLE_ROUTE] = {"route", "it follows source routes"},
    [HOLE_QUOTED] = {"quoted", "it takes an address in quotes apart"},
    [HOLE_DOUBLE] = {"double", "it takes an address with two at signs apart"},
    [HOLE_LITERAL] = {"literal", "it sends to any IP address"},
    [HOLE_SPELLING] = {"spelling",
                       "a foreign address passes if it is spelled strangely"},
    [HOLE_BACKUP] = {"backup",
                     "it hands second hops to a server that it relays for"},
    [HOLE_SUBDOMAIN] = {"subdomain", "it takes mail for any name below its "
                                     "domain"},
};

const char *
vector_hole_name(enum vector_hole hole)
{
    return holes[hole].name;
}

const char *
vector_hole_phrase(enum vector_hole hole)
{
    return holes[hole].phrase;
}
