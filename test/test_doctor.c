/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the doctor reads: Postfix's and Sendmail's configuration, well formed
 * and hostile, networks, routes, certificates, names of sockets; and that what
 * it prescribes is what contrib/ has.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/doctor/access.h"
#include "ctl/doctor/certificate.h"
#include "ctl/doctor/networks.h"
#include "ctl/doctor/postconf.h"
#include "ctl/doctor/recipe.h"
#include "ctl/doctor/sendmail_cf.h"
#include "ctl/doctor/socket.h"
#include "ctl/doctor/words.h"
#include "test/scarce.h"
#include "test/unit.h"

/* As much of TEXT as ALL, of SIZE bytes, has room for. */
static void
append(char *all, size_t size, const char *text)
{
    size_t len = strlen(all);

    for (; *text != '\0' && len + 1 < size; text++)
        all[len++] = *text;
    all[len] = '\0';
}

/* ----- lists of words */

static void
test_words(void **state)
{
    static const struct {
        const char *row, *text, *all;
    } rows[] = {
        {"nothing has no words", "", ""},
        {"blanks and commas are none", " ,\t , ", ""},
        {"commas and blanks part words", "a,b c,\td", "a|b|c|d|"},
        {"braces keep a word whole", "x, { a, b=c }, y", "x|a, b=c|y|"},
        {"braces within are of the word", "{ a {b} c } d", "a {b} c|d|"},
        {"a brace that does not end takes the rest", "a { b, c", "a|b, c|"},
        {"a lone brace is an empty word", "{", "|"},
        {"an empty pair is one, too", "{} a", "|a|"},
        {"a closing brace is a word like others", "} a", "}|a|"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *at = rows[i].text;
        char word[WORDS_TEXT], all[256] = "";

        while (words_next(&at, word)) {
            append(all, sizeof(all), word);
            append(all, sizeof(all), "|");
        }
        if (strcmp(all, rows[i].all) != 0)
            fail_msg("%s: %s", rows[i].row, all);
    }
}

static void
test_values(void **state)
{
    static const struct {
        const char *row, *text, *name, *value;
    } rows[] = {
        {"a value ends at a comma", "S=local:/a b, F=T", "S", "local:/a b"},
        {"blanks around = do not count", "x, default_action = accept",
         "default_action", "accept"},
        {"the last has no comma", "S=x, F=T", "F", "T"},
        {"case does not count", "name=MTA", "Name", "MTA"},
        {"a longer name is another", "Family=inet, F=T", "F", "T"},
        {"what is not there has none", "S=x", "F", NULL},
        {"without = it is none", "F, S=x", "F", NULL},
        {"an empty one is one", "F=, S=x", "F", ""},
    };
    char value[WORDS_TEXT];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        bool found = words_value(rows[i].text, rows[i].name, value);

        if (found != (rows[i].value != NULL) ||
            (found && strcmp(value, rows[i].value) != 0))
            fail_msg("%s: %s", rows[i].row, found ? value : "(none)");
    }
}

static void
test_long_words(void **state)
{
    char text[4 * WORDS_TEXT], word[WORDS_TEXT];
    const char *at = text;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_true(words_next(&at, word));
    assert_int_equal(strlen(word), WORDS_TEXT - 1);
    assert_false(words_next(&at, word));
    memset(text, '{', sizeof(text) - 1);
    at = text;
    assert_true(words_next(&at, word));
    assert_false(words_next(&at, word));
}

/* ----- Postfix */

static struct postconf *
read_postfix(const char *main, const char *services, const char *own)
{
    const struct {
        const char *text;
        enum ms_err (*take)(struct postconf *postconf, const char *line);
    } parts[] = {{main, postconf_main},
                 {services, postconf_service},
                 {own, postconf_own}};
    struct postconf *out = NULL;

    assert_int_equal(postconf_create(&out), MS_OK);
    for (size_t i = 0; i < ROWS(parts); i++) {
        char *copy = strdup(parts[i].text), *rest = copy, *line;

        assert_non_null(copy);
        while ((line = strsep(&rest, "\n")) != NULL)
            assert_int_equal(parts[i].take(out, line), MS_OK);
        free(copy);
    }
    return out;
}

