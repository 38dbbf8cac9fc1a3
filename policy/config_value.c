/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config_value.c - readers of options that stand for themselves. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policy/address.h"
#include "policy/config_build.h"
#include "policy/contact.h"
#include "policy/date.h"
#include "policy/guess.h"
#include "policy/rate.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

/* ----- words and numbers */

bool
config_value_word(const struct reading *r, size_t i, unsigned *out)
{
    const struct option_word *word = r->setting->option->words;
    const char *term = reading_term(r, i);
    char all[256] = "", hint[GUESS_TEXT];
    struct guess guess;
    size_t len = 0;

    guess_start(&guess, term);
    for (; word->word != NULL; word++) {
        if (strcmp(word->word, term) == 0) {
            *out = word->value;
            return true;
        }
        guess_try(&guess, word->word);
        if (len < sizeof all)
            len += (size_t)snprintf(all + len, sizeof all - len, "%s%s",
                                    len == 0 ? "" : " | ", word->word);
    }
    reading_error(r, i, "`%s` is none of: %s%s", term, all,
                  guess_print(&guess, hint));
    return false;
}

enum ms_err
config_value_bool(const struct reading *r)
{
    unsigned value;
    bool yes;

    if (!config_value_word(r, 0, &value) ||
        r->setting->option->type == OPTION_FLAG)
        return MS_OK;
    yes = value != 0;
    memcpy(reading_at(r), &yes, sizeof yes);
    return MS_OK;
}

enum ms_err
config_value_choice(const struct reading *r)
{
    unsigned value;

    if (config_value_word(r, 0, &value))
        memcpy(reading_at(r), &value, sizeof value);
    return MS_OK;
}

enum ms_err
config_value_set(const struct reading *r)
{
    unsigned value, all = 0;
    size_t i;

    for (i = 0; i < r->setting->n_terms; i++) {
        if (!config_value_word(r, i, &value))
            continue;
        if (value == 0 && r->setting->n_terms > 1)
            reading_error(r, i, "`%s` can only stand alone",
                          reading_term(r, i));
        all |= value;
    }
    memcpy(reading_at(r), &all, sizeof all);
    return MS_OK;
}

/* N as the option's type writes it. */
static char *
print_number(const struct option *option, uint64_t n, char buf[32])
{
    if (option->type == OPTION_OCTAL)
        snprintf(buf, 32, "%04" PRIo64, n);
    else if (option->type == OPTION_PERCENT)
        snprintf(buf, 32, "%" PRIu64 "%%", n);
    else if (option->type == OPTION_SIZE && n % GIB == 0)
        snprintf(buf, 32, "%" PRIu64 "G", n / GIB);
    else if (option->type == OPTION_SIZE && n % MIB == 0)
        snprintf(buf, 32, "%" PRIu64 "M", n / MIB);
    else if (option->type == OPTION_TIME)
        snprintf(buf, 32, n % 1000 == 0 ? "%" PRIu64 "s" : "%" PRIu64 "ms",
                 n % 1000 == 0 ? n / 1000 : n);
    else if (option->type == OPTION_SPAN)
        span_print(n, buf);
    else
        snprintf(buf, 32, "%" PRIu64, n);
    return buf;
}

/* Is N in the option's range?  Else an error with the range. */
static bool
check_range(const struct reading *r, uint64_t n)
{
    const struct option *option = r->setting->option;
    char least[32], most[32];

    if (n >= option->least && n <= option->most)
        return true;
    reading_error(r, 0, "`%s` is not from %s to %s", reading_term(r, 0),
                  print_number(option, option->least, least),
                  print_number(option, option->most, most));
    return false;
}

enum ms_err
config_value_number(const struct reading *r)
{
    const enum option_type type = r->setting->option->type;
    const char *p = reading_term(r, 0);
    unsigned value;
    uint64_t n;

    if (!reading_digits(&p, type == OPTION_OCTAL ? 8 : 10, &n) ||
        strcmp(p, type == OPTION_PERCENT ? "%" : "") != 0) {
        reading_error(r, 0, "`%s` is no %s%s", reading_term(r, 0),
                      option_type_name(type),
                      type == OPTION_PERCENT ? " such as 80%" : "");
        return MS_OK;
    }
    if (!check_range(r, n))
        return MS_OK;
    value = (unsigned)n; /* no such option has more than 32 bits */
    memcpy(reading_at(r), &value, sizeof value);
    return MS_OK;
}

