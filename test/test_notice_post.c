/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Letters and calls on their way: what a server may do to them, and what that
 * means.  The server is one of our own, see stub.h.
 */
#include <config.h>

#include "milter/notice/hook.h"
#include "milter/notice/post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "test/stub.h"
#include "test/unit.h"

/* what openssl(1) says, see below */
#define SIGNED                                                                 \
    "c1c3cc7ff5af43313ebeeb817ad33f91"                                         \
    "d2073c193f93579112b3818f0cb154ae"

static const char letter[] = "Subject: x\r\n\r\n.dots\r\n..\r\nend\r\n";
/* for servers that answer, however slow the machine; and for those that never
 * do */
static const struct transfer_bounds patient = {30000, 30000, 30000};
static const struct transfer_bounds hasty = {200, 200, 200};

static const struct transfer_bounds *
bounds_for(enum stub_mood mood)
{
    return mood == STUB_MUTE || mood == STUB_MUTE_DATA || mood == STUB_WEB_MUTE
               ? &hasty
               : &patient;
}

static const char *
name(enum transfer_end end)
{
    static const char *const names[] = {"done", "again", "away", "refused"};

    return names[end];
}

static void
test_mail(void **state)
{
    static const struct {
        const char *row;
        enum stub_mood mood;
        enum transfer_end end;
        const char *why; /* part of it */
    } rows[] = {
        {"a letter that is taken is done", STUB_TAKE, TRANSFER_DONE, ""},
        {"4xx to the recipient is for later", STUB_PUT_OFF, TRANSFER_AGAIN,
         "450 4.2.1 mailbox is busy"},
        {"5xx to the recipient is for good", STUB_REFUSE, TRANSFER_REFUSED,
         "550 5.1.1 no such user"},
        {"4xx behind the letter is for later", STUB_PUT_OFF_DATA,
         TRANSFER_AGAIN, "451 4.3.0 not now"},
        {"5xx behind the letter is for good", STUB_REFUSE_DATA,
         TRANSFER_REFUSED, "554 5.7.1 never"},
        {"421 is about the server", STUB_SHUT_DOWN, TRANSFER_AWAY, "421"},
        {"and so is 421 as a greeting", STUB_BUSY, TRANSFER_AWAY, "421"},
        {"554 as a greeting is no fault of the letter", STUB_NO_SERVICE,
         TRANSFER_AWAY, "554"},
        {"5xx to the sender is about us", STUB_BAR_MAIL, TRANSFER_AWAY,
         "550 5.7.1 not you"},
        {"and so is 4xx", STUB_PUT_OFF_MAIL, TRANSFER_AWAY,
         "452 4.3.1 disk is full"},
        {"530 is about us whenever it comes", STUB_LOGIN, TRANSFER_AWAY,
         "530 5.7.0 log in first"},
        {"a server that hangs up is away", STUB_DROP_DATA, TRANSFER_AWAY, ""},
        {"one that never greets is away", STUB_MUTE, TRANSFER_AWAY, ""},
        {"one that never answers the letter is away", STUB_MUTE_DATA,
         TRANSFER_AWAY, ""},
        {"one that never ends its greeting is away", STUB_FLOOD, TRANSFER_AWAY,
         ""},
    };
    struct stub *stub = stub_start(false);
    char server[64];
    struct post post = {server, "mx1.example.org", "ann@example.org",
                        letter, &patient,          NULL};

    (void)state;
    (void)snprintf(server, sizeof(server), "inet:%u@127.0.0.1",
                   stub_port(stub));
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct why why = {""};
        enum transfer_end end;

        stub_set(stub, rows[i].mood);
        post.bounds = bounds_for(rows[i].mood);
        end = post_letter(&post, &why);
        if (end != rows[i].end ||
            (end != TRANSFER_DONE && strstr(why.text, rows[i].why) == NULL))
            fail_msg("%s: %s: %s", rows[i].row, name(end), why.text);
    }
    stub_stop(stub);
}

static void
test_envelope(void **state)
{
    struct stub *stub = stub_start(false);
    struct stub_taken *taken = calloc(1, sizeof(*taken));
    char server[64];
    struct post post = {server, "mx1.example.org", "ann@example.org",
                        letter, &patient,          NULL};
    struct why why;

    (void)state;
    assert_non_null(taken);
    (void)snprintf(server, sizeof(server), "inet:%u@127.0.0.1",
                   stub_port(stub));
    assert_int_equal(post_letter(&post, &why), TRANSFER_DONE);
    stub_taken(stub, taken);
    assert_string_equal(taken->hello, "EHLO mx1.example.org");
    assert_string_equal(taken->from, "MAIL FROM:<>");
    assert_string_equal(taken->to, "RCPT TO:<ann@example.org>");
    assert_string_equal(taken->body, letter);
    post.host = "no host\r\nname";
    assert_int_equal(post_letter(&post, &why), TRANSFER_DONE);
    stub_taken(stub, taken);
    assert_string_equal(taken->hello, "EHLO localhost");
    free(taken);
    stub_stop(stub);
}

