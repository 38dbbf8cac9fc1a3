/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/lookup/heading.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "test/unit.h"

#define ID "mx.example.org"
#define AR "Authentication-Results"
#define LISTS "X-Mortsafe-Lists"
#define SPF "Received-SPF"

static void
print(void *arg, const char *line)
{
    (void)arg;
    (void)fprintf(stderr, "%s\n", line);
}

static void
ignore(void *arg, const char *line)
{
    (void)arg;
    (void)line;
}

static struct config *
read_config(const char *text)
{
    const struct config_report report = {print, ignore, NULL};
    struct config *config = NULL;

    if (config_load_text("test", text, (struct wall){1767787200}, &report,
                         &config) != MS_OK)
        fail_msg("not a configuration: %s", text);
    return config;
}

/* ----- which are forged */

static const struct {
    const char *row, *name, *value;
    bool forged;
} values[] = {
    {"our id", AR, ID "; spf=pass", true},
    {"whatever its case, and the name's", "authentication-RESULTS",
     "MX.Example.ORG; spf=pass", true},
    {"another's id", AR, "mx.example.net; spf=pass", false},
    {"an id that only begins as ours", AR, ID ".net; spf=pass", false},
    {"an id that only ends as ours", AR, "a" ID "; spf=pass", false},
    {"ours within the results", AR, "mx.example.net; spf=pass (" ID ")", false},
    {"a comment in front", AR, "(not us) " ID "; spf=pass", true},
    {"comments within comments", AR, "(a(b)c) \t(d)" ID "; spf=pass", true},
    {"a bracket with a backslash ends no comment", AR,
     "(a\\) " ID ") mx.example.net; none", false},
    {"ours in a comment that ends with a backslash before it", AR,
     "(a\\\\) " ID "; none", true},
    {"a fold in front", AR, "\n\t" ID ";\n\tspf=pass", true},
    {"a fold as some MTAs pass it", AR, "\r\n " ID "; spf=pass", true},
    {"a version behind", AR, ID " 1; spf=pass", true},
    {"a version behind a slash, as it once was", AR, ID "/1; spf=pass", true},
    {"no result", AR, ID "; none", true},
    {"nothing behind it", AR, ID, true},
    {"quotes", AR, "\"" ID "\"; spf=pass", true},
    {"quotes and backslashes", AR, "\"mx.ex\\ample.org\"; spf=pass", true},
    {"quotes that do not end", AR, "\"" ID, true},
    {"a last dot", AR, ID ".; spf=pass", true},
    {"a comment between id and semicolon", AR, ID "(x); spf=pass", true},
    {"a comment that does not end", AR, "(" ID "; spf=pass", false},
    {"an empty value", AR, "", false},
    {"blanks alone", AR, " \t\n ", false},
    {"a semicolon first", AR, "; " ID, false},
    {"bytes that are no ASCII", AR, "mx.ex\xc3\xa4mple.org; spf=pass", false},
    {"the name with a blank behind", AR " ", ID "; spf=pass", true},
    {"another name", "X-" AR, ID "; spf=pass", false},
    {"what only we write", LISTS, "", true},
    {"in any case", "x-mortsafe-LISTS", "zen (127.0.0.2)", true},
    {"received by us", SPF, "pass (x) receiver=" ID "; helo=a.test", true},
    {"received by us, in quotes, last", SPF,
     "pass client-ip=192.0.2.1;\n\tReceiver=\"" ID "\"", true},
    {"blanks around the sign", SPF, "pass receiver = (x) " ID, true},
    {"received by another", SPF, "pass receiver=mx.example.net", false},
    {"our name as a HELO name", SPF, "pass helo=" ID "; receiver=other.test",
     false},
    {"our name in a comment", SPF, "pass (receiver=" ID ") helo=a.test", false},
    {"our name in quotes of another key", SPF,
     "pass envelope-from=\"receiver=" ID "\"; helo=a.test", false},
    {"a sign alone", SPF, "==;==\"", false},
};

static void
test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(values); i++) {
        struct heading heading = {0};
        unsigned forged = 0;

        heading_read(&heading, values[i].name, values[i].value, ID);
        for (unsigned n = 0; n < HEADINGS; n++)
            forged += heading.of[n].n_forged;
        expect(values[i].row, forged == values[i].forged);
    }
}