enum ms_err
config_value_size(const struct reading *r)
{
    static const char units[] = "KMG";
    const char *p = reading_term(r, 0), *unit;
    uint64_t n, times = 1;
    bool good = reading_digits(&p, 10, &n);

    if (good && *p != '\0') {
        unit = strchr(units, *p);
        good = unit != NULL && p[1] == '\0';
        if (good)
            times <<= 10 * (unit - units + 1);
    }
    if (!good) {
        reading_error(r, 0, "`%s` is no size such as 512M or 1G",
                      reading_term(r, 0));
        return MS_OK;
    }
    n = n > UINT64_MAX / times ? UINT64_MAX : n * times;
    if (check_range(r, n))
        memcpy(reading_at(r), &n, sizeof n);
    return MS_OK;
}

/* Something that can stand behind a number, and its worth. */
struct unit {
    const char *name; /* NULL ends a list */
    uint64_t times;
};

/* A number with one of UNITS, and it must have one; stops at UINT64_MAX. */
static bool
read_units(const char *text, const struct unit *units, uint64_t *out)
{
    uint64_t n;

    if (!reading_digits(&text, 10, &n))
        return false;
    for (; units->name != NULL; units++) {
        if (strcmp(text, units->name) != 0)
            continue;
        *out = n > UINT64_MAX / units->times ? UINT64_MAX : n * units->times;
        return true;
    }
    return false;
}

enum ms_err
config_value_time(const struct reading *r)
{
    static const struct unit units[] = {{"ms", 1}, {"s", 1000}, {NULL, 0}};
    unsigned value;
    uint64_t n;

    if (!read_units(reading_term(r, 0), units, &n)) {
        reading_error(r, 0, "`%s` is no time such as 300ms or 1s",
                      reading_term(r, 0));
    } else if (check_range(r, n)) {
        value = (unsigned)n; /* no such option has more than 32 bits */
        memcpy(reading_at(r), &value, sizeof value);
    }
    return MS_OK;
}

enum ms_err
config_value_span(const struct reading *r)
{
    uint64_t n = 0; /* none at all needs no unit */

    if (strcmp(reading_term(r, 0), "0") != 0 &&
        !span_parse(reading_term(r, 0), &n))
        reading_error(r, 0, "`%s` is no span such as 12h or 90d",
                      reading_term(r, 0));
    else if (check_range(r, n))
        memcpy(reading_at(r), &n, sizeof n);
    return MS_OK;
}

/* ----- texts */

static enum ms_err
store_text(const struct reading *r, const char *text)
{
    memcpy(reading_at(r), &text, sizeof text);
    return MS_OK;
}

static enum ms_err
store_copy(const struct reading *r, const char *text)
{
    const char *copy = arena_dup(r->build->arena, text, strlen(text));

    return copy == NULL ? MS_NOMEM : store_text(r, copy);
}

/* "{name}" at TEXT must be one that replies know; returns what is behind. */
static const char *
check_placeholder(const struct reading *r, const char *text)
{
    static const char *const known[] = {
        "recipient", "sender", "used", "limit", "span",   "retry",
        "ref",       "client", "user", "help",  "domain", "list"};
    const char *end = strpbrk(text + 1, "{}");
    char name[32], hint[GUESS_TEXT];
    struct guess guess;
    size_t i, len = end == NULL ? 0 : (size_t)(end - text - 1);

    if (end == NULL || *end != '}' || len >= sizeof name) {
        reading_error(r, 0, "`{` without a name and `}` behind it");
        return text + 1;
    }
    memcpy(name, text + 1, len);
    name[len] = '\0';
    guess_start(&guess, name);
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i], name) == 0)
            return end + 1;
        guess_try(&guess, known[i]);
    }
    reading_error(r, 0, "no reply knows `{%s}`%s", name,
                  guess_print(&guess, hint));
    return end + 1;
}

