/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What letters say and how they are written: in every language there is, with
 * names that want to be something else, and templates that are wrong.
 */
#include <config.h>

#include "milter/notice/letter.h"
#include "milter/notice/mime.h"
#include "milter/notice/say.h"
#include "milter/notice/template.h"
#include "policy/plain.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test/heard.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { NOON_S = 1767787200, ROOM = 1 << 16 };

static const char *const languages[] = {"de", "en", "es", "fr",
                                        "it", "nl", "pl", "pt"};

static const char *
folder(void)
{
    static char path[1024];
    const char *top = getenv("top_srcdir");

    (void)snprintf(path, sizeof(path), "%s/contrib/notices",
                   top != NULL ? top : "../..");
    return path;
}

/* ----- encodings */

static char *
written(void (*write)(FILE *out, const char *text), const char *text)
{
    char *out = NULL;
    size_t len;
    FILE *to = open_memstream(&out, &len);

    assert_non_null(to);
    write(to, text);
    assert_int_equal(fclose(to), 0);
    return out;
}

static void
write_quoted(FILE *out, const char *text)
{
    mime_body(out, MIME_QUOTED, text);
}

static void
write_base64(FILE *out, const char *text)
{
    mime_body(out, MIME_BASE64, text);
}

static void
write_subject(FILE *out, const char *text)
{
    mime_header(out, "Subject", text);
}

#define A50 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"