static void
test_nobody(void **state)
{
    struct stub *stub = stub_start(false);
    atomic_bool stop = true;
    char server[64];
    struct post post = {server, "h", "ann@example.org", letter, &patient, NULL};
    struct why why;

    (void)state;
    (void)snprintf(server, sizeof(server), "inet:%u@127.0.0.1",
                   stub_port(stub));
    post.stop = &stop;
    stub_set(stub, STUB_MUTE);
    assert_int_equal(post_letter(&post, &why), TRANSFER_AWAY);
    assert_string_equal(why.text, "mortsafe ends");
    post.stop = NULL;
    stub_stop(stub);
    assert_int_equal(post_letter(&post, &why), TRANSFER_AWAY);
    post.server = "unix:/nonexistent/socket";
    assert_int_equal(post_letter(&post, &why), TRANSFER_AWAY);
}

static void
test_servers(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"inet:25@127.0.0.1", true},
        {"inet:10027@mail.example.org", true},
        {"inet6:25@::1", true},
        {"inet6:25@[::1]", true},
        {"unix:/run/lmtp", true},
        {"local:/run/lmtp", true},
        {"inet:0@127.0.0.1", false},
        {"inet:65536@127.0.0.1", false},
        {"inet:25", false},
        {"inet:25@", false},
        {"inet:25@a/b", false},
        {"inet:25@a b", false},
        {"inet:25@a\r\nQUIT", false},
        {"unix:run", false},
        {"smtp://127.0.0.1:25", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect(rows[i].text,
               (post_check(rows[i].text, NULL) == MS_OK) == rows[i].good);
}

static void
test_calls(void **state)
{
    static const struct {
        const char *row;
        enum stub_mood mood;
        enum transfer_end end;
        long pause_s;
    } rows[] = {
        {"2xx is done", STUB_TAKE, TRANSFER_DONE, 0},
        {"500 is for all calls", STUB_WEB_FAIL, TRANSFER_AWAY, 0},
        {"429 too, for as long as it says", STUB_WEB_BUSY, TRANSFER_AWAY, 600},
        {"404 is for this one: somebody may put it right", STUB_WEB_GONE,
         TRANSFER_AGAIN, 0},
        {"no answer is nobody", STUB_WEB_MUTE, TRANSFER_AWAY, 0},
        {"an answer without an end too", STUB_WEB_FLOOD, TRANSFER_AWAY, 0},
    };
    struct stub *stub = stub_start(true);
    char url[64];
    long pause_s;
    struct hook hook = {url, "key", "{}", 1767787200, &patient, NULL, &pause_s};

    (void)state;
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", stub_port(stub));
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct why why = {""};

        stub_set(stub, rows[i].mood);
        hook.bounds = bounds_for(rows[i].mood);
        pause_s = -1;
        expect(rows[i].row, hook_call(&hook, &why) == rows[i].end);
        expect(rows[i].row, pause_s == rows[i].pause_s);
    }
    stub_stop(stub);
    assert_int_equal(hook_call(&hook, NULL), TRANSFER_AWAY);
    hook.url = "file:///etc/passwd";
    assert_int_equal(hook_call(&hook, NULL), TRANSFER_AWAY);
}

static void
test_signature(void **state)
{
    struct stub *stub = stub_start(true);
    struct stub_taken *taken = calloc(1, sizeof(*taken));
    char url[64], signature[HOOK_SIGNATURE];
    struct hook hook = {url,  "s3cret", "{\"id\":\"1\"}", 1767787200, &patient,
                        NULL, NULL};

    (void)state;
    assert_non_null(taken);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/x?y",
                   stub_port(stub));
    /* printf %s '1767787200.{"id":"1"}' | openssl dgst -sha256 -hmac s3cret */
    hook_sign(hook.key, hook.now_s, hook.body, signature);
    assert_string_equal(signature, SIGNED);
    assert_int_equal(hook_call(&hook, NULL), TRANSFER_DONE);
    stub_taken(stub, taken);
    assert_string_equal(taken->body, hook.body);
    assert_non_null(strstr(taken->head, "POST /x?y HTTP/1.1\n"));
    assert_non_null(strstr(taken->head, "\nContent-Type: application/json\n"));
    assert_non_null(
        strstr(taken->head, "\nX-Mortsafe-Timestamp: 1767787200\n"));
    assert_non_null(
        strstr(taken->head, "\nX-Mortsafe-Signature: sha256=" SIGNED "\n"));
    hook.key = NULL;
    assert_int_equal(hook_call(&hook, NULL), TRANSFER_DONE);
    stub_taken(stub, taken);
    assert_null(strstr(taken->head, "Signature"));
    free(taken);
    stub_stop(stub);
}

static int
begin(void **state)
{
    (void)state;
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1;
}

static int
end(void **state)
{
    (void)state;
    curl_global_cleanup();
    return 0;
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail),   cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_nobody), cmocka_unit_test(test_servers),
        cmocka_unit_test(test_calls),  cmocka_unit_test(test_signature),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, begin, end);
}