/* SMTP replies are printable ASCII (RFC 5321 section 4.2). */
static void
check_reply(const struct reading *r, const char *text)
{
    const bool fields = r->setting->option->type == OPTION_REPLY;
    const char *p = text;

    if (*p == '\0')
        reading_error(r, 0, "the text is empty");
    while (*p != '\0') {
        if (fields && *p == '{') {
            p = check_placeholder(r, p);
        } else if (*p < ' ' || *p > '~') {
            reading_error(r, 0, "a reply can hold printable ASCII only");
            return;
        } else {
            p++;
        }
    }
}

static void
check_mailbox(const struct reading *r, const char *text)
{
    char name[CONTACT_NAME], address[ADDRESS_TEXT];

    if (!contact_mailbox(text, name, address))
        reading_error(r, 0,
                      "`%s` is no mailbox such as \"Example Mail "
                      "<postmaster@example.org>\"",
                      text);
}

enum ms_err
config_value_text(const struct reading *r)
{
    const struct config_setting *setting = r->setting;
    size_t i, len = 0, at = 0;
    char *text;

    for (i = 0; i < setting->n_terms; i++)
        len += strlen(reading_term(r, i)) + 1;
    if (len - 1 > setting->option->most) {
        reading_error(r, 0, "longer than %" PRIu64 " bytes",
                      setting->option->most);
        return MS_OK;
    }
    text = arena_get(r->build->arena, len);
    if (text == NULL)
        return MS_NOMEM;
    for (i = 0; i < setting->n_terms; i++) {
        if (i > 0)
            text[at++] = ' ';
        memcpy(text + at, reading_term(r, i), strlen(reading_term(r, i)));
        at += strlen(reading_term(r, i));
    }
    if (setting->option->type == OPTION_MAILBOX)
        check_mailbox(r, text);
    else if (setting->option->type != OPTION_TEXT)
        check_reply(r, text);
    return store_text(r, text);
}

enum ms_err
config_value_name(const struct reading *r)
{
    const char *name = reading_term(r, 0);

    if (*name == '\0')
        return store_text(r, NULL);
    if (strpbrk(name, ":/ \t\n") != NULL)
        reading_error(r, 0, "`%s` is no name of a user or group", name);
    return store_text(r, name);
}

enum ms_err
config_value_tag(const struct reading *r)
{
    const char *tag = reading_term(r, 0);
    const bool dots = r->setting->option->type == OPTION_DOTTED_TAG;
    size_t len = strspn(tag, "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

    if (!dots && memchr(tag, '.', len) != NULL)
        len = strcspn(tag, ".");
    if (tag[len] != '\0' || len == 0 || len > r->setting->option->most)
        reading_error(r, 0, "`%s` is not 1 to %" PRIu64 " letters, digits, %s",
                      tag, r->setting->option->most,
                      dots ? "dots, _ and -" : "_ and -");
    return store_text(r, tag);
}

/* The parser has made it absolute. */
enum ms_err
config_value_file(const struct reading *r)
{
    if (reading_term(r, 0)[0] == '\0')
        reading_error(r, 0, "the name of a file is missing");
    return store_text(r, reading_term(r, 0));
}

enum ms_err
config_value_path(const struct reading *r)
{
    if (reading_term(r, 0)[0] != '/')
        reading_error(r, 0, "`%s` does not begin with /", reading_term(r, 0));
    return store_text(r, reading_term(r, 0));
}

/* ----- dates */

enum ms_err
config_value_date(const struct reading *r)
{
    const bool yes = true;
    struct wall end;

    if (!date_parse(reading_term(r, 0), &end)) {
        reading_error(r, 0, "`%s` is no day such as 2027-03-31",
                      reading_term(r, 0));
        return MS_OK;
    }
    end.s += 86400;
    memcpy(reading_at(r), &end, sizeof end);
    memcpy(reading_count_at(r), &yes, sizeof yes);
    return MS_OK;
}

enum ms_err
config_value_domain(const struct reading *r)
{
    char domain[ADDRESS_DOMAIN_MAX + 1];

    if (address_domain(reading_term(r, 0), domain))
        return store_copy(r, domain);
    reading_error(r, 0, "`%s` is no domain name", reading_term(r, 0));
    return MS_OK;
}

enum ms_err
config_value_address(const struct reading *r)
{
    const char *text = reading_term(r, 0);

    if (!contact_is_address(text))
        reading_error(r, 0, "`%s` is no address such as help@example.org",
                      text);
    return store_text(r, text);
}