static void
test_id(void **state)
{
    struct heading heading = {0};
    char big[600];

    (void)state;
    heading_read(&heading, AR, "; spf=pass", "");
    assert_int_equal(heading.of[HEADING_RESULTS].n_forged, 0);
    memset(big, 'a', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    heading_read(&heading, AR, big, ID);
    heading_read(&heading, SPF, big, ID);
    assert_int_equal(heading.of[HEADING_RESULTS].n_forged, 0);
    heading_read(&heading, AR, "\"mx example\"; none", "mx example");
    assert_int_equal(heading.of[HEADING_RESULTS].n_forged, 1);
}

/* They are counted each by its name. */
static void
test_indexes(void **state)
{
    static const struct {
        const char *name, *value;
    } headers[] = {
        {"Received", "x"},  {AR, "a.test; none"}, {"From", "a@b.test"},
        {AR, ID "; none"},  {LISTS, "x"},         {AR, "c.test; none"},
        {SPF, "pass"},      {AR, ID "; none"},    {SPF, "receiver=" ID},
        {"To", "b@c.test"}, {LISTS, "y"},
    };
    struct heading heading = {0};

    (void)state;
    for (size_t i = 0; i < ROWS(headers); i++)
        heading_read(&heading, headers[i].name, headers[i].value, ID);
    assert_int_equal(heading.of[HEADING_RESULTS].n, 4);
    assert_int_equal(heading.of[HEADING_RESULTS].n_forged, 2);
    assert_int_equal(heading.of[HEADING_RESULTS].forged[0], 2);
    assert_int_equal(heading.of[HEADING_RESULTS].forged[1], 4);
    assert_int_equal(heading.of[HEADING_RECEIVED].n_forged, 1);
    assert_int_equal(heading.of[HEADING_RECEIVED].forged[0], 2);
    assert_int_equal(heading.of[HEADING_LISTS].n_forged, 2);
    assert_int_equal(heading.of[HEADING_LISTS].forged[1], 2);
}

static void
test_many(void **state)
{
    struct heading heading = {0};

    (void)state;
    for (unsigned i = 0; i < HEADING_FORGED + 10; i++)
        heading_read(&heading, AR, ID "; none", ID);
    assert_int_equal(heading.of[HEADING_RESULTS].n, HEADING_FORGED + 10);
    assert_int_equal(heading.of[HEADING_RESULTS].n_forged, HEADING_FORGED + 10);
    assert_int_equal(heading.of[HEADING_RESULTS].forged[HEADING_FORGED - 1],
                     HEADING_FORGED);
}

/* ----- what is written */

#define SITE                                                                   \
    "domains local { list = example.org }\n"                                   \
    "dnsbl zen { zone = zen.example.net }\n"                                   \
    "dnsbl other { zone = other.example.net }\n"
#define RESULTS SITE "spf { on = mx }\n"
#define BOTH                                                                   \
    SITE "spf { on = mx  header = authentication-results, received-spf }\n"

/* A result as "fail" and its detail behind a blank; "?" is not yet known. */
static const struct {
    const char *row;
    enum heading_name name;
    const char *config, *sender, *mail_from, *helo, *lists;
    const char *value; /* NULL: nothing is written */
} written[] = {
    {"a sender", HEADING_RESULTS, RESULTS, "<a@b.test>", "pass", NULL, NULL,
     ID ";\n\tspf=pass\n\tsmtp.mailfrom=a@b.test"},
    {"with a reason", HEADING_RESULTS, RESULTS, "<a@b.test>", "fail -all", NULL,
     NULL, ID ";\n\tspf=fail (-all)\n\tsmtp.mailfrom=a@b.test"},
    {"a reason with brackets", HEADING_RESULTS, RESULTS, "<a@b.test>",
     "permerror a(b)\\c", NULL, NULL,
     ID ";\n\tspf=permerror (a\\(b\\)\\\\c)\n\tsmtp.mailfrom=a@b.test"},
    {"sender and HELO", HEADING_RESULTS, RESULTS, "<a@b.test>", "softfail",
     "none", NULL,
     ID ";\n\tspf=softfail\n\tsmtp.mailfrom=a@b.test;\n\tspf=none"
        "\n\tsmtp.helo=h.test"},
    {"HELO alone", HEADING_RESULTS, RESULTS, "<a>", NULL, "pass", NULL,
     ID ";\n\tspf=pass\n\tsmtp.helo=h.test"},
    {"without a sender it is the postmaster of HELO", HEADING_RESULTS, RESULTS,
     "<>", "neutral", NULL, NULL,
     ID ";\n\tspf=neutral\n\tsmtp.mailfrom=postmaster@h.test"},
    {"what is not known in time is a temporary error", HEADING_RESULTS, RESULTS,
     "<a@b.test>", "?", NULL, NULL,
     ID ";\n\tspf=temperror (not known in time)\n\tsmtp.mailfrom=a@b.test"},
    {"the local part's case stays, the domain's does not", HEADING_RESULTS,
     RESULTS, "<Ann.O'Hara+x@B.Test>", "pass", NULL, NULL,
     ID ";\n\tspf=pass\n\tsmtp.mailfrom=Ann.O'Hara+x@b.test"},
    {"a local part in quotes", HEADING_RESULTS, RESULTS, "<\"a b\"@b.test>",
     "pass", NULL, NULL, ID ";\n\tspf=pass\n\tsmtp.mailfrom=\"a b\"@b.test"},
    {"with quotes in it", HEADING_RESULTS, RESULTS, "<\"a\\\"b\"@b.test>",
     "pass", NULL, NULL, ID ";\n\tspf=pass\n\tsmtp.mailfrom=\"a\\\"b\"@b.test"},
    {"a local part that is no ASCII is left out", HEADING_RESULTS, RESULTS,
     "<\xc3\xa4@b.test>", "pass", NULL, NULL,
     ID ";\n\tspf=pass\n\tsmtp.mailfrom=b.test"},
    {"nothing asked, nothing written", HEADING_RESULTS, RESULTS, "<a@b.test>",
     NULL, NULL, "zen", NULL},
    {"nothing without `spf'", HEADING_RESULTS, SITE, "<a@b.test>", "pass", NULL,
     NULL, NULL},
    {"Received-SPF is not written by itself", HEADING_RECEIVED, RESULTS,
     "<a@b.test>", "pass", NULL, NULL, NULL},
    {"where it is asked for", HEADING_RECEIVED, BOTH, "<a@b.test>",
     "pass ip4:192.0.2.0/24", "none", NULL,
     "pass (ip4:192.0.2.0/24)\n\tclient-ip=\"192.0.2.7\""
     ";\n\tenvelope-from=\"a@b.test\";\n\thelo=\"h.test\""
     ";\n\treceiver=\"" ID "\";\n\tidentity=\"mailfrom\""},
    {"Received-SPF of HELO", HEADING_RECEIVED, BOTH, "<>", NULL, "fail", NULL,
     "fail (fail)\n\tclient-ip=\"192.0.2.7\";\n\tenvelope-from=\"\""
     ";\n\thelo=\"h.test\";\n\treceiver=\"" ID "\";\n\tidentity=\"helo\""},
    {"a list", HEADING_LISTS, SITE, "<a@b.test>", NULL, NULL, "zen",
     "zen (127.0.0.2)"},
    {"two lists", HEADING_LISTS, SITE, "<a@b.test>", NULL, NULL, "zen other",
     "zen (127.0.0.2),\n\tother (127.0.0.2)"},
    {"a list that does not list", HEADING_LISTS, SITE, "<a@b.test>", NULL, NULL,
     "", NULL},
    {"a list that is not known in time", HEADING_LISTS, SITE, "<a@b.test>",
     NULL, NULL, "?", NULL},
};

static void
set_finding(const char *text, struct spf_finding *out)
{
    char word[32];

    if (text == NULL)
        return;
    out->state = text[0] == '?' ? LOOKUP_PENDING : LOOKUP_KNOWN;
    if (out->state == LOOKUP_PENDING)
        return;
    (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, " "), text);
    assert_true(spf_result_parse(word, &out->result));
    text += strlen(word);
    (void)snprintf(out->detail, sizeof(out->detail), "%s",
                   *text != '\0' ? text + 1 : "");
}

