/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/abuse_letter.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/field.h"
#include "ctl/when.h"
#include "policy/letters.h"
#include "policy/plain.h"

enum { TEXT = 8192, EVENTS_READ = 3000 };

/* ----- the words */

/* Of the notices' file. */
enum word {
    WORD_TIME,
    WORD_MONTHS,
    WORD_ACCOUNT,
    WORD_LINE,
    WORD_BULK_HOUR,
    WORD_BULK_DAY,
    WORD_BULK_NEW,
    WORD_CONTENT,
    WORD_UNKNOWN,
    WORD_COMPLAINTS,
    WORD_SPREAD,
    WORD_IDENTITY,
    WORD_STEPS_ACCOUNT,
    WORD_STEPS_LINE,
    WORD_HELP,
    WORD_HELP_MAIL,
    WORDS
};

static const struct letters_word words[WORDS] = {
    [WORD_TIME] = {"time", "day month month_name year clock zone"},
    [WORD_MONTHS] = {"months", ""},
    [WORD_ACCOUNT] = {"account", "name"},
    [WORD_LINE] = {"line", "name"},
    [WORD_BULK_HOUR] = {"bulk_hour", "n usual"},
    [WORD_BULK_DAY] = {"bulk_day", "n usual"},
    [WORD_BULK_NEW] = {"bulk_new", "n usual"},
    [WORD_CONTENT] = {"content", "n all"},
    [WORD_UNKNOWN] = {"unknown", "n"},
    [WORD_COMPLAINTS] = {"complaints", "n"},
    [WORD_SPREAD] = {"spread", "n usual"},
    [WORD_IDENTITY] = {"identity", "n usual"},
    [WORD_STEPS_ACCOUNT] = {"steps_account", ""},
    [WORD_STEPS_LINE] = {"steps_line", ""},
    [WORD_HELP] = {"help", "support"},
    [WORD_HELP_MAIL] = {"help_mail", "postmaster"},
};

/* Of the reports' own. */
enum own_word {
    OWN_AT,
    OWN_WATCHED,
    OWN_THROTTLED,
    OWN_QUARANTINED,
    OWN_REFUSED,
    OWN_COMPLAINT,
    OWN_BOUNCE,
    OWN_LISTED,
    OWN_MESSAGES,
    OWNS
};

static const struct letters_word own_words[OWNS] = {
    [OWN_AT] = {"at", "utc local what"},
    [OWN_WATCHED] = {"watched", ""},
    [OWN_THROTTLED] = {"throttled", ""},
    [OWN_QUARANTINED] = {"quarantined", ""},
    [OWN_REFUSED] = {"refused", ""},
    [OWN_COMPLAINT] = {"complaint", "id"},
    [OWN_BOUNCE] = {"bounce", "id"},
    [OWN_LISTED] = {"listed", "list"},
    [OWN_MESSAGES] = {"messages", "ids"},
};

static const char *const letter_names[] = {
    [ABUSE_CUSTOMER] = "report-customer",
    [ABUSE_PROVIDER] = "report-provider",
};

static const struct letters_shape words_shape = {
    .letter_fields = "",
    .subject_fields = "",
    .words = "words",
    .word = words,
    .n_words = WORDS,
    .months = WORD_MONTHS,
    .others = true,
};

static const struct letters_shape own_shape = {
    .letter = letter_names,
    .n_letters = sizeof(letter_names) / sizeof(letter_names[0]),
    .letter_fields = "name who evidence events messages steps help reference",
    .subject_fields = "name reference",
    .words = "report-words",
    .word = own_words,
    .n_words = OWNS,
    .months = OWNS,
};

/* ----- a letter on its way */

struct event {
    int64_t at_s;
    const char *what;
};

struct writing {
    const struct abuse *is;
    struct arena *arena;
    struct letters *words, *own;
    struct abuse_letter *out;
    struct event *event;
    size_t n_events;
    bool failed; /* no memory */
};

/* Lines of a list while they are put together. */
struct lines {
    char *text; /* TEXT bytes */
    size_t len;
};

static const char *keep(struct writing *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *
keep(struct writing *w, const char *format, ...)
{
    char *text = NULL, *copy = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n >= 0)
        copy = arena_dup(w->arena, text, (size_t)n);
    if (n >= 0)
        free(text);
    w->failed = w->failed || copy == NULL;
    return copy != NULL ? copy : "";
}

