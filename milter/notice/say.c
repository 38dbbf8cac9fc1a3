/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "milter/notice/letter.h"
#include "policy/plain.h"
#include "policy/zombie.h"

enum { TEXT = 2048, FIELDS = 24 };

/* A letter on its way. */
struct saying {
    const struct say *is;
    const struct evidence *e;
    struct arena *arena;
    bool failed; /* no memory */
};

#define NO_FIELDS                                                              \
    (struct letters_field[])                                                   \
    {                                                                          \
        {                                                                      \
            NULL, NULL                                                         \
        }                                                                      \
    }

/* ----- small parts */

static const char *print(struct saying *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* At most TEXT bytes: all that is said so is ours or bounded. */
static const char *
print(struct saying *s, const char *format, ...)
{
    char text[TEXT];
    const char *copy;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    copy = arena_dup(s->arena, text, strlen(text));
    s->failed = s->failed || copy == NULL;
    return copy != NULL ? copy : "";
}

static const char *
say(struct saying *s, enum template_word word,
    const struct letters_field *fields)
{
    const char *text = letters_say(s->is->templates, word, fields, s->arena);

    s->failed = s->failed || text == NULL;
    return text != NULL ? text : "";
}

static const char *
say_plain(struct saying *s, enum template_word word)
{
    return say(s, word, NO_FIELDS);
}

static const char *
say_one(struct saying *s, enum template_word word, const char *name,
        const char *value)
{
    const struct letters_field fields[] = {{name, value}, {NULL, NULL}};

    return say(s, word, fields);
}

static const char *
say_zone(struct saying *s, long minutes)
{
    long size = minutes < 0 ? -minutes : minutes;

    if (minutes == 0)
        return "UTC";
    return print(s, "UTC%c%ld:%02ld", minutes < 0 ? '-' : '+', size / 60,
                 size % 60);
}

/* The month's name, of twelve that blanks part; MONTH from 0 on. */
static const char *
say_month(struct saying *s, int month)
{
    static const char blanks[] = " \n";
    const char *names = say_plain(s, WORD_MONTHS);

    for (names += strspn(names, blanks); month > 0; month--) {
        names += strcspn(names, blanks);
        names += strspn(names, blanks);
    }
    return print(s, "%.*s", (int)strcspn(names, blanks), names);
}

static const char *
say_time(struct saying *s, int64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm tm;
    struct letters_field fields[] = {
        {"day", ""},   {"month", ""}, {"month_name", ""}, {"year", ""},
        {"clock", ""}, {"zone", ""},  {NULL, NULL}};

    if (localtime_r(&at, &tm) == NULL)
        return "";
    fields[0].value = print(s, "%d", tm.tm_mday);
    fields[1].value = print(s, "%d", tm.tm_mon + 1);
    fields[2].value = say_month(s, tm.tm_mon);
    fields[3].value = print(s, "%d", tm.tm_year + 1900);
    fields[4].value = print(s, "%02d:%02d", tm.tm_hour, tm.tm_min);
    fields[5].value = say_zone(s, tm.tm_gmtoff / 60);
    return say(s, WORD_TIME, fields);
}

/* Foreign text of which nothing is known but that it is a string. */
static const char *
plain(const char *text)
{
    return plain_is_text(text) ? text : "?";
}

/* ----- whom it is about */

/* The name as it is, if nobody can be misled by it. */
static const char *
name_of(struct saying *s)
{
    const struct subject *subject = &s->is->change->subject;
    char one[SUBJECT_PART_MAX + 1], two[SUBJECT_PART_MAX + 1];
    char printed[SUBJECT_TEXT];
    enum subject_kind kind;

    (void)subject_print(subject, printed);
    if (!subject_part(subject, 0, &kind, one) || !plain_is_text(one))
        return print(s, "%s", printed);
    if (!subject_part(subject, 1, &kind, two))
        return print(s, "%s", one);
    return plain_is_text(two) ? print(s, "%s, %s", one, two)
                              : print(s, "%s", printed);
}

static const char *
short_name(struct saying *s, const char *name)
{
    size_t len = strlen(name);

    if (len <= SAY_NAME)
        return name;
    for (len = SAY_NAME; ((unsigned char)name[len] & 0xc0) == 0x80;)
        len--;
    return print(s, "%.*s...", (int)len, name);
}

static bool
is_account(const struct change *change)
{
    return change->subject.kind == SUBJECT_USER;
}

/* ----- evidence */

struct numbers {
    char *text; /* TEXT bytes */
    size_t len;
};

/* TEXT as an item of the list; one that has no room is left out whole. */
static void
add_item(struct numbers *to, const char *text)
{
    size_t len = to->len, more = 3 + (len > 0 ? 1 : 0);

    for (const char *p = text; *p != '\0'; p++)
        more += *p == '\n' ? 3 : 1;
    if (len + more >= TEXT)
        return;
    len += (size_t)snprintf(to->text + len, 4, "%s- ", len > 0 ? "\n" : "");
    for (; *text != '\0'; text++) {
        to->text[len++] = *text;
        if (*text == '\n') {
            to->text[len++] = ' ';
            to->text[len++] = ' ';
        }
    }
    to->text[len] = '\0';
    to->len = len;
}

static void
add_line(struct saying *s, struct numbers *to, enum template_word word,
         uint32_t n, uint32_t usual)
{
    const struct letters_field fields[] = {
        {"n", print(s, "%u", n)},
        {"usual", print(s, "%u", usual)},
        {"all", print(s, "%u", usual)},
        {NULL, NULL},
    };

    add_item(to, say(s, word, fields));
}

static void
add_bulk(struct saying *s, struct numbers *to)
{
    const struct evidence *e = s->e;

    if (e->hour > e->usual_hour ||
        (e->day <= e->usual_day && e->new_day <= e->usual_new))
        add_line(s, to, WORD_BULK_HOUR, e->hour, e->usual_hour);
    if (e->day > e->usual_day)
        add_line(s, to, WORD_BULK_DAY, e->day, e->usual_day);
    if (e->new_day > e->usual_new)
        add_line(s, to, WORD_BULK_NEW, e->new_day, e->usual_new);
}

static void
add_family(struct saying *s, struct numbers *to, enum family family)
{
    const struct evidence *e = s->e;

    switch (family) {
    case FAMILY_BULK:
        add_bulk(s, to);
        break;
    case FAMILY_CONTENT:
        add_line(s, to, WORD_CONTENT, e->spam, e->judged);
        break;
    case FAMILY_RECEPTION:
        if (e->unknown > 0)
            add_line(s, to, WORD_UNKNOWN, e->unknown, 0);
        if (e->complaints > 0)
            add_line(s, to, WORD_COMPLAINTS, e->complaints, 0);
        break;
    case FAMILY_SPREAD:
        add_line(s, to, WORD_SPREAD, e->networks, e->usual_networks);
        break;
    case FAMILY_IDENTITY:
        add_line(s, to, WORD_IDENTITY, e->senders, e->usual_senders);
        break;
    case FAMILIES:
        break;
    }
}

/* The strongest first. */
static const char *
say_evidence(struct saying *s)
{
    char text[TEXT] = "";
    struct numbers to = {text, 0};
    bool told[FAMILIES] = {false};

    for (unsigned turn = 0; turn < FAMILIES; turn++) {
        unsigned best = FAMILIES;

        for (unsigned f = 0; f < FAMILIES; f++)
            if (!told[f] && s->e->tenths[f] > 0 &&
                (best == FAMILIES || s->e->tenths[f] > s->e->tenths[best]))
                best = f;
        if (best == FAMILIES)
            break;
        told[best] = true;
        add_family(s, &to, (enum family)best);
    }
    if (s->e->cause == CAUSE_OPERATOR || to.len == 0) {
        to.len = 0;
        add_item(&to, say_plain(s, WORD_BY_HAND));
    }
    return print(s, "%s", text);
}

/* ----- what is done, how it ends, what to do */

static const char *
say_action(struct saying *s)
{
    const struct change *change = s->is->change;
    const struct zombie *rule = say_rule(s->is->config, change);
    enum zombie_action action = rule != NULL         ? rule->action
                                : is_account(change) ? ZOMBIE_REJECT
                                                     : ZOMBIE_DEFER;

    if (s->e->to == STANDING_THROTTLED)
        return say_one(s,
                       rule != NULL && rule->throttle == ZOMBIE_THROTTLE_HOLD
                           ? WORD_SLOWED_HELD
                           : WORD_SLOWED,
                       "rate", print(s, "%u", change->throttle));
    if (s->e->to != STANDING_QUARANTINED)
        return "";
    return say_plain(s, action == ZOMBIE_REJECT  ? WORD_REFUSED
                        : action == ZOMBIE_DEFER ? WORD_DEFERRED
                                                 : WORD_HELD);
}

static const char *
say_end(struct saying *s)
{
    const struct change *change = s->is->change;

    if (s->e->to != STANDING_THROTTLED && s->e->to != STANDING_QUARANTINED)
        return "";
    if (change->until_s > 0)
        return say_one(s, WORD_ENDS_AT, "until", say_time(s, change->until_s));
    return say_plain(s, s->e->to == STANDING_THROTTLED ? WORD_ENDS_SLOWED
                                                       : WORD_ENDS_NEVER);
}

static const char *
say_reason(struct saying *s)
{
    switch (s->e->cause) {
    case CAUSE_CUSTOMER:
        return say_plain(s, WORD_RELEASED_CODE);
    case CAUSE_TIME:
    case CAUSE_LADDER:
        return say_plain(s, WORD_RELEASED_TIME);
    case CAUSE_NONE:
    case CAUSE_EVIDENCE:
    case CAUSE_OPERATOR:
    case CAUSE_BREAKER:
    case CAUSE_FREEZE:
    case CAUSE_ENFORCE:
    case CAUSE_LEASE:
    case CAUSES:
        break;
    }
    return say_plain(s, WORD_RELEASED_OPERATOR);
}

/* A mailbox that takes mail from somebody who is stopped, too. */
static const char *
help_mailbox(struct saying *s)
{
    const struct config *config = s->is->config;
    struct mailbox from;

    if (config->n_support_rcpts > 0)
        return config->support_rcpts[0];
    if (letter_mailbox(config->notice.from, &from, NULL) != MS_OK)
        return "";
    return print(s, "postmaster%s", strchr(from.address, '@'));
}

static const char *
say_help(struct saying *s)
{
    const char *support = s->is->config->support;
    const char *mail =
        say_one(s, WORD_HELP_MAIL, "postmaster", help_mailbox(s));

    if (support == NULL || support[0] == '\0')
        return mail;
    return print(s, "%s\n%s", say_one(s, WORD_HELP, "support", support), mail);
}

static const char *
say_held(struct saying *s)
{
    const struct zombie *rule = say_rule(s->is->config, s->is->change);
    bool holds = rule != NULL && rule->action == ZOMBIE_HOLD;

    return holds && s->e->from == STANDING_QUARANTINED
               ? say_plain(s, WORD_HELD_LEFT)
               : "";
}

/* ----- for the operator */

static const char *
say_standing(struct saying *s, enum standing standing)
{
    static const enum template_word words[] = {
        [STANDING_NORMAL] = WORD_NORMAL,
        [STANDING_WATCHED] = WORD_WATCHED,
        [STANDING_THROTTLED] = WORD_THROTTLED,
        [STANDING_QUARANTINED] = WORD_QUARANTINED,
        [STANDING_PROBATION] = WORD_PROBATION,
    };

    return say_plain(s, words[standing]);
}

static const char *
say_messages(struct saying *s)
{
    const struct change *change = s->is->change;
    const char *all = "";

    for (size_t i = 0; i < change->n_ids; i++)
        all = print(s, "%s%s%s", all, i > 0 ? ", " : "", plain(change->ids[i]));
    return all;
}

static const char *
say_told(struct saying *s)
{
    return s->is->told[0] != '\0' ? say_one(s, WORD_TOLD, "to", s->is->told)
                                  : say_plain(s, WORD_NOT_TOLD);
}

static const char *
say_score(struct saying *s)
{
    unsigned tenths = evidence_score(s->e);

    return print(s, "%u.%u", tenths / 10, tenths % 10);
}

static const char *
say_code(struct saying *s)
{
    return s->is->code[0] != '\0' ? say_one(s, WORD_CODE, "code", s->is->code)
                                  : "";
}

/* ----- all of it */

static void
fill_in(struct saying *s, struct letters_field *fields)
{
    const struct change *change = s->is->change;
    const char *name = name_of(s);
    char printed[SUBJECT_TEXT];
    const struct letters_field all[] = {
        {"name", short_name(s, name)},
        {"who", say_one(s, is_account(change) ? WORD_ACCOUNT : WORD_LINE,
                        "name", name)},
        {"time", say_time(s, s->e->at_s)},
        {"evidence", say_evidence(s)},
        {"action", say_action(s)},
        {"ends", say_end(s)},
        {"code", say_code(s)},
        {"steps", say_plain(s, is_account(change) ? WORD_STEPS_ACCOUNT
                                                  : WORD_STEPS_LINE)},
        {"help", say_help(s)},
        {"reason", say_reason(s)},
        {"held", say_held(s)},
        {"reference", change->id},
        {"subject", print(s, "%s", subject_print(&change->subject, printed))},
        {"standing", say_standing(s, s->e->to)},
        {"before", say_standing(s, s->e->from)},
        {"rule", change->rule},
        {"score", say_score(s)},
        {"messages", say_messages(s)},
        {"host", plain(change->host)},
        {"by", plain(change->by)},
        {"note", plain(change->note)},
        {"told", say_told(s)},
        {NULL, NULL},
    };

    _Static_assert(sizeof(all) <= FIELDS * sizeof(all[0]), "all have room");
    memcpy(fields, all, sizeof(all));
}

enum ms_err
say_letter(const struct say *what, struct arena *arena, const char **subject,
           const char **body)
{
    struct saying s = {what, &what->change->evidence, arena, false};
    struct letters_field fields[FIELDS];
    const char *head, *text;

    fill_in(&s, fields);
    head = letters_subject(what->templates, what->kind, fields, arena);
    text = letters_body(what->templates, what->kind, fields, arena);
    if (s.failed || head == NULL || text == NULL)
        return MS_NOMEM;
    *subject = head;
    *body = text;
    return MS_OK;
}

const struct zombie *
say_rule(const struct config *config, const struct change *change)
{
    static const char mark[] = "zombie.";
    enum network_class class;

    if (strncmp(change->rule, mark, strlen(mark)) == 0)
        for (size_t i = 0; i < config->n_zombies; i++)
            if (strcmp(config->zombies[i]->name, change->rule + strlen(mark)) ==
                0)
                return config->zombies[i];
    return zombie_of(config, &change->subject,
                     (struct wall){change->evidence.at_s}, &class);
}
