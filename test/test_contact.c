/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom to write to: addresses, names, languages; and days. */
#include <config.h>

#include "policy/contact.h"

#include <string.h>

#include "policy/date.h"
#include "test/unit.h"

static const struct {
    const char *text;
    bool good;
} addresses[] = {
    {"ann@example.org", true},
    {"Ann+tag@example.org", true},
    {"a_b-c.d@xn--bcher-kva.example", true},
    {"", false},
    {"ann", false},
    {"@example.org", false},
    {"ann@", false},
    {"<ann@example.org>", false},
    {"ann@[192.0.2.1]", false},
    {"\"a b\"@example.org", false},
    {"ann @example.org", false},
    {"ann@example.org,bob@example.org", false},
    {"ann@example.org\r\nRCPT TO:<bob@example.org>", false},
    {"ann@b\xc3\xbc"
     "cher.example",
     false},
    {"ann%example.net@example.org", false},
};

static void
test_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(addresses); i++)
        expect(addresses[i].text,
               contact_is_address(addresses[i].text) == addresses[i].good);
}

static const struct {
    const char *text, *language; /* NULL: none */
} languages[] = {
    {"de", "de"},
    {"DE", "de"},
    {"pt-BR", "pt-br"},
    {"zh-Hant-TW", "zh-hant-tw"},
    {"nds", "nds"},
    {"", NULL},
    {"d", NULL},
    {"german", NULL},
    {"de-", NULL},
    {"de_DE", NULL},
    {"d3", NULL},
    {"de-123456789", NULL},
    {"../x", NULL},
    {"de/..", NULL},
    {"en-a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q-r", NULL},
};

static void
test_languages(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(languages); i++) {
        char out[CONTACT_LANGUAGE];
        bool good = contact_language(languages[i].text, out);

        expect(languages[i].text, good == (languages[i].language != NULL));
        expect(languages[i].text,
               !good || strcmp(out, languages[i].language) == 0);
    }
}

static const struct {
    const char *text, *address, *language; /* NULL: MS_INVALID */
} contacts[] = {
    {"Ann@example.org", "Ann@example.org", ""},
    {"ann@example.org de", "ann@example.org", "de"},
    {"ann@example.org \t pt-BR", "ann@example.org", "pt-br"},
    {"ann@example.org ", "ann@example.org", ""},
    {"", NULL, NULL},
    {"ann", NULL, NULL},
    {"de ann@example.org", NULL, NULL},
    {"ann@example.org de en", NULL, NULL},
    {"ann@example.org, bob@example.org", NULL, NULL},
    {"ann@example.org german", NULL, NULL},
};

static void
test_contacts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(contacts); i++) {
        const char *name = contacts[i].text;
        struct contact contact = {.address = "kept", .language = "x"};
        struct why why = {""};
        enum ms_err err = contact_parse(name, &contact, &why);

        if (contacts[i].address == NULL) {
            expect(name, err == MS_INVALID && why.text[0] != '\0');
            expect(name, strcmp(contact.address, "kept") == 0);
            continue;
        }
        expect(name, err == MS_OK);
        expect(name, strcmp(contact.address, contacts[i].address) == 0);
        expect(name, strcmp(contact.language, contacts[i].language) == 0);
    }
}

static const struct {
    const char *text, *name, *address; /* NULL: none */
} mailboxes[] = {
    {"a@b.example", "", "a@b.example"},
    {"<a@b.example>", "", "a@b.example"},
    {"Example Mail <a@b.example>", "Example Mail", "a@b.example"},
    {"  Example   Mail<a@b.example>", "Example   Mail", "a@b.example"},
    {"M\xc3\xbcller, Inc. <a@b.example>", "M\xc3\xbcller, Inc.", "a@b.example"},
    {"Example Mail", NULL, NULL},
    {"Example Mail a@b.example", NULL, NULL},
    {"Example <a@b.example", NULL, NULL},
    {"Example <a@b.example> x", NULL, NULL},
    {"Example <>", NULL, NULL},
    {"<b@c.example> <a@b.example>", NULL, NULL},
    {"\"Example\" <a@b.example>", NULL, NULL},
    {"a\nBcc: x <a@b.example>", NULL, NULL},
    {"a\x7f <a@b.example>", NULL, NULL},
    {"", NULL, NULL},
};

static void
test_mailboxes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(mailboxes); i++) {
        const char *text = mailboxes[i].text;
        char name[CONTACT_NAME], address[ADDRESS_TEXT];
        bool good = contact_mailbox(text, name, address);

        expect(text, good == (mailboxes[i].name != NULL));
        expect(text, !good || strcmp(name, mailboxes[i].name) == 0);
        expect(text, !good || strcmp(address, mailboxes[i].address) == 0);
    }
}

/* What is too long is none, to the byte. */
static void
test_lengths(void **state)
{
    char text[2 * ADDRESS_TEXT], name[CONTACT_NAME], address[ADDRESS_TEXT];
    struct contact contact;
    struct why why;

    (void)state;
    for (size_t n = CONTACT_NAME - 2; n <= CONTACT_NAME + 1; n++) {
        (void)memset(text, 'x', n);
        (void)strcpy(text + n, " <a@b.example>");
        assert_int_equal(contact_mailbox(text, name, address),
                         n < CONTACT_NAME);
    }
    (void)memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_false(contact_mailbox(text, name, address));
    assert_int_equal(contact_parse(text, &contact, &why), MS_INVALID);
}

static const struct {
    const char *text;
    int64_t s; /* -1: none */
} days[] = {
    {"1970-01-01", 0},          {"2000-02-29", 951782400},
    {"2027-01-15", 1799971200}, {"2100-03-01", 4107542400},
    {"1969-12-31", -1},         {"2100-02-29", -1},
    {"2027-04-31", -1},         {"2027-13-01", -1},
    {"2027-00-01", -1},         {"2027-01-00", -1},
    {"2027-1-15", -1},          {"2027-01-15 ", -1},
    {"2027/01/15", -1},         {"", -1},
};

static void
test_days(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(days); i++) {
        struct wall day = {-1};

        expect(days[i].text,
               date_parse(days[i].text, &day) == (days[i].s >= 0));
        expect(days[i].text, day.s == days[i].s);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_languages),
        cmocka_unit_test(test_contacts),  cmocka_unit_test(test_mailboxes),
        cmocka_unit_test(test_lengths),   cmocka_unit_test(test_days),
    };

    return cmocka_run_group_tests_name("contact", tests, NULL, NULL);
}