/* The phrase with fields, which NULL ends. */
static const char *
say(struct writing *w, struct letters *letters, size_t word,
    const struct letters_field *fields)
{
    static const struct letters_field none[] = {{NULL, NULL}};
    const char *text =
        letters_say(letters, word, fields != NULL ? fields : none, w->arena);

    w->failed = w->failed || text == NULL;
    return text != NULL ? text : "";
}

static const char *
say_one(struct writing *w, struct letters *letters, size_t word,
        const char *name, const char *value)
{
    const struct letters_field fields[] = {{name, value}, {NULL, NULL}};

    return say(w, letters, word, fields);
}

/* Foreign text of which nothing is known but that it is a string. */
static const char *
plain(const char *text)
{
    return plain_is_text(text) ? text : "?";
}

/* ----- times */

static const char *
say_month(struct writing *w, int month)
{
    static const char blanks[] = " \n";
    const char *names = say(w, w->words, WORD_MONTHS, NULL);

    for (names += strspn(names, blanks); month > 0; month--) {
        names += strcspn(names, blanks);
        names += strspn(names, blanks);
    }
    return keep(w, "%.*s", (int)strcspn(names, blanks), names);
}

static const char *
say_zone(struct writing *w, long minutes)
{
    long size = minutes < 0 ? -minutes : minutes;

    if (minutes == 0)
        return "UTC";
    return keep(w, "UTC%c%ld:%02ld", minutes < 0 ? '-' : '+', size / 60,
                size % 60);
}

static const char *
say_local(struct writing *w, int64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm tm;

    if (localtime_r(&at, &tm) == NULL)
        return "";
    return say(w, w->words, WORD_TIME,
               (struct letters_field[]){
                   {"day", keep(w, "%d", tm.tm_mday)},
                   {"month", keep(w, "%d", tm.tm_mon + 1)},
                   {"month_name", say_month(w, tm.tm_mon)},
                   {"year", keep(w, "%d", tm.tm_year + 1900)},
                   {"clock", keep(w, "%02d:%02d", tm.tm_hour, tm.tm_min)},
                   {"zone", say_zone(w, tm.tm_gmtoff / 60)},
                   {NULL, NULL}});
}

static const char *
say_utc(struct writing *w, int64_t at_s)
{
    char text[WHEN_TEXT] = "";
    time_t at = (time_t)at_s;
    struct tm tm;

    if (gmtime_r(&at, &tm) != NULL)
        (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
    return keep(w, "%s", text);
}

/* ----- what was seen, and which messages */

static void
add_event(struct writing *w, const json_t *row, const char *path,
          const char *what)
{
    int64_t at_s;

    if (!when_read(field_text(row, path), &at_s) || w->n_events == EVENTS_READ)
        return;
    w->event[w->n_events++] = (struct event){at_s, what};
    if (at_s > w->out->newest_s)
        w->out->newest_s = at_s;
}

static void
add_id(struct writing *w, const char *id)
{
    struct abuse_letter *out = w->out;
    size_t len = strlen(id);

    if (len == 0 || len >= ABUSE_ID || out->n_ids == ABUSE_IDS ||
        strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                   "0123456789") != len)
        return;
    for (size_t i = 0; i < out->n_ids; i++)
        if (strcmp(out->ids[i], id) == 0)
            return;
    memcpy(out->ids[out->n_ids++], id, len + 1);
}

static void
read_change(struct writing *w, const json_t *change)
{
    static const struct {
        const char *to;
        enum own_word word;
    } rows[] = {{"watched", OWN_WATCHED},
                {"throttled", OWN_THROTTLED},
                {"quarantined", OWN_QUARANTINED}};
    const json_t *id;
    size_t k;

    if (field_true(change, "observed"))
        return; /* nothing was done, and nobody was told */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(field_text(change, "to"), rows[i].to) != 0)
            continue;
        add_event(w, change, "at", say(w, w->own, rows[i].word, NULL));
        json_array_foreach(field_at(change, "ids"), k, id)
        {
            if (json_is_string(id))
                add_id(w, json_string_value(id));
        }
    }
}