static void
test_encodings(void **state)
{
    static const struct {
        const char *row;
        void (*write)(FILE *out, const char *text);
        const char *text, *out;
    } rows[] = {
        {"ASCII stands for itself", write_quoted, "a=b\n\nc\n",
         "a=3Db\r\n\r\nc\r\n"},
        {"UTF-8 is coded", write_quoted, "f\xc3\xbcr\n", "f=C3=BCr\r\n"},
        {"a blank at the end of a line", write_quoted, "a \nb",
         "a=20\r\nb\r\n"},
        {"a full stop in front", write_quoted, ".\n..\n", "=2E\r\n=2E.\r\n"},
        {"From in front", write_quoted, "From me\nFrom\n",
         "=46rom me\r\nFrom\r\n"},
        {"76 characters are a line", write_quoted,
         A50 "ffffffffffgggggggggg123456\n",
         A50 "ffffffffffgggggggggg123456\r\n"},
        {"77 are two", write_quoted, A50 "ffffffffffgggggggggg1234567\n",
         A50 "ffffffffffgggggggggg12345=\r\n67\r\n"},
        {"a code is not parted", write_quoted,
         A50 "ffffffffffgggggggggg12345\xc3\xbc\n",
         A50 "ffffffffffgggggggggg12345=\r\n=C3=BC\r\n"},
        {"base64 of one byte", write_base64, "a", "YQ==\r\n"},
        {"of two", write_base64, "ab", "YWI=\r\n"},
        {"of three, and a line's end is CRLF", write_base64, "a\n", "YQ0K\r\n"},
        {"base64 is folded behind 76 characters", write_base64, A50 "1234567x",
         "YWFhYWFhYWFhYWJiYmJiYmJiYmJjY2NjY2NjY2NjZGRkZGRkZGRk"
         "ZGVlZWVlZWVlZWUxMjM0NTY3\r\neA==\r\n"},
        {"a subject of ASCII", write_subject, "It is so",
         "Subject: It is so\r\n"},
        {"one of UTF-8", write_subject, "\xc3\x84rger, sehr",
         "Subject: =?utf-8?q?=C3=84rger=2C_sehr?=\r\n"},
        {"what looks coded is coded", write_subject,
         "=?utf-8?q?x?=", "Subject: =?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=\r\n"},
        {"a control character stays in it", write_subject,
         "a\r\nBcc: x@example.org",
         "Subject: =?utf-8?q?a=0D=0ABcc=3A_x=40example=2Eorg?=\r\n"},
        {"a long one is folded", write_subject, A50 " ffffffffff gggggggggg",
         "Subject: " A50 " ffffffffff\r\n gggggggggg\r\n"},
        {"a word without an end is coded, in parts", write_subject,
         A50 "ffffffffffgggggggggg",
         "Subject: "
         "=?utf-8?q?" A50 "fffff?=\r\n =?utf-8?q?fffffgggggggggg?=\r\n"},
        {"no character is parted", write_subject,
         A50 "\xe2\x82\xac\xe2\x82\xac",
         "Subject: =?utf-8?q?" A50 "?=\r\n =?utf-8?q?=E2=82=AC=E2=82=AC?=\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *out = written(rows[i].write, rows[i].text);

        if (strcmp(out, rows[i].out) != 0)
            fail_msg("%s: %s", rows[i].row, out);
        free(out);
    }
}

static void
test_choice(void **state)
{
    (void)state;
    assert_int_equal(mime_choose("Guten Tag, f\xc3\xbcr alle\n"), MIME_QUOTED);
    assert_int_equal(mime_choose("\xd0\xbf\xd1\x80\xd0\xb8\n"), MIME_BASE64);
    assert_int_equal(mime_choose(""), MIME_QUOTED);
}

static void
test_utf8(void **state)
{
    static const struct {
        const char *row, *text;
        bool utf8, plain;
    } rows[] = {
        {"ASCII", "abc", true, true},
        {"two, three, four bytes", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true,
         true},
        {"a byte alone", "\xe4", false, false},
        {"one that has no end", "\xe2\x82", false, false},
        {"overlong", "\xc0\xaf", false, false},
        {"half a pair", "\xed\xa0\x80", false, false},
        {"behind the last", "\xf4\x90\x80\x80", false, false},
        {"a line's end", "a\nb", true, false},
        {"C1", "\xc2\x85", true, false},
        {"text turned round",
         "a\xe2\x80\xae"
         "b",
         true, false},
        {"nothing of any width", "a\xe2\x80\x8b", true, false},
        {"a soft hyphen", "a\xc2\xad", true, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        expect(rows[i].row, plain_is_utf8(rows[i].text, strlen(rows[i].text)) ==
                                rows[i].utf8);
        expect(rows[i].row, plain_is_text(rows[i].text) == rows[i].plain);
    }
}

/* ----- the whole */

static struct config *
a_config(const char *more)
{
    static char text[4096];
    static struct heard heard;
    struct config *config = NULL;

    (void)snprintf(text, sizeof(text),
                   "domains local { list = example.org }\n"
                   "notice {\n"
                   "    from = \"Example M\xc3\xa4il <pm@example.org>\"\n"
                   "    language = en, de, es, fr, it, nl, pl, pt\n"
                   "    smtp = inet:10027@127.0.0.1\n"
                   "    templates = \"%s\"\n"
                   "}\n%s",
                   folder(), more);
    if (heard_load(&heard, text, NOON_S, &config) != MS_OK)
        fail_msg("%s", heard.text);
    return config;
}

static struct change
a_change(enum standing from, enum standing to)
{
    struct change change = {
        .id = "7K2M9QXD",
        .host = "mx1.example.org",
        .rule = "zombie.account",
        .throttle = 24,
        .n_ids = 2,
        .ids = {"4Xk2Wz0q3zz", "4Xk2Wz0q3zy"},
        .evidence = {.at_s = NOON_S,
                     .cause = CAUSE_EVIDENCE,
                     .tenths = {241, 380, 20, 15, 10},
                     .hour = 311,
                     .usual_hour = 24,
                     .day = 330,
                     .usual_day = 60,
                     .new_day = 290,
                     .usual_new = 12,
                     .spam = 12,
                     .judged = 20,
                     .unknown = 7,
                     .complaints = 2,
                     .networks = 9,
                     .usual_networks = 1,
                     .senders = 5,
                     .usual_senders = 2},
    };

    change.evidence.from = from;
    change.evidence.to = to;
    assert_true(subject_make(SUBJECT_USER, "ann@example.org", &change.subject));
    return change;
}

static void
say_error(void *arg, const char *line)
{
    struct heard *heard = arg;

    heard_line(heard, "", line);
}

/* What is said, in *SUBJECT and *BODY, kept by ARENA; or why not. */
static enum ms_err
say_in(const char *language, const struct config *config,
       const struct change *change, enum notice_kind kind, struct arena *arena,
       const char **subject, const char **body)
{
    struct letters *templates = NULL;
    static struct heard heard;
    enum ms_err err;

    heard.text[0] = '\0';
    err = template_load(folder(), language, say_error, &heard, &templates);
    if (err == MS_OK) {
        const struct say say = {config, change, templates,
                                kind,   "",     "ann@example.net"};

        err = say_letter(&say, arena, subject, body);
    }
    if (err != MS_OK && err != MS_NOMEM)
        fail_msg("%s", heard.text);
    letters_destroy(templates);
    return err;
}

static struct change
change_for(enum notice_kind kind)
{
    return kind == NOTICE_THROTTLED
               ? a_change(STANDING_WATCHED, STANDING_THROTTLED)
           : kind == NOTICE_RELEASED
               ? a_change(STANDING_QUARANTINED, STANDING_PROBATION)
               : a_change(STANDING_THROTTLED, STANDING_QUARANTINED);
}

/* Words that only English has, if a phrase had been forgotten. */
static void
check_no_english(const char *language, const char *body)
{
    static const char *const words[] = {" the ",  " your ", "recipients",
                                        " hour",  " usual", "stopped",
                                        " have ", "slowed"};

    for (size_t i = 0; strcmp(language, "en") != 0 && i < ROWS(words); i++)
        if (strstr(body, words[i]) != NULL)
            fail_msg("%s: %s", language, words[i]);
}

/* Numbers that must be told, whatever the language. */
static void
check_numbers(const char *row, const char *body)
{
    static const char *const numbers[] = {"311", "330", "290", "12", "20",
                                          "60",  "24",  "7",   "9",  "5"};

    for (size_t i = 0; i < ROWS(numbers); i++)
        if (strstr(body, numbers[i]) == NULL)
            fail_msg("%s: no %s", row, numbers[i]);
}

static void
check_letter(const struct config *config, const char *language,
             enum notice_kind kind)
{
    struct change change = change_for(kind);
    const char *subject, *body;
    struct arena *arena;
    char row[64];

    (void)snprintf(row, sizeof(row), "%s %s", language, notice_kind_name(kind));
    assert_int_equal(arena_create(&arena), MS_OK);
    assert_int_equal(
        say_in(language, config, &change, kind, arena, &subject, &body), MS_OK);
    expect(row, strpbrk(body, "{}") == NULL);
    expect(row, strstr(body, "\n\n\n") == NULL);
    expect(row, strstr(body, "7K2M9QXD") != NULL);
    expect(row, strstr(body, "ann@example.org") != NULL);
    expect(row, strstr(subject, "ann@example.org") != NULL);
    if (kind != NOTICE_POSTMASTER)
        expect(row, strstr(body, "postmaster@example.org") != NULL);
    if (kind != NOTICE_RELEASED)
        check_numbers(row, body);
    check_no_english(language, body);
    for (const char *p = body, *end; (end = strchr(p, '\n')) != NULL;
         p = end + 1)
        expect(row, end - p <= 100);
    arena_destroy(arena);
}

static void
test_languages(void **state)
{
    struct config *config = a_config("");

    (void)state;
    for (size_t i = 0; i < ROWS(languages); i++)
        for (unsigned kind = 0; kind < NOTICE_KINDS; kind++)
            check_letter(config, languages[i], (enum notice_kind)kind);
    config_destroy(config);
}

/* The letter of KIND about CHANGE as it goes out; the caller's to free(). */
static char *
a_letter(const char *language, const struct config *config,
         const struct change *change, enum notice_kind kind)
{
    struct mailbox from;
    struct letter letter = {.from = &from,
                            .to = "bob@example.net",
                            .language = language,
                            .id = "mortsafe.7K2M9QXD.1.2",
                            .at_s = NOON_S};
    struct arena *arena;
    char *out = NULL;

    assert_int_equal(arena_create(&arena), MS_OK);
    assert_int_equal(letter_mailbox(config->notice.from, &from, NULL), MS_OK);
    assert_int_equal(say_in(language, config, change, kind, arena,
                            &letter.subject, &letter.body),
                     MS_OK);
    assert_int_equal(letter_write(&letter, &out), MS_OK);
    arena_destroy(arena);
    return out;
}

#define HEAD                                                                   \
    "From: =?utf-8?q?Example_M=C3=A4il?=\r\n <pm@example.org>\r\n"             \
    "To: bob@example.net\r\n"
#define TAIL(language)                                                         \
    "Date: Wed, 7 Jan 2026 12:00:00 +0000\r\n"                                 \
    "Message-ID: <mortsafe.7K2M9QXD.1.2@example.org>\r\n"                      \
    "MIME-Version: 1.0\r\n"                                                    \
    "Content-Type: text/plain; charset=utf-8\r\n"                              \
    "Content-Transfer-Encoding: quoted-printable\r\n"                          \
    "Content-Language: " language "\r\n"                                       \
    "Auto-Submitted: auto-generated\r\n"                                       \
    "X-Auto-Response-Suppress: All\r\n"                                        \
    "\r\n"

static void
test_headers(void **state)
{
    static const struct {
        const char *language, *head;
    } rows[] = {
        {"de", HEAD "Subject: Wir haben Ihren Mailversand gestoppt: "
                    "ann@example.org\r\n" TAIL("de")},
        {"en", HEAD "Subject: We have stopped your outgoing mail: "
                    "ann@example.org\r\n" TAIL("en")},
        {"es", HEAD "Subject: Hemos detenido su correo saliente: "
                    "ann@example.org\r\n" TAIL("es")},
        {"fr", HEAD "Subject: =?utf-8?q?Nous_avons_arr=C3=AAt=C3=A9_votre_"
                    "courrier_sortant_=3A_?=\r\n"
                    " =?utf-8?q?ann=40example=2Eorg?=\r\n" TAIL("fr")},
        {"it", HEAD "Subject: Abbiamo fermato la Sua posta in uscita: "
                    "ann@example.org\r\n" TAIL("it")},
        {"nl", HEAD "Subject: Wij hebben uw uitgaande mail gestopt: "
                    "ann@example.org\r\n" TAIL("nl")},
        {"pl", HEAD "Subject: =?utf-8?q?Zatrzymali=C5=9Bmy_poczt=C4=99_"
                    "wychodz=C4=85c=C4=85=3A_?=\r\n"
                    " =?utf-8?q?ann=40example=2Eorg?=\r\n" TAIL("pl")},
        {"pt", HEAD "Subject: =?utf-8?q?Par=C3=A1mos_o_seu_correio_de_"
                    "sa=C3=ADda=3A_ann=40examp?=\r\n"
                    " =?utf-8?q?le=2Eorg?=\r\n" TAIL("pt")},
    };
    struct change change = change_for(NOTICE_QUARANTINED);
    struct config *config = a_config("");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *letter =
            a_letter(rows[i].language, config, &change, NOTICE_QUARANTINED);

        if (strncmp(letter, rows[i].head, strlen(rows[i].head)) != 0)
            fail_msg("%s:\n%.1500s", rows[i].language, letter);
        free(letter);
    }
    config_destroy(config);
}

/* Every line as short as it must be, and CR only before LF. */
static void
check_lines(const char *row, const char *letter)
{
    const char *body = strstr(letter, "\r\n\r\n");

    expect(row, body != NULL);
    for (const char *p = letter, *end; *p != '\0'; p = end + 2) {
        end = strstr(p, "\r\n");
        expect(row, end != NULL);
        expect(row, memchr(p, '\n', (size_t)(end - p)) == NULL);
        expect(row, memchr(p, '\r', (size_t)(end - p)) == NULL);
        expect(row, end - p <= MIME_LINE);
        for (const char *c = p; c < end; c++)
            expect(row, *c >= ' ' && *c <= '~');
    }
}

static void
test_hostile_names(void **state)
{
    static char longest[SUBJECT_PART_MAX + 1];
    static const struct {
        const char *row, *name, *shown;
    } rows[] = {
        {"a new header", "ann\r\nBcc: eve@example.com",
         "ann\\x0D\\x0ABcc: eve@example.com"},
        {"one that is coded", "ann%0d%0aBcc: eve", "ann%0d%0aBcc: eve"},
        {"the end of the header", "a\n\nbody", "a\\x0A\\x0Abody"},
        {"quotes", "\"ann\" <eve@example.com>", "\"ann\" <eve@example.com>"},
        {"a coded word", "=?utf-8?q?eve?=", "=?utf-8?q?eve?="},
        {"a field", "{code}{steps}", "{code}{steps}"},
        {"UTF-8", "j\xc3\xb6rg@example.org", "j\xc3\xb6rg@example.org"},
        {"what is none", "j\xf6rg", "j\\xF6rg"},
        {"text turned round", "\xe2\x80\xae", "\\xE2\\x80\\xAE"},
        {"a very long one", longest,
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxx..."},
    };
    struct config *config = a_config("");

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct change change = change_for(NOTICE_QUARANTINED);
        const char *subject, *body;
        struct arena *arena;
        char *letter;

        assert_true(subject_make(SUBJECT_USER, rows[i].name, &change.subject));
        assert_int_equal(arena_create(&arena), MS_OK);
        assert_int_equal(say_in("en", config, &change, NOTICE_QUARANTINED,
                                arena, &subject, &body),
                         MS_OK);
        if (strstr(subject, rows[i].shown) == NULL)
            fail_msg("%s: %s", rows[i].row, subject);
        expect(rows[i].row, strchr(subject, '\n') == NULL);
        letter = a_letter("en", config, &change, NOTICE_QUARANTINED);
        check_lines(rows[i].row, letter);
        expect(rows[i].row, strstr(letter, "\r\nBcc") == NULL);
        free(letter);
        arena_destroy(arena);
    }
    config_destroy(config);
}

static void
test_what_is_said(void **state)
{
    static const struct {
        const char *row, *more;
        enum standing from, to;
        enum evidence_cause cause;
        int64_t until_s;
        bool line;
        const char *says, *not ;
    } rows[] = {
        {"a login is refused unless the rule says otherwise", "",
         STANDING_THROTTLED, STANDING_QUARANTINED, CAUSE_EVIDENCE, 0, false,
         "is refused, and comes back", "waits in the queue"},
        {"a rule that holds is told so",
         "zombie account { quarantine = hold }\n", STANDING_THROTTLED,
         STANDING_QUARANTINED, CAUSE_EVIDENCE, 0, false,
         "is held by us until somebody", "is refused"},
        {"what has no end says that a person has to", "", STANDING_THROTTLED,
         STANDING_QUARANTINED, CAUSE_EVIDENCE, 0, false,
         "does not end by itself", "ends by itself:"},
        {"what has one says when", "", STANDING_THROTTLED, STANDING_QUARANTINED,
         CAUSE_EVIDENCE, NOON_S + 86400, false,
         "ends by itself: 8 January 2026, 12:00 (UTC)", "does not end"},
        {"throttling tells its rate", "", STANDING_WATCHED, STANDING_THROTTLED,
         CAUSE_EVIDENCE, 0, false, "at most 24 recipients an hour",
         "is refused, and"},
        {"by hand there are no numbers", "", STANDING_NORMAL,
         STANDING_QUARANTINED, CAUSE_OPERATOR, 0, false, "decided so by hand",
         "311"},
        {"a line has other steps", "", STANDING_NORMAL, STANDING_QUARANTINED,
         CAUSE_EVIDENCE, 0, true, "the router", "mail program on all"},
        {"support is named where it is configured", "support = \"call 123\"\n",
         STANDING_NORMAL, STANDING_QUARANTINED, CAUSE_EVIDENCE, 0, false,
         "Our support: call 123", "{"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct config *config = a_config(rows[i].more);
        struct change change = a_change(rows[i].from, rows[i].to);
        const char *subject, *body;
        struct arena *arena;

        change.evidence.cause = rows[i].cause;
        change.until_s = rows[i].until_s;
        if (rows[i].line)
            assert_true(
                subject_make(SUBJECT_CLIENT, "192.0.2.7", &change.subject));
        assert_int_equal(arena_create(&arena), MS_OK);
        assert_int_equal(say_in("en", config, &change,
                                rows[i].to == STANDING_THROTTLED
                                    ? NOTICE_THROTTLED
                                    : NOTICE_QUARANTINED,
                                arena, &subject, &body),
                         MS_OK);
        if (strstr(body, rows[i].says) == NULL ||
            strstr(body, rows[i].not ) != NULL)
            fail_msg("%s:\n%s", rows[i].row, body);
        arena_destroy(arena);
        config_destroy(config);
    }
}

static void
test_mailboxes(void **state)
{
    static const struct {
        const char *row, *text, *from;
    } rows[] = {
        {"an address alone", "a@example.org", "From: a@example.org\r\n"},
        {"atoms", "Example Mail <a@example.org>",
         "From: Example Mail <a@example.org>\r\n"},
        {"what has a meaning is quoted", "Mail, Inc. <a@example.org>",
         "From: \"Mail, Inc.\" <a@example.org>\r\n"},
        {"UTF-8 is coded", "\xc3\x84 <a@example.org>",
         "From: =?utf-8?q?=C3=84?=\r\n <a@example.org>\r\n"},
    };

    struct mailbox none;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mailbox from;
        struct letter letter = {&from, "b@example.org", "s", "b\n", "en",
                                "1",   NOON_S};
        char *out;

        assert_int_equal(letter_mailbox(rows[i].text, &from, NULL), MS_OK);
        assert_int_equal(letter_write(&letter, &out), MS_OK);
        if (strncmp(out, rows[i].from, strlen(rows[i].from)) != 0)
            fail_msg("%s: %.200s", rows[i].row, out);
        free(out);
    }
    assert_int_equal(letter_mailbox("no sender", &none, NULL), MS_INVALID);
    assert_int_equal(letter_mailbox(NULL, &none, NULL), MS_INVALID);
}

/* ----- templates that are wrong */

struct place {
    char top[64], file[128];
};

static void
copy(const struct place *place, const char *name)
{
    char from[1200], to[128], text[ROOM];
    FILE *file;
    size_t n;

    (void)snprintf(from, sizeof(from), "%s/en/%s.txt", folder(), name);
    (void)snprintf(to, sizeof(to), "%s/en/%s.txt", place->top, name);
    file = fopen(from, "re");
    assert_non_null(file);
    n = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    file = fopen(to, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    (void)fclose(file);
}

static const char *const names[] = {"throttled", "quarantined", "released",
                                    "postmaster", "words"};

static void
make_place(struct place *place)
{
    char folder_en[80];

    (void)snprintf(place->top, sizeof(place->top), "/tmp/notices-XXXXXX");
    assert_non_null(mkdtemp(place->top));
    (void)snprintf(folder_en, sizeof(folder_en), "%s/en", place->top);
    assert_int_equal(mkdir(folder_en, 0700), 0);
    for (size_t i = 0; i < ROWS(names); i++)
        copy(place, names[i]);
}

static void
end_place(const struct place *place)
{
    char path[128];

    for (size_t i = 0; i < ROWS(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/en/%s.txt", place->top,
                       names[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof(path), "%s/en", place->top);
    (void)rmdir(path);
    (void)rmdir(place->top);
}

static void
test_broken_templates(void **state)
{
    static const struct {
        const char *row, *name, *text; /* NULL: the file is missing */
        const char *told;              /* behind the folder */
    } rows[] = {
        {"a missing file", "released", NULL,
         "/en/released.txt: cannot open it: No such file or directory\n"},
        {"no subject", "released", "Hello\n",
         "/en/released.txt:1: the first line must be `Subject: ...'\n"},
        {"nothing", "released", "",
         "/en/released.txt:1: the first line must be `Subject: ...'\n"},
        {"a subject alone", "released", "Subject: x\n\n",
         "/en/released.txt:2: there is nothing below the subject\n"},
        {"an unknown field", "released", "Subject: x\n\na {coed} b\n",
         "/en/released.txt:3: there is no field {coed} here; but "},
        {"a field of many lines in the subject", "released",
         "Subject: {steps}\n\nx\n",
         "/en/released.txt:1: there is no field {steps} here; but "},
        {"a brace alone", "released", "Subject: x\n\na { b\n",
         "/en/released.txt:3: `{' that begins no field: write `{{'\n"},
        {"broken UTF-8", "released", "Subject: x\n\nf\xfcr\n",
         "/en/released.txt:3: not plain text in UTF-8\n"},
        {"a tab", "released", "Subject: x\n\na\tb\n",
         "/en/released.txt:3: not plain text in UTF-8\n"},
        {"an unknown phrase", "words", "nonsense = x\n",
         "/en/words.txt:1: there is no phrase `nonsense'\n"},
        {"no phrase at all", "words", "nonsense\n",
         "/en/words.txt:1: `name = text' is expected\n"},
        {"a phrase with a field that it has not", "words", "time = {n}\n",
         "/en/words.txt:1: there is no field {n} here; but day month"},
        {"a phrase twice", "words", "refused = a\nrefused = b\n",
         "/en/words.txt:2: `refused' stands here twice\n"},
        {"a missing phrase", "words", "# none\n",
         "/en/words.txt: the phrase `time' is missing\n"},
        {"an empty one", "words", "refused =\ntime = x\n",
         "/en/words.txt:2: `refused' is empty\n"},
        {"eleven months", "words", "months = 1 2 3 4 5 6 7 8 9 10 11\n",
         "/en/words.txt:1: `months' has 11 words, not twelve\n"},
    };
    struct place place;

    (void)state;
    make_place(&place);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct letters *templates = NULL;
        static struct heard heard;
        char path[128], told[256];
        FILE *file;

        (void)snprintf(path, sizeof(path), "%s/en/%s.txt", place.top,
                       rows[i].name);
        (void)unlink(path);
        if (rows[i].text != NULL) {
            file = fopen(path, "we");
            assert_non_null(file);
            (void)fputs(rows[i].text, file);
            (void)fclose(file);
        }
        heard.text[0] = '\0';
        expect(rows[i].row, template_load(place.top, "en", say_error, &heard,
                                          &templates) != MS_OK);
        (void)snprintf(told, sizeof(told), "%s%s", place.top, rows[i].told);
        if (strstr(heard.text, told) == NULL)
            fail_msg("%s: %s", rows[i].row, heard.text);
        copy(&place, rows[i].name);
    }
    end_place(&place);
}

static void
test_operators_template(void **state)
{
    static struct heard heard;
    struct letters *templates = NULL;
    static const struct letters_field fields[] = {
        {"name", "ann"}, {"code", ""}, {"help", "1\n2"}, {NULL, NULL}};
    struct place place;
    struct arena *arena;
    char path[128];
    FILE *file;

    (void)state;
    make_place(&place);
    (void)snprintf(path, sizeof(path), "%s/en/released.txt", place.top);
    file = fopen(path, "we");
    assert_non_null(file);
    (void)fputs("Subject: {{{name}}\r\n\r\n\r\n{code}\r\na {{b} {name}.\r\n\r\n"
                "{code}\r\n\r\n{help}\r\n{code}",
                file);
    (void)fclose(file);
    assert_int_equal(arena_create(&arena), MS_OK);
    assert_int_equal(
        template_load(place.top, "en", say_error, &heard, &templates), MS_OK);
    assert_string_equal(
        letters_subject(templates, NOTICE_RELEASED, fields, arena), "{ann}");
    assert_string_equal(letters_body(templates, NOTICE_RELEASED, fields, arena),
                        "a {b} ann.\n\n1\n2\n");
    letters_destroy(templates);
    arena_destroy(arena);
    end_place(&place);
}

/* ----- scarce memory */

static void
test_no_memory(void **state)
{
    struct change change = change_for(NOTICE_POSTMASTER);
    struct config *config = a_config("");
    unsigned long n = 0;
    enum ms_err err;

    (void)state;
    do {
        struct arena *arena = NULL;
        const char *subject, *body;

        assert_int_equal(arena_create(&arena), MS_OK);
        scarce_set(++n);
        err = say_in("en", config, &change, NOTICE_POSTMASTER, arena, &subject,
                     &body);
        if (scarce_left() != 0)
            scarce_set(0);
        else
            assert_int_equal(err, MS_NOMEM);
        arena_destroy(arena);
    } while (err != MS_OK);
    assert_true(n > 3);
    config_destroy(config);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_languages),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_what_is_said),
        cmocka_unit_test(test_mailboxes),
        cmocka_unit_test(test_broken_templates),
        cmocka_unit_test(test_operators_template),
        cmocka_unit_test(test_no_memory),
    };

    (void)setenv("TZ", "UTC0", 1);
    tzset();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