static void
set_lists(const struct config *config, const char *text, struct lookups *out)
{
    for (size_t i = 0; i < config->n_dnsbls && text != NULL; i++) {
        struct list_finding *found = &out->list[i];

        found->state = text[0] == '?' ? LOOKUP_PENDING : LOOKUP_KNOWN;
        found->listed = strstr(text, config->dnsbls[i]->name) != NULL;
        memcpy(found->code, "\x7f\0\0\2", 4);
    }
}

static void
set_scene(const struct config *config, const char *sender, struct scene *out)
{
    struct sockaddr_in client = {.sin_family = AF_INET};
    const struct facts facts = {
        .client = (const struct sockaddr *)(const void *)&client,
        .sender = sender,
        .hostname = ID,
    };

    client.sin_addr.s_addr = htonl(0xc0000207);
    scene_make(config, &facts, out);
}

static void
test_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(written); i++) {
        struct config *config = read_config(written[i].config);
        struct lookups lookups = {0};
        struct scene scene;
        char out[HEADING_VALUE];
        bool has;

        set_scene(config, written[i].sender, &scene);
        set_finding(written[i].mail_from, &lookups.mail_from);
        set_finding(written[i].helo, &lookups.helo);
        set_lists(config, written[i].lists, &lookups);
        has = heading_write(written[i].name, config, &scene, &lookups, "h.test",
                            ID, out);
        config_destroy(config);
        expect(written[i].row, has == (written[i].value != NULL));
        if (has && strcmp(out, written[i].value) != 0)
            fail_msg("%s: %s", written[i].row, out);
    }
}