static void
test_settings(void **state)
{
    static const struct {
        const char *row, *service, *name, *value;
    } rows[] = {
        {"main.cf has its value", NULL, "mynetworks", "127.0.0.0/8"},
        {"a value may hold =", NULL, "x", "a = b"},
        {"an empty value is empty", NULL, "empty", ""},
        {"what is not there is empty, too", NULL, "no_such", ""},
        {"a service has main.cf's", "smtp", "mynetworks", "127.0.0.0/8"},
        {"unless it has its own", "submission", "mynetworks", ""},
        {"whose value may hold blanks", "127.0.0.1:10026", "y",
         "permit_mynetworks, reject"},
        {"the last word counts", NULL, "twice", "second"},
    };
    struct postconf *p = read_postfix(
        "mynetworks = 127.0.0.0/8\nx = a = b\nempty =\nno sign\n= 1\n\n"
        "postconf: warning: something\ntwice = first\ntwice = second",
        "smtp inet n - y - - smtpd\n"
        "submission inet n - y - - smtpd -o mynetworks=\n"
        "127.0.0.1:10026 inet n - n - - smtpd",
        "submission/inet/mynetworks =\n"
        "127.0.0.1:10026/inet/y = permit_mynetworks, reject\n"
        "noslash = 1\n/x = 1\n/\n");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct postconf_service *service =
            rows[i].service != NULL ? postconf_find(p, rows[i].service, "inet")
                                    : NULL;

        assert_true(rows[i].service == NULL || service != NULL);
        if (strcmp(postconf_get(p, service, rows[i].name), rows[i].value) != 0)
            fail_msg("%s: %s", rows[i].row,
                     postconf_get(p, service, rows[i].name));
    }
    assert_true(postconf_knows(p, "empty"));
    assert_false(postconf_knows(p, "no_such"));
    assert_true(postconf_has_own(p, postconf_find(p, "submission", "inet"),
                                 "mynetworks"));
    postconf_destroy(p);
    postconf_destroy(NULL);
}

static void
test_services(void **state)
{
    static const struct {
        const char *row, *line;
        unsigned port; /* 0: not known */
        bool loopback, chroot, speaks;
    } rows[] = {
        {"a name stands for its port", "smtp inet n - y - - smtpd", 25, false,
         true, true},
        {"so does a number", "10025 inet n - n - - smtpd", 10025, false, false,
         true},
        {"behind an address", "127.0.0.1:10026 inet n - n - - smtpd", 10026,
         true, false, true},
        {"behind one of IPv6", "[::1]:465 inet n - n - - smtpd", 465, true,
         false, true},
        {"behind a name", "localhost:submission inet n - n - - smtpd", 587,
         true, false, true},
        {"without a word the level decides", "smtp inet n - - - - smtpd", 25,
         false, false, true},
        {"arguments are not of the command",
         "465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes", 465, false,
         false, true},
        {"postscreen hands over to smtpd", "smtp inet n - n - 1 postscreen", 25,
         false, false, true},
        {"another service speaks no SMTP", "628 inet n - n - - qmqpd", 628,
         false, false, false},
        {"a name nobody knows has no port", "mail inet n - n - - smtpd", 0,
         false, false, true},
        {"nor has a number that is none", "99999 inet n - n - - smtpd", 0,
         false, false, true},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char lines[256];
        struct postconf *p;
        const struct postconf_service *one;

        (void)snprintf(lines, sizeof(lines), "%s\nsmtpd pass - - n - - smtpd",
                       rows[i].line);
        p = read_postfix("compatibility_level = 3.6", lines, "");
        assert_int_equal(postconf_services(p), 2);
        one = postconf_at(p, 0);
        if (one->port != rows[i].port || one->loopback != rows[i].loopback ||
            postconf_chroot(p, one) != rows[i].chroot ||
            (postconf_smtpd(p, one) != NULL) != rows[i].speaks)
            fail_msg("%s: port %u", rows[i].row, one->port);
        postconf_destroy(p);
    }
}

