/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/address.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    RAW_MAX = 2 * (ADDRESS_LOCAL_MAX + ADDRESS_DOMAIN_MAX), /* all quoted */
    LABEL_MAX = 63 /* RFC 1035 section 2.3.4 */
};

/* What makes a local part name another hop, to some program somewhere. */
static const char hop_bytes[] = "%!@:\\(),;";

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool
is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool
is_domain_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Lower-case ASCII labels, each of 1 to 63 bytes; OUT holds the copy. */
static bool
check_labels(const char *text, char out[ADDRESS_DOMAIN_MAX + 1])
{
    size_t len = 0, label = 0;

    for (; *text != '\0'; text++) {
        char c = lower(*text);

        if (len == ADDRESS_DOMAIN_MAX)
            return false;
        if (c == '.') {
            if (label == 0)
                return false;
            if (text[1] == '\0')
                break; /* the one last dot */
            label = 0;
        } else if (!is_domain_byte(c) || ++label > LABEL_MAX) {
            return false;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return len > 0;
}

bool
address_domain(const char *text, char out[ADDRESS_DOMAIN_MAX + 1])
{
    char *ascii = NULL;
    bool plain = true, ok;

    for (const char *p = text; *p != '\0' && plain; p++)
        plain = (unsigned char)*p < 0x80;
    if (plain) {
        ok = check_labels(text, out);
    } else {
        ok = idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&ascii,
                            IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
             check_labels(ascii, out);
        idn2_free(ascii);
    }
    if (!ok)
        out[0] = '\0';
    return ok;
}

/* The last "@" of TEXT[0..LEN) outside quotes, LEN if there is none; -1 if a
 * quote stays open. */
static ptrdiff_t
last_at(const char *text, size_t len)
{
    bool quoted = false;
    ptrdiff_t at = (ptrdiff_t)len;

    for (size_t i = 0; i < len; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (text[i] == '@' && !quoted)
            at = (ptrdiff_t)i;
    }
    return quoted ? -1 : at;
}

/*
 * Unquote the local part once.  ADDRESS_DOMAIN stands for "a plain one",
 * whatever follows it.
 */
static enum address_form
read_local(const char *text, size_t len, char out[ADDRESS_LOCAL_MAX + 1])
{
    bool quoted = false;
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && c == '\\' && i + 1 < len)
            c = text[++i];
        else if (!quoted && (is_blank(c) || c == '<' || c == '>'))
            return ADDRESS_MALFORMED;
        if (n == ADDRESS_LOCAL_MAX)
            return ADDRESS_MALFORMED;
        out[n++] = c;
    }
    out[n] = '\0';
    if (n == 0)
        return ADDRESS_MALFORMED;
    return out[strcspn(out, hop_bytes)] != '\0' ? ADDRESS_HOP : ADDRESS_DOMAIN;
}

/* "[192.0.2.1]" and "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3). */
static struct prefix
read_literal(const char *text, size_t len)
{
    static const struct prefix none = {0};
    char inside[PREFIX_TEXT];
    struct prefix p;
    bool tagged;

    if (len - 2 >= sizeof(inside))
        return none;
    memcpy(inside, text + 1, len - 2);
    inside[len - 2] = '\0';
    tagged = strncasecmp(inside, "IPv6:", 5) == 0;
    if (strpbrk(inside, "/[") != NULL ||
        prefix_parse(inside, &p, NULL) != MS_OK || p.family != (tagged ? 6 : 4))
        return none;
    return p;
}

static enum address_form
read_domain(const char *text, size_t len, struct address *out)
{
    char copy[RAW_MAX + 1];

    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        out->literal = read_literal(text, len);
        return ADDRESS_LITERAL;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    return address_domain(copy, out->domain) ? ADDRESS_DOMAIN
                                             : ADDRESS_MALFORMED;
}

/* Cut blanks, one pair of brackets, and the blanks inside it.  False if the
 * brackets do not match. */
static bool
strip(const char **text, size_t *len)
{
    for (int inside = 0; inside < 2; inside++) {
        while (*len > 0 && is_blank(**text)) {
            ++*text;
            --*len;
        }
        while (*len > 0 && is_blank((*text)[*len - 1]))
            --*len;
        if (inside == 0 && *len > 0 && **text == '<') {
            if (*len < 2 || (*text)[*len - 1] != '>')
                return false;
            ++*text;
            *len -= 2;
        }
    }
    return true;
}

void
address_parse(const char *raw, struct address *out)
{
    size_t len = strlen(raw);
    enum address_form place;
    ptrdiff_t at;

    out->form = ADDRESS_MALFORMED;
    out->local[0] = '\0';
    out->domain[0] = '\0';
    out->literal = (struct prefix){0};
    if (len > RAW_MAX || !strip(&raw, &len))
        return;
    if (len == 0) {
        out->form = ADDRESS_NULL;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (is_control(raw[i]))
            return;
    }
    at = last_at(raw, len);
    if (at < 0)
        return;
    if (raw[0] == '@' && memchr(raw, ':', len) != NULL) {
        out->form = ADDRESS_HOP; /* a source route */
        return;
    }
    out->form = read_local(raw, (size_t)at, out->local);
    if (out->form == ADDRESS_MALFORMED)
        return;
    if ((size_t)at == len)
        place = ADDRESS_BARE;
    else
        place = read_domain(raw + at + 1, len - (size_t)at - 1, out);
    if (place == ADDRESS_MALFORMED || out->form == ADDRESS_DOMAIN)
        out->form = place;
}

void
address_canonical(const struct address *address, char out[ADDRESS_TEXT])
{
    char literal[PREFIX_TEXT];
    size_t n = 0;

    out[0] = '\0';
    if (address->form == ADDRESS_NULL)
        return;
    if (address->form == ADDRESS_HOP || address->form == ADDRESS_MALFORMED) {
        memcpy(out, "invalid", sizeof("invalid"));
        return;
    }
    for (const char *p = address->local; *p != '\0'; p++)
        out[n++] = lower(*p);
    out[n] = '\0';
    if (address->form == ADDRESS_DOMAIN) {
        out[n++] = '@';
        memcpy(out + n, address->domain, strlen(address->domain) + 1);
    } else if (address->form == ADDRESS_LITERAL) {
        (void)prefix_print(address->literal, literal);
        out[n++] = '@';
        out[n++] = '[';
        memcpy(out + n, literal, strlen(literal));
        n += strlen(literal);
        out[n++] = ']';
        out[n] = '\0';
    }
}

bool
address_login(const char *login, bool fold, const char *default_domain,
              char out[ADDRESS_TEXT])
{
    const char *at = strrchr(login, '@');
    size_t local = at != NULL ? (size_t)(at - login) : strlen(login);
    char domain[ADDRESS_DOMAIN_MAX + 1];
    size_t n = 0;

    if (at == NULL)
        at = default_domain != NULL && *default_domain != '\0' ? default_domain
                                                               : NULL;
    else
        at++;
    if (local > ADDRESS_LOCAL_MAX)
        return false;
    for (size_t i = 0; i < local; i++)
        out[n++] = fold ? lower(login[i]) : login[i];
    out[n] = '\0';
    if (at == NULL)
        return true;
    if (!address_domain(at, domain))
        return false;
    out[n++] = '@';
    memcpy(out + n, domain, strlen(domain) + 1);
    return true;
}