/* Nothing of its detail: others may be named there. */
static void
read_report(struct writing *w, const json_t *report)
{
    const char *kind = field_text(report, "kind");
    const char *id = plain(field_text(report, "id"));

    if (strcmp(kind, "listed") == 0) {
        add_event(w, report, "at", say_one(w, w->own, OWN_LISTED, "list", id));
        return;
    }
    add_id(w, id);
    add_event(
        w, report, "at",
        say_one(w, w->own,
                strcmp(kind, "complaint") == 0 ? OWN_COMPLAINT : OWN_BOUNCE,
                "id", id));
}

static void
read_decision(struct writing *w, const json_t *decision)
{
    if (strcmp(field_text(decision, "deed"), "done") != 0)
        return;
    add_id(w, field_text(decision, "id"));
    add_event(w, decision, "time", say(w, w->own, OWN_REFUSED, NULL));
}

static int
compare(const void *a, const void *b)
{
    const struct event *one = a, *two = b;

    return (one->at_s > two->at_s) - (one->at_s < two->at_s);
}

static void
read_all(struct writing *w)
{
    const json_t *row;
    size_t i;

    json_array_foreach(w->is->changes, i, row)
    {
        read_change(w, row);
    }
    json_array_foreach(w->is->reports, i, row)
    {
        read_report(w, row);
    }
    json_array_foreach(w->is->decisions, i, row)
    {
        read_decision(w, row);
    }
    if (w->n_events > 0)
        qsort(w->event, w->n_events, sizeof(w->event[0]), compare);
    w->out->incidents = (unsigned)w->n_events;
}

/* ----- parts of the letter */

/* TEXT as an item; one that has no room is left out whole. */
static void
add_item(struct lines *to, const char *text)
{
    size_t more = 4;

    for (const char *p = text; *p != '\0'; p++)
        more += *p == '\n' ? 3 : 1;
    if (to->len + more >= TEXT)
        return;
    to->len += (size_t)snprintf(to->text + to->len, 4, "%s- ",
                                to->len > 0 ? "\n" : "");
    for (; *text != '\0'; text++) {
        to->text[to->len++] = *text;
        if (*text == '\n') {
            to->text[to->len++] = ' ';
            to->text[to->len++] = ' ';
        }
    }
    to->text[to->len] = '\0';
}

/* Figures: when it came to it, of a change; else of now. */
static const struct figure {
    enum word word;
    const char *then, *usual_then, *now, *usual;
    bool over; /* only what is more than usual */
} figures[] = {
    {WORD_BULK_HOUR, "numbers.hour", "numbers.usual_hour", "now.hour",
     "usual.hour", true},
    {WORD_BULK_DAY, "numbers.day", "numbers.usual_day", "now.day", "usual.day",
     true},
    {WORD_BULK_NEW, "numbers.new_day", "numbers.usual_new", "now.new",
     "usual.new", true},
    {WORD_CONTENT, "numbers.spam", "numbers.judged", "now.spam", "now.judged",
     false},
    {WORD_UNKNOWN, "numbers.unknown", "", "now.unknown", "", false},
    {WORD_COMPLAINTS, "numbers.complaints", "", "now.complaints", "", false},
    {WORD_SPREAD, "numbers.networks", "numbers.usual_networks", "now.networks",
     "usual.networks", true},
    {WORD_IDENTITY, "numbers.senders", "numbers.usual_senders", "now.senders",
     "usual.senders", true},
};

static void
add_figure(struct writing *w, struct lines *to, const struct figure *figure,
           const json_t *row, bool now)
{
    int64_t n = field_int(row, now ? figure->now : figure->then);
    int64_t usual = field_int(row, now ? figure->usual : figure->usual_then);
    const char *text = keep(w, "%" PRId64, usual);

    if (n <= 0 || (figure->over && n <= usual))
        return;
    add_item(to, say(w, w->words, figure->word,
                     (struct letters_field[]){{"n", keep(w, "%" PRId64, n)},
                                              {"usual", text},
                                              {"all", text},
                                              {NULL, NULL}}));
}

/* The newest change that something was done by. */
static const json_t *
newest_change(const struct writing *w)
{
    const json_t *change;
    size_t i;

    json_array_foreach(w->is->changes, i, change)
    {
        const char *to = field_text(change, "to");

        if (!field_true(change, "observed") && strcmp(to, "normal") != 0 &&
            strcmp(to, "probation") != 0)
            return change;
    }
    return NULL;
}