static void
test_no_services(void **state)
{
    static const char *const lines[] = {
        "",
        "smtp",
        "smtp inet n - y - -",
        " \t ",
        "#",
        "postconf: fatal: open /etc/postfix/main.cf: No such file",
    };
    struct postconf *p = read_postfix("", "", "");

    (void)state;
    for (size_t i = 0; i + 1 < ROWS(lines); i++)
        assert_int_equal(postconf_service(p, lines[i]), MS_OK);
    assert_int_equal(postconf_services(p), 0);
    /* what looks like one is one, and no more */
    assert_int_equal(postconf_service(p, lines[ROWS(lines) - 1]), MS_OK);
    assert_true(postconf_services(p) <= 1);
    postconf_destroy(p);
}

static void
test_milters(void **state)
{
    static const struct {
        const char *row, *text, *all;
    } rows[] = {
        {"none", "", ""},
        {"a bare one", "unix:/a", "unix:/a()"},
        {"two", "inet:127.0.0.1:1, unix:/a", "inet:127.0.0.1:1()unix:/a()"},
        {"one with settings",
         "{ unix:/a, default_action=accept, connect_timeout=1s } inet:h:2",
         "unix:/a(accept)inet:h:2()"},
        {"whose braces do not end", "{ unix:/a, default_action = tempfail",
         "unix:/a(tempfail)"},
        {"without a name", "{ }", "()"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *at = rows[i].text;
        struct postconf_milter one;
        char all[512] = "";

        while (postconf_milter(&at, &one)) {
            append(all, sizeof(all), one.endpoint);
            append(all, sizeof(all), "(");
            append(all, sizeof(all), one.action);
            append(all, sizeof(all), ")");
        }
        if (strcmp(all, rows[i].all) != 0)
            fail_msg("%s: %s", rows[i].row, all);
    }
}

/* Reading MAIN fails at the N-th allocation, or does not. */
static enum ms_err
read_scarcely(unsigned long n)
{
    struct postconf *p = NULL;
    enum ms_err err;

    scarce_set_here(n);
    err = postconf_create(&p);
    if (err == MS_OK)
        err = postconf_main(p, "mynetworks = 127.0.0.0/8");
    for (unsigned i = 0; i < 100 && err == MS_OK; i++)
        err = postconf_service(p, "127.0.0.1:10026 inet n - n - - smtpd");
    for (unsigned i = 0; i < 100 && err == MS_OK; i++)
        err = postconf_own(p, "127.0.0.1:10026/inet/mynetworks = 10.0.0.0/8");
    scarce_set_here(0);
    postconf_destroy(p);
    return err;
}

static void
test_no_memory(void **state)
{
    unsigned long n = 1;

    (void)state;
    for (; read_scarcely(n) != MS_OK; n++)
        assert_int_equal(read_scarcely(n), MS_NOMEM);
    assert_true(n > 4); /* it did need some */
}

/* ----- Sendmail */

static void
read_cf(const char *text, struct sendmail_cf *out)
{
    char *copy = strdup(text), *rest = copy, *line;

    assert_non_null(copy);
    *out = (struct sendmail_cf){.begun = false};
    while ((line = strsep(&rest, "\n")) != NULL)
        sendmail_cf_line(out, line);
    sendmail_cf_end(out);
    free(copy);
}

static void
test_sendmail(void **state)
{
    struct sendmail_cf *cf = calloc(1, sizeof(*cf));
    const struct sendmail_filter *filter;

    (void)state;
    assert_non_null(cf);
    read_cf("#####  $Id: promiscuous_relay.m4,v 8.13 2013-11-22 Exp $  #####\n"
            "Xmortsafe, S=local:/run/mortsafe/milter.sock,\n"
            "\tF=T, T=C:10s;S:10s\n"
            "Xother, S=inet:8891@127.0.0.1\n"
            "O InputMailFilters=other,mortsafe\n"
            "O DaemonPortOptions=Name=MTA, Family=inet, Port=25, Modify=A\n"
            "O DaemonPortOptions=Name=MSA, Port=submission, M=Ea, "
            "InputMailFilters=mortsafe\n"
            "O DaemonPortOptions=Name=BACK, Addr=127.0.0.1, Port=10026, "
            "InputMailFilters=\n"
            "O AuthOptions = A p\n"
            "#O AuthOptions=none\n"
            "O ServerCertFile=/etc/mail/cert.pem\n"
            "CR192.0.2 10\nC{R}example.org\n"
            "FR-o /etc/mail/relay-domains\n"
            "Kaccess hash -T<TMPF> /etc/mail/access.db\n"
            "Kaccessory hash /nowhere\n",
            cf);
    filter = sendmail_cf_filter(cf, "mortsafe");
    assert_non_null(filter);
    assert_string_equal(filter->socket, "local:/run/mortsafe/milter.sock");
    assert_int_equal(filter->on_failure, 'T');
    assert_int_equal(sendmail_cf_filter(cf, "other")->on_failure, 0);
    assert_null(sendmail_cf_filter(cf, "no"));
    assert_int_equal(cf->n_daemons, 3);
    assert_string_equal(cf->daemon[0].filters, "other,mortsafe");
    assert_string_equal(cf->daemon[0].modify, "A");
    assert_int_equal(cf->daemon[1].port, 587);
    assert_string_equal(cf->daemon[1].modify, "Ea");
    assert_string_equal(cf->daemon[1].filters, "mortsafe");
    assert_true(cf->daemon[2].loopback);
    assert_string_equal(cf->daemon[2].filters, "");
    assert_string_equal(cf->auth_options, "A p");
    assert_string_equal(cf->server_cert, "/etc/mail/cert.pem");
    assert_string_equal(cf->relay_file, "/etc/mail/relay-domains");
    assert_string_equal(cf->access_file, "/etc/mail/access");
    assert_int_equal(cf->n_features, 1);
    assert_string_equal(cf->feature[0], "promiscuous_relay");
    assert_int_equal(cf->n_relays, 2); /* example.org is no network */
    assert_string_equal(cf->relay[0].net, "192.0.2.0/24");
    assert_string_equal(cf->relay[1].written, "10");
    free(cf);
}

/* More of everything than there is room for, and nothing whole. */
static void
test_hostile_sendmail(void **state)
{
    static const char *const lines[] = {
        "X",
        "X,",
        "Xa",
        "O",
        "O =",
        "O DaemonPortOptions",
        "C",
        "CR",
        "F",
        "FR",
        "K",
        "Kaccess",
        "Kaccess /",
        "#",
        "\t",
        " ",
        "O DaemonPortOptions=Name=,Port=99999999999999999999,Addr=,Modify=",
        "O InputMailFilters=;;;,,,",
        "# promiscuous_relay.m4 promiscuous_relay",
    };
    struct sendmail_cf *cf = calloc(1, sizeof(*cf));
    char line[20000];

    (void)state;
    assert_non_null(cf);
    for (unsigned round = 0; round < 100; round++) {
        for (size_t i = 0; i < ROWS(lines); i++)
            sendmail_cf_line(cf, lines[i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        memset(line, "XOC"[i], sizeof(line) - 1);
        line[sizeof(line) - 1] = '\0';
        sendmail_cf_line(cf, line);
        line[0] = ' ';
        sendmail_cf_line(cf, line);
    }
    memset(line, ' ', sizeof(line) - 1);
    memcpy(line, "CR", 2);
    for (size_t i = 2; i + 3 < sizeof(line); i += 2)
        line[i] = '1';
    for (unsigned i = 0; i < 10; i++)
        sendmail_cf_line(cf, line);
    sendmail_cf_end(cf);
    assert_true(cf->n_daemons <= SENDMAIL_CF_DAEMONS);
    assert_true(cf->n_filters <= SENDMAIL_CF_FILTERS);
    assert_true(cf->n_features <= SENDMAIL_CF_FEATURES);
    assert_true(cf->n_relays <= SENDMAIL_CF_RELAYS);
    free(cf);
}

static void
test_relays(void **state)
{
    static const struct {
        const char *row, *line, *relay, *access;
    } rows[] = {
        {"an octet is a class A network", "10", "10.0.0.0/8", NULL},
        {"three are a class C", "192.0.2", "192.0.2.0/24", NULL},
        {"a last dot says the same", "192.0.2.", "192.0.2.0/24", NULL},
        {"four are an address", "192.0.2.7 # office", "192.0.2.7/32", NULL},
        {"a domain is no network", "example.org", NULL, NULL},
        {"IPv6 has its tag", "IPv6:2001:db8", "2001:db8::/32", NULL},
        {"a whole one is an address", "IPv6:2001:db8:0:0:0:0:0:1",
         "2001:db8:0:0:0:0:0:1/128", NULL},
        {"a short one, too", "IPv6:2001:db8::1", "2001:db8::1/128", NULL},
        {"an entry that relays", "Connect:192.0.2\tRELAY", NULL,
         "192.0.2.0/24"},
        {"the old form", "192.0  RELAY", "192.0.0.0/16", "192.0.0.0/16"},
        {"one that does not", "192.0.2  REJECT", "192.0.2.0/24", NULL},
        {"a comment", "# 192.0.2 RELAY", NULL, NULL},
        {"nothing", "", NULL, NULL},
        {"five octets", "1.2.3.4.5", NULL, NULL},
        {"only dots", "...", NULL, NULL},
    };
    struct sendmail_cf *cf = calloc(1, sizeof(*cf));

    (void)state;
    assert_non_null(cf);
    for (size_t i = 0; i < ROWS(rows); i++) {
        *cf = (struct sendmail_cf){.begun = false};
        sendmail_cf_relay(cf, rows[i].line);
        if (strcmp(cf->n_relays > 0 ? cf->relay[0].net : "(none)",
                   rows[i].relay != NULL ? rows[i].relay : "(none)") != 0)
            fail_msg("%s: %s", rows[i].row, cf->relay[0].net);
        *cf = (struct sendmail_cf){.begun = false};
        sendmail_cf_access(cf, rows[i].line);
        if (strcmp(cf->n_relays > 0 ? cf->relay[0].net : "(none)",
                   rows[i].access != NULL ? rows[i].access : "(none)") != 0)
            fail_msg("%s, access: %s", rows[i].row, cf->relay[0].net);
    }
    free(cf);
}

/* ----- networks, routes */

static void
test_widths(void **state)
{
    static const struct {
        const char *row, *word;
        enum networks_width width;
    } rows[] = {
        {"loopback is one's own", "127.0.0.0/8", NETWORKS_OWN},
        {"so is a private network", "10.0.0.0/8", NETWORKS_OWN},
        {"and a small public one", "192.0.2.0/24", NETWORKS_OWN},
        {"a provider's /22", "198.51.100.0/22", NETWORKS_OWN},
        {"few have a /16", "203.0.0.0/16", NETWORKS_WIDE},
        {"hardly anybody a /12", "203.0.0.0/12", NETWORKS_HUGE},
        {"nobody the whole Internet", "0.0.0.0/0", NETWORKS_EVERYBODY},
        {"or half of it", "128.0.0.0/1", NETWORKS_EVERYBODY},
        {"IPv6 in brackets", "[2001:db8::]/32", NETWORKS_OWN},
        {"few have a /29 of it", "[2a00::]/29", NETWORKS_WIDE},
        {"the whole of IPv6", "[::]/0", NETWORKS_EVERYBODY},
    };
    struct prefix p;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (!networks_parse(rows[i].word, &p))
            fail_msg("%s is no network", rows[i].word);
        if (networks_width(p) != rows[i].width)
            fail_msg("%s: %d", rows[i].row, networks_width(p));
    }
    assert_false(networks_parse("/etc/postfix/networks", &p));
    assert_false(networks_parse("cidr:/etc/postfix/networks", &p));
    assert_false(networks_parse("", &p));
    assert_false(networks_parse("[[[]]]", &p));
}

static void
test_routes(void **state)
{
    static const struct {
        const char *row, *line, *v4, *v6;
    } rows[] = {
        {"a default route has a gateway",
         "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000", "192.0.2.1",
         NULL},
        {"another route is none", "eth0\t000200C0\t010200C0\t0001", NULL, NULL},
        {"one without gateway is none", "ppp0\t00000000\t00000000\t0001", NULL,
         NULL},
        {"the heading is none", "Iface\tDestination\tGateway \tFlags", NULL,
         NULL},
        {"half a line is none", "eth0\t00000000\t0102", NULL, NULL},
        {"nothing is none", "", NULL, NULL},
        {"IPv6",
         "00000000000000000000000000000000 00 "
         "00000000000000000000000000000000 00 "
         "20010db8000000000000000000000001 00000400 1 0 450003 eth0",
         NULL, "2001:db8::1"},
        {"IPv6 without gateway",
         "00000000000000000000000000000000 00 "
         "00000000000000000000000000000000 00 "
         "00000000000000000000000000000000 00000400 1 0 450003 lo",
         NULL, NULL},
    };
    char text[PREFIX_TEXT];
    struct prefix p;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        bool found = networks_route4(rows[i].line, &p);

        if (found != (rows[i].v4 != NULL) ||
            (found && strcmp(prefix_print(p, text), rows[i].v4) != 0))
            fail_msg("%s: %s", rows[i].row, found ? text : "(none)");
        found = networks_route6(rows[i].line, &p);
        if (found != (rows[i].v6 != NULL) ||
            (found && strcmp(prefix_print(p, text), rows[i].v6) != 0))
            fail_msg("%s, IPv6: %s", rows[i].row, found ? text : "(none)");
    }
}

/* ----- certificates */

static void
test_ends(void **state)
{
    static const struct {
        const char *row, *line;
        int64_t at_s; /* -1: none */
    } rows[] = {
        {"an end", "notAfter=Dec 22 21:49:09 2026 GMT", 1797976149},
        {"a day of one digit", "notAfter=Jan  1 00:00:00 1970 GMT", 0},
        {"behind 2038", "notAfter=Feb 29 12:00:00 2040 GMT", 2214129600},
        {"a complaint", "Could not read certificate from /x", -1},
        {"no month", "notAfter=Foo 22 21:49:09 2026 GMT", -1},
        {"half a month", "notAfter=anF 22 21:49:09 2026 GMT", -1},
        {"another zone", "notAfter=Dec 22 21:49:09 2026 CET", -1},
        {"too little", "notAfter=Dec 22", -1},
        {"nothing", "", -1},
    };
    int64_t at_s;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        bool found = certificate_end(rows[i].line, &at_s);

        if (found != (rows[i].at_s != -1) || (found && at_s != rows[i].at_s))
            fail_msg("%s: %lld", rows[i].row, found ? (long long)at_s : -1);
    }
}