/* Without a name of ours there is nobody who says it. */
static void
test_nameless(void **state)
{
    struct config *config = read_config(BOTH);
    struct lookups lookups = {.mail_from = {.state = LOOKUP_KNOWN}};
    struct scene scene;
    char out[HEADING_VALUE];

    (void)state;
    set_scene(config, "<a@b.test>", &scene);
    assert_false(
        heading_write(HEADING_RESULTS, config, &scene, &lookups, "h", "", out));
    assert_false(heading_write(HEADING_RECEIVED, config, &scene, &lookups, "h",
                               "", out));
    config_destroy(config);
}

/* An id that is no token comes in quotes, and is known again. */
static void
test_quoted_id(void **state)
{
    struct config *config = read_config(RESULTS);
    struct lookups lookups = {.mail_from = {.state = LOOKUP_KNOWN}};
    struct heading heading = {0};
    struct scene scene;
    char out[HEADING_VALUE];

    (void)state;
    set_scene(config, "<a@b.test>", &scene);
    assert_true(heading_write(HEADING_RESULTS, config, &scene, &lookups,
                              "h.test", "our \"mx\"", out));
    assert_memory_equal(out, "\"our \\\"mx\\\"\";", 13);
    heading_read(&heading, AR, out, "our \"mx\"");
    assert_int_equal(heading.of[HEADING_RESULTS].n_forged, 1);
    config_destroy(config);
}

/* HELO is the client's to choose: nothing of it leaves its place. */
static void
test_hostile_helo(void **state)
{
    struct config *config = read_config(BOTH);
    struct lookups lookups = {.mail_from = {.state = LOOKUP_KNOWN},
                              .helo = {.state = LOOKUP_KNOWN}};
    const char *helo = "h;\n\tspf=pass \"(\x01\xc3\xa4";
    struct scene scene;
    char out[HEADING_VALUE];

    (void)state;
    set_scene(config, "<>", &scene);
    assert_true(heading_write(HEADING_RESULTS, config, &scene, &lookups, helo,
                              ID, out));
    assert_string_equal(
        out, ID ";\n\tspf=none\n\tsmtp.mailfrom=postmaster@h???spf?pass??????"
                ";\n\tspf=none\n\tsmtp.helo=\"h;??spf=pass \\\"(???\"" +
                 0);
    assert_true(heading_write(HEADING_RECEIVED, config, &scene, &lookups, helo,
                              ID, out));
    assert_null(strstr(out, "\n\tspf"));
    config_destroy(config);
}

/* All as long as can be: whole, and no line longer than RFC 5322 allows. */
static void
test_long(void **state)
{
    struct config *config = read_config(BOTH);
    struct lookups lookups = {.mail_from = {.state = LOOKUP_KNOWN},
                              .helo = {.state = LOOKUP_KNOWN}};
    char sender[ADDRESS_TEXT + 2], id[256], out[HEADING_VALUE];
    struct scene scene;

    (void)state;
    memset(lookups.mail_from.detail, '(', LOOKUPS_DETAIL - 1);
    memset(lookups.helo.detail, '\\', LOOKUPS_DETAIL - 1);
    memset(id, '"', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    memset(sender, 'a', sizeof(sender));
    sender[ADDRESS_LOCAL_MAX] = '@';
    for (size_t i = ADDRESS_LOCAL_MAX + 1; i < 510; i++)
        sender[i] = i % 50 == 0 ? '.' : 'b';
    sender[510] = '\0';
    set_scene(config, sender, &scene);
    assert_int_equal(scene.sender_parsed.form, ADDRESS_DOMAIN);
    for (unsigned name = HEADING_RESULTS; name <= HEADING_RECEIVED; name++) {
        assert_true(heading_write((enum heading_name)name, config, &scene,
                                  &lookups, id, id, out));
        for (const char *line = out; line != NULL;) {
            assert_in_range(strcspn(line, "\n"), 1, 998);
            line = strchr(line, '\n');
            line += line != NULL;
        }
    }
    config_destroy(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_id),
        cmocka_unit_test(test_indexes),   cmocka_unit_test(test_many),
        cmocka_unit_test(test_written),   cmocka_unit_test(test_nameless),
        cmocka_unit_test(test_quoted_id), cmocka_unit_test(test_hostile_helo),
        cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