static const char *
say_evidence(struct writing *w)
{
    const json_t *change = newest_change(w);
    char text[TEXT] = "";
    struct lines to = {text, 0};

    if (change == NULL && w->is->only_then)
        return "";
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        add_figure(w, &to, &figures[i],
                   change != NULL ? change : field_at(w->is->subject, "zombie"),
                   change == NULL);
    return keep(w, "%s", text);
}

static const char *
say_events(struct writing *w)
{
    char text[TEXT] = "";
    struct lines to = {text, 0};
    size_t i = w->n_events > ABUSE_EVENTS ? w->n_events - ABUSE_EVENTS : 0;

    for (; i < w->n_events; i++) {
        const struct event *event = &w->event[i];

        add_item(&to, say(w, w->own, OWN_AT,
                          (struct letters_field[]){
                              {"utc", say_utc(w, event->at_s)},
                              {"local", say_local(w, event->at_s)},
                              {"what", event->what},
                              {NULL, NULL}}));
    }
    return keep(w, "%s", text);
}

static const char *
say_messages(struct writing *w)
{
    const char *all = "";

    for (size_t i = 0; i < w->out->n_ids; i++)
        all = keep(w, "%s%s%s", all,
                   i == 0       ? ""
                   : i % 5 == 0 ? ",\n"
                                : ", ",
                   w->out->ids[i]);
    return all[0] != '\0' ? say_one(w, w->own, OWN_MESSAGES, "ids", all) : "";
}

static const char *
say_help(struct writing *w)
{
    const struct abuse *is = w->is;
    const char *support =
        is->support != NULL && is->support[0] != '\0'
            ? say_one(w, w->words, WORD_HELP, "support", is->support)
            : "";
    const char *mail =
        is->mailbox != NULL && is->mailbox[0] != '\0'
            ? say_one(w, w->words, WORD_HELP_MAIL, "postmaster", is->mailbox)
            : "";

    return keep(w, "%s%s%s", support,
                support[0] != '\0' && mail[0] != '\0' ? "\n" : "", mail);
}

static enum ms_err
put_together(struct writing *w)
{
    const bool account =
        strcmp(field_text(w->is->subject, "kind"), "user") == 0;
    const char *name = plain(field_text(w->is->subject, "key"));
    const struct letters_field fields[] = {
        {"name", name},
        {"who", say_one(w, w->words, account ? WORD_ACCOUNT : WORD_LINE, "name",
                        name)},
        {"evidence", say_evidence(w)},
        {"events", say_events(w)},
        {"messages", say_messages(w)},
        {"steps", say(w, w->words,
                      account ? WORD_STEPS_ACCOUNT : WORD_STEPS_LINE, NULL)},
        {"help", say_help(w)},
        {"reference", plain(w->is->reference)},
        {NULL, NULL}};

    if (fields[2].value[0] == '\0' && w->n_events == 0)
        return MS_UNAVAIL;
    w->out->subject =
        letters_subject(w->own, (size_t)w->is->kind, fields, w->arena);
    w->out->body = letters_body(w->own, (size_t)w->is->kind, fields, w->arena);
    return w->failed || w->out->subject == NULL || w->out->body == NULL
               ? MS_NOMEM
               : MS_OK;
}

enum ms_err
abuse_letter_write(const struct abuse *abuse, struct arena *arena,
                   void (*line)(void *arg, const char *text), void *arg,
                   struct abuse_letter *out)
{
    struct writing w = {.is = abuse, .arena = arena, .out = out};
    enum ms_err err = letters_load(&words_shape, abuse->folder, abuse->language,
                                   line, arg, &w.words);

    memset(out, 0, sizeof(*out));
    if (err == MS_OK)
        err = letters_load(&own_shape, abuse->folder, abuse->language, line,
                           arg, &w.own);
    if (err == MS_OK) {
        w.event = arena_array(arena, EVENTS_READ, sizeof(*w.event));
        err = w.event != NULL ? MS_OK : MS_NOMEM;
    } else if (err == MS_UNAVAIL) {
        err = MS_INVALID; /* a file is missing */
    }
    if (err == MS_OK) {
        read_all(&w);
        err = put_together(&w);
    }
    letters_destroy(w.own);
    letters_destroy(w.words);
    return err;
}