/* ----- sockets */

static void
test_sockets(void **state)
{
    static const struct {
        const char *row, *socket, *endpoint, *root;
        bool same;
    } rows[] = {
        {"a path", "local:/a/b", "unix:/a/b", "", true},
        {"a path below a chroot", "local:/q/m/s", "unix:/m/s", "/q", true},
        {"a relative one is below it, too", "local:/q/m/s", "unix:m/s", "/q",
         true},
        {"the same path is another there", "local:/m/s", "unix:/m/s", "/q",
         false},
        {"as Sendmail writes it", "local:/a/b", "local:/a/b", "", true},
        {"a port", "inet:9900@127.0.0.1", "inet:127.0.0.1:9900", "", true},
        {"localhost is loopback", "inet:9900@127.0.0.1", "inet:localhost:9900",
         "/q", true},
        {"both write it so", "inet:9900@127.0.0.1", "inet:9900@127.0.0.1", "",
         true},
        {"another port", "inet:9900@127.0.0.1", "inet:127.0.0.1:9901", "",
         false},
        {"IPv6", "inet6:9900@::1", "inet:[::1]:9900", "", true},
        {"a path is no port", "local:/a", "inet:127.0.0.1:9900", "", false},
        {"a descriptor is nobody's", "fd:3", "unix:/a", "", false},
        {"nor is nothing", "", "", "", false},
        {"a port without a number", "inet:x@h", "inet:h:x", "", false},
        {"a number too large", "inet:99999999999@h", "inet:h:99999999999", "",
         false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (socket_is(rows[i].socket, rows[i].endpoint, rows[i].root) !=
            rows[i].same)
            fail_msg("%s", rows[i].row);
    }
}

static void
test_endpoints(void **state)
{
    static const struct {
        const char *row, *socket, *endpoint; /* NULL: cannot be reached */
        bool chrooted;
    } rows[] = {
        {"below the chroot", "local:/var/spool/postfix/mortsafe/milter.sock",
         "unix:/mortsafe/milter.sock", true},
        {"without one", "local:/run/m.sock", "unix:/run/m.sock", false},
        {"outside of it", "local:/run/m.sock", NULL, true},
        {"a folder that only begins so", "local:/var/spool/postfix2/s", NULL,
         true},
        {"a port", "inet:9900@127.0.0.1", "inet:127.0.0.1:9900", true},
        {"IPv6", "inet6:9900@::1", "inet:[::1]:9900", false},
        {"a descriptor", "fd:3", NULL, false},
        {"a port without a host", "inet:9900", NULL, false},
    };
    char out[RECIPE_TEXT];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        bool can = recipe_endpoint(rows[i].socket, "/var/spool/postfix",
                                   rows[i].chrooted, out);

        if (can != (rows[i].endpoint != NULL) ||
            (can && strcmp(out, rows[i].endpoint) != 0))
            fail_msg("%s: %s", rows[i].row, can ? out : "(none)");
    }
}

/* ----- who may come where */

static void
test_access(void **state)
{
    char folder[] = "/tmp/doctor-XXXXXX", path[64], at[ACCESS_PATH];
    struct access_user user = {.uid = 54321, .group = {54321}, .n_groups = 1};
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/x", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(access_look(path, &user, at), ACCESS_SEARCH);
    assert_string_equal(at, folder);
    assert_int_equal(chmod(folder, 0711), 0);
    assert_int_equal(access_look(path, &user, at), ACCESS_YES);
    assert_false(access_is_loose(path, at));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(access_look(path, &user, at), ACCESS_DENIED);
    assert_int_equal(chmod(path, 0660), 0);
    user.group[0] = getegid();
    assert_int_equal(access_look(path, &user, at), ACCESS_YES);
    user.uid = geteuid();
    assert_int_equal(chmod(folder, 0775), 0);
    assert_true(access_is_loose(path, at));
    assert_string_equal(at, folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(access_look(path, &user, at), ACCESS_MISSING);
    assert_string_equal(at, path);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(access_user("no-such-user", &user, NULL), MS_INVALID);
    assert_int_equal(access_user("root", &user, NULL), MS_OK);
    assert_int_equal(user.uid, 0);
}

/* ----- the recipes are those of contrib/ */

static char *
read_file(const char *name)
{
    const char *top = getenv("top_srcdir");
    char path[512];
    char *text = calloc(1, 65536);
    FILE *in;

    assert_non_null(text);
    (void)snprintf(path, sizeof(path), "%s/%s", top != NULL ? top : ".", name);
    in = fopen(path, "r");
    if (in == NULL)
        fail_msg("%s cannot be read; is top_srcdir set?", path);
    else
        assert_true(fread(text, 1, 65535, in) > 0);
    if (in != NULL)
        (void)fclose(in);
    return text;
}

static void
must_have(const char *text, const char *line, const char *where)
{
    if (strstr(text, line) == NULL)
        fail_msg("%s has no line %s", where, line);
}

static void
test_recipes(void **state)
{
    char *main = read_file("contrib/postfix/main.cf");
    char *master = read_file("contrib/postfix/master.cf");
    char *mc = read_file("contrib/sendmail/mortsafe.mc");
    char milter[RECIPE_TEXT], line[2 * RECIPE_TEXT];

    (void)state;
    assert_true(recipe_milter("unix:/mortsafe/milter.sock", milter));
    (void)snprintf(line, sizeof(line), "\nsmtpd_milters = %s\n", milter);
    must_have(main, line, "main.cf");
    for (size_t i = 0; i < recipe_services_count; i++) {
        const struct recipe_service *one = &recipe_services[i];
        int n = snprintf(line, sizeof(line), "\n%-11s inet n - y - - smtpd\n",
                         one->name);

        for (const char *const *option = one->options; *option != NULL;
             option++)
            n += snprintf(line + n, sizeof(line) - (size_t)n, "  -o %s\n",
                          *option);
        (void)snprintf(line + n, sizeof(line) - (size_t)n, "\n");
        must_have(master, line, "master.cf");
    }
    for (size_t i = 0; i < recipe_daemons_count; i++) {
        const struct recipe_daemon *one = &recipe_daemons[i];

        (void)snprintf(line, sizeof(line),
                       "\nDAEMON_OPTIONS(`Name=%s, Family=inet, Port=%u, "
                       "Modify=%s, InputMailFilters=mortsafe')dnl\n",
                       one->name, one->port, one->modify);
        must_have(mc, line, "mortsafe.mc");
    }
    free(main);
    free(master);
    free(mc);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_no_services),
        cmocka_unit_test(test_milters),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_sendmail),
        cmocka_unit_test(test_hostile_sendmail),
        cmocka_unit_test(test_relays),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_recipes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
