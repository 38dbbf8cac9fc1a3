/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shared store in the configuration: what must stand together, passwords
 * in files and nowhere else, and that what is printed reads as the same again.
 */
#include <config.h>

#include "policy/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/heard.h"
#include "test/printed.h"
#include "test/unit.h"

enum { TODAY_S = 1800000000 /* 2027-01-15 */ };

static struct heard heard;

#define KEY "privacy { key_file = /k }\n"
#define URL "url = redis://mortsafe@192.0.2.1:6379/0 "

/* Every error of a text, in order; the text is wrong. */
static const struct {
    const char *name, *text, *heard;
} errors[] = {
    {"redis needs a server and the site's key", "store { type = redis }",
     "t:1:16: type: redis needs `url`, such as "
     "redis://mortsafe@192.0.2.1:6379/0\n"
     "t:1:16: type: redis needs `privacy { key_file = ... }`; mortsafe "
     "--make-key FILE makes one, which all hosts need\n"},
    {"what only redis has stands with it alone",
     "store { fallback = local\n prefix = a hosts = 2\n path = /x }",
     "t:1:20: fallback: only a store of type redis has it; write `type = "
     "redis`, or remove it\n"
     "t:2:11: prefix: only a store of type redis has it; write `type = "
     "redis`, or remove it\n"
     "t:2:21: hosts: only a store of type redis has it; write `type = "
     "redis`, or remove it\n"},
    {"in memory neither", "store { type = memory " URL "}",
     "t:1:29: url: only a store of type redis has it; write `type = redis`, "
     "or remove it\n"},
    {"TLS files without TLS",
     KEY "store { type = redis " URL
         "\n ca_file = a cert_file = b\n key_file = c tls_name = d.example }",
     "t:3:12: ca_file: there is no TLS; write the url with rediss://, or "
     "remove it\n"
     "t:3:26: cert_file: there is no TLS; write the url with rediss://, or "
     "remove it\n"
     "t:4:13: key_file: there is no TLS; write the url with rediss://, or "
     "remove it\n"
     "t:4:26: tls_name: there is no TLS; write the url with rediss://, or "
     "remove it\n"},
    {"a certificate without its key",
     KEY "store { type = redis url = rediss://192.0.2.1 cert_file = b }",
     "t:2:59: cert_file: it needs `key_file`; name the file with its key\n"},
    {"a key without its certificate",
     KEY "store { type = redis url = rediss://192.0.2.1 key_file = b }",
     "t:2:58: key_file: it needs `cert_file`; name the certificate that it is "
     "for\n"},
    {"Sentinels without the master's name",
     KEY "store { type = redis url = redis:/// sentinel = s.example }",
     "t:2:49: sentinel: it needs `master`; name the master as Sentinels know "
     "it\n"},
    {"a master without Sentinels",
     KEY "store { type = redis " URL "master = m }",
     "t:2:71: master: it needs `sentinel`; name some Sentinels, or remove "
     "it\n"},
    {"Sentinels' password without Sentinels, and no such file",
     KEY "store { type = redis " URL "sentinel_password_file = /nowhere/x }",
     "t:2:87: sentinel_password_file: /nowhere/x: No such file or directory\n"
     "t:2:87: sentinel_password_file: it needs `sentinel`; name some "
     "Sentinels, or remove it\n"},
    {"Sentinels tell the host",
     KEY "store { type = redis " URL "sentinel = s.example master = m }",
     "t:2:28: url: Sentinels tell where the server is; leave the host out, as "
     "in redis://mortsafe@/0\n"},
    {"a Unix socket behind them",
     KEY "store { type = redis url = unix:/r.sock sentinel = s.example "
         "master = m }",
     "t:2:28: url: Sentinels tell where the server is; leave the host out, as "
     "in redis:///0\n"},
    {"no host and no Sentinels",
     KEY "store { type = redis url = redis://mortsafe@/0 }",
     "t:2:28: url: it has no host; only behind Sentinels it needs none\n"},
    {"Sentinels of a Cluster",
     KEY "store { type = redis " URL "cluster = yes\n sentinel = s master = "
         "m }",
     "t:2:72: cluster: a Cluster has no Sentinels; remove `sentinel` or "
     "this\n"},
    {"another database of a Cluster",
     KEY "store { type = redis cluster = yes url = redis://192.0.2.1/3 }",
     "t:2:42: url: a Cluster has database 0 only\n"},
    {"a Cluster behind a Unix socket",
     KEY "store { type = redis cluster = yes url = unix:/r.sock }",
     "t:2:42: url: nodes of a Cluster are reached by host and port, not by a "
     "Unix socket\n"},
    {"a Cluster without a host",
     KEY "store { type = redis cluster = yes url = redis:// }",
     "t:2:42: url: it has no host\n"},
    {"nodes that differ",
     KEY "store { type = redis cluster = yes url = redis://a@192.0.2.1,\n"
         "rediss://a@192.0.2.2,\nredis://b@192.0.2.3,\n"
         "redis://a@192.0.2.4/1 }",
     "t:3:1: url: all need redis:// or all rediss://\n"
     "t:4:1: url: all need the same user\n"
     "t:5:1: url: all need the same database\n"
     "t:5:1: url: a Cluster has database 0 only\n"},
    {"several servers and no Cluster",
     KEY "store { type = redis url = redis://192.0.2.1, redis://192.0.2.2 }",
     "t:2:47: url: several servers; for a Cluster write `cluster = yes`, for "
     "a master with replicas name its Sentinels\n"},
    {"several servers in one URL",
     KEY "store { type = redis url = 'redis://192.0.2.1,192.0.2.2' }",
     "t:2:28: url: several servers in one; write each on its own, with commas "
     "between\n"},
    {"a second server that is no URL",
     KEY "store { type = redis cluster = yes\n"
         "url = redis://192.0.2.1, 192.0.2.2:6379 }",
     "t:3:26: url: not a URL; each server has one of its own, such as "
     "redis://mortsafe@192.0.2.1:6379/0\n"},
    {"one server twice",
     KEY "store { type = redis cluster = yes\n"
         "url = redis://192.0.2.1, redis://192.0.2.1:6379 }",
     "t:3:26: url: the same server again\n"},
    {"a prefix with signs", KEY "store { type = redis " URL "prefix = a:b }",
     "t:2:71: prefix: `a:b` is not 1 to 31 letters, digits, _ and -\n"},
    {"a prefix with a dot", KEY "store { type = redis " URL "prefix = a.b }",
     "t:2:71: prefix: `a.b` is not 1 to 31 letters, digits, _ and -\n"},
    {"a prefix of 32 letters",
     KEY "store { type = redis " URL
         "prefix = abcdefghijklmnopqrstuvwxyz012345 }",
     "t:2:71: prefix: `abcdefghijklmnopqrstuvwxyz012345` is not 1 to 31 "
     "letters, digits, _ and -\n"},
    {"an empty one", KEY "store { type = redis " URL "prefix = '' }",
     "t:2:71: prefix: `` is not 1 to 31 letters, digits, _ and -\n"},
    {"a deadline without its unit",
     KEY "store { type = redis " URL "deadline = 300 }",
     "t:2:73: deadline: `300` is no time such as 300ms or 1s\n"},
    {"too short", KEY "store { type = redis " URL "deadline = 19ms }",
     "t:2:73: deadline: `19ms` is not from 20ms to 2s\n"},
    {"too long", KEY "store { type = redis " URL "deadline = 2001ms }",
     "t:2:73: deadline: `2001ms` is not from 20ms to 2s\n"},
    {"longer than can be counted",
     KEY "store { type = redis " URL "deadline = 18446744073709551s }",
     "t:2:73: deadline: `18446744073709551s` is not from 20ms to 2s\n"},
    {"no hosts", KEY "store { type = redis " URL "hosts = 0 }",
     "t:2:70: hosts: `0` is not from 1 to 1000\n"},
    {"too many", KEY "store { type = redis " URL "hosts = 1001 }",
     "t:2:70: hosts: `1001` is not from 1 to 1000\n"},
    {"a fallback that is none",
     KEY "store { type = redis " URL "fallback = reject }",
     "t:2:73: fallback: `reject` is none of: local | tempfail | accept\n"},
    {"a limit's that is none", "limit user { on_store_error = defer }",
     "t:1:31: on_store_error: `defer` is none of: local | tempfail | "
     "accept\n"},
    {"a span without its unit", "privacy { state = 90 }",
     "t:1:19: state: `90` is no span such as 12h or 90d\n"},
    {"a span below its range", "privacy { state = 23h }",
     "t:1:19: state: `23h` is not from 1d to 3650d\n"},
    {"no name of a file", "privacy { key_file = '' }",
     "t:1:22: key_file: the name of a file is missing\n"},
    {"nor of a password's",
     KEY "store { type = redis " URL "password_file = '' }",
     "t:2:78: password_file: the name of a file is missing\n"},
    {"a folder is no password",
     KEY "store { type = redis " URL "password_file = / }",
     "t:2:78: password_file: /: not a regular file\n"},
};

static void
test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(errors); i++) {
        struct config *config = NULL;
        enum ms_err err = heard_load(&heard, errors[i].text, TODAY_S, &config);

        if (err != MS_INVALID || strcmp(heard.text, errors[i].heard) != 0)
            fail_msg("%s: %d\n%s", errors[i].name, err, heard.text);
    }
}

static void
test_many_servers(void **state)
{
    char text[2048] = KEY "store { type = redis cluster = yes\nurl = ";
    struct config *config = NULL;
    size_t i, len = strlen(text);

    (void)state;
    for (i = 0; i < 17; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%sredis://h%zu",
                                i == 0 ? "" : ",\n", i);
    (void)snprintf(text + len, sizeof text - len, "}\n");
    assert_int_equal(heard_load(&heard, text, TODAY_S, &config), MS_INVALID);
    assert_string_equal(heard.text, "t:19:1: url: more than 16 servers; name "
                                    "some, the others are found\n");
}

/* ----- warnings: the text is right */

static const struct {
    const char *name, *text, *heard;
} warnings[] = {
    {"a public address in the clear",
     KEY "store { type = redis url = redis://198.51.100.7 }",
     "warning: t:2:28: url: all that goes to 198.51.100.7:6379 can be read on "
     "the way, the password too; use rediss://\n"},
    {"a Sentinel's",
     KEY "store { type = redis url = redis:// master = m\n"
         "sentinel = 10.0.0.1, [2001:db8::1]:5000 }",
     "warning: t:3:22: sentinel: all that goes to [2001:db8::1]:5000 can be "
     "read on the way, the password too; use rediss://\n"},
    {"encrypted", KEY "store { type = redis url = rediss://198.51.100.7 }", ""},
    {"this host", KEY "store { type = redis url = redis://127.0.0.1 }", ""},
    {"this host, IPv6", KEY "store { type = redis url = 'redis://[::1]' }", ""},
    {"a private network", KEY "store { type = redis url = redis://10.9.8.7 }",
     ""},
    {"a Unix socket", KEY "store { type = redis url = unix:/r.sock }", ""},
    {"a name tells nothing",
     KEY "store { type = redis url = redis://redis.example }", ""},
    {"a limit's fallback without redis",
     "limit user { on_store_error = accept }",
     "warning: t:1:31: on_store_error: limit `user` is counted on this host, "
     "as all are without a Redis\n"},
    {"the same of one that never leaves this host",
     KEY "store { type = redis url = unix:/r }\n"
         "limit connect { on_store_error = accept }",
     "warning: t:3:34: on_store_error: limit `connect` is counted on this "
     "host, by its scope\n"},
};

static const char no_domains[] =
    "warning: t:1:1: no `domains`: strangers can send to nobody here\n";

static void
test_warnings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(warnings); i++) {
        struct config *config = NULL;
        const char *said = heard.text;

        if (heard_load(&heard, warnings[i].text, TODAY_S, &config) != MS_OK)
            fail_msg("%s: %s", warnings[i].name, heard.text);
        if (strncmp(said, no_domains, sizeof no_domains - 1) == 0)
            said += sizeof no_domains - 1;
        if (strcmp(said, warnings[i].heard) != 0)
            fail_msg("%s: %s", warnings[i].name, heard.text);
        config_destroy(config);
    }
}

/* ----- files with passwords */

static char folder[] = "/tmp/mortsafe-config.XXXXXX";

static void
write_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

/* Reads a configuration in FOLDER with BODY in `store` and a password in the
 * file `p` beside it. */
static enum ms_err
load_with(const char *body, struct config **config)
{
    char path[64], text[1024];
    int len =
        snprintf(text, sizeof text,
                 KEY "store { type = redis password_file = p\n%s }", body);

    assert_true(len > 0 && (size_t)len < sizeof text);
    write_file("c.conf", text, (size_t)len, 0644);
    (void)snprintf(path, sizeof path, "%s/c.conf", folder);
    return heard_load_file(&heard, path, TODAY_S, config);
}

static char longest[514];

static const struct {
    const char *name;
    const char *bytes;
    size_t len;
    mode_t mode;
    const char *password; /* NULL: refused */
    const char *heard;    /* part of what is said then */
} secrets[] = {
    {"a line", "s3cret\n", 7, 0600, "s3cret", NULL},
    {"one without its end, and the group may read it", "s3cret", 6, 0640,
     "s3cret", NULL},
    {"only the first", "s3cret\nother\n", 13, 0400, "s3cret", NULL},
    {"signs and blanks stay", " a\"b%s\\ \n", 9, 0600, " a\"b%s\\ ", NULL},
    {"512 bytes", longest, 512, 0600, longest, NULL},
    {"513 bytes", longest, 513, 0600, NULL, "is longer than 512 bytes"},
    {"nothing", "", 0, 0600, NULL, "its first line is empty"},
    {"an empty line", "\nx\n", 3, 0600, NULL, "its first line is empty"},
    {"a NUL byte", "a\0b\n", 4, 0600, NULL, "a NUL byte in its first line"},
    {"a NUL byte behind it is nobody's", "a\n\0", 3, 0600, "a", NULL},
    {"a line of another system", "s3cret\r\n", 8, 0600, NULL,
     "ends with a carriage return"},
    {"others may read it", "s3cret\n", 7, 0604, NULL,
     "others may read or write it; chmod o-rwx it"},
    {"others may write it", "s3cret\n", 7, 0602, NULL,
     "others may read or write it; chmod o-rwx it"},
};

static void
test_secrets(void **state)
{
    (void)state;
    memset(longest, 'x', 513);
    for (size_t i = 0; i < ROWS(secrets); i++) {
        const char *name = secrets[i].name;
        const char *want = secrets[i].password;
        struct config *config = NULL;
        enum ms_err err;

        write_file("p", secrets[i].bytes, secrets[i].len, secrets[i].mode);
        err = load_with("url = redis://10.0.0.1", &config);
        if (want == NULL) {
            expect(name, err == MS_INVALID);
            expect(name, strstr(heard.text, secrets[i].heard) != NULL);
            expect(name, strstr(heard.text, "s3cret") == NULL);
            continue;
        }
        expect(name, err == MS_OK);
        expect(name, strncmp(config->store.password, want, 512) == 0);
        expect(name, strlen(config->store.password) <= 512);
        config_destroy(config);
    }
}

static void
test_password_in_url(void **state)
{
    struct config *config = NULL;

    (void)state;
    assert_int_equal(heard_load(&heard,
                                KEY "store { type = redis "
                                    "url = redis://mortsafe:s3cret@10.0.0.1 }",
                                TODAY_S, &config),
                     MS_INVALID);
    assert_non_null(strstr(heard.text, "t:2:28: url: "));
    assert_null(strstr(heard.text, "s3cret"));
}

/* ----- what it comes to */

static void
test_values(void **state)
{
    struct config *c = NULL;
    char file[64];

    (void)state;
    write_file("p", "s3cret\n", 7, 0600);
    assert_int_equal(
        load_with(
            "url = rediss://ann@/7\n"
            "ca_file = ca.pem cert_file = /c.pem key_file = k/k.pem\n"
            "tls_name = Redis.Example sentinel = s1, [::1]:5000\n"
            "master = my.master_1 sentinel_password_file = p\n"
            "prefix = A-z_9 deadline = 2s fallback = accept hosts = 30 }\n"
            "limit user { on_store_error = tempfail ",
            &c),
        MS_OK);
    assert_int_equal(c->store.type, STORE_REDIS);
    assert_int_equal(c->store.n_urls, 1);
    assert_true(c->store.urls[0].tls);
    assert_string_equal(c->store.urls[0].user, "ann");
    assert_int_equal(c->store.urls[0].db, 7);
    (void)snprintf(file, sizeof file, "%s/p", folder);
    assert_string_equal(c->store.password_file, file);
    assert_string_equal(c->store.password, "s3cret");
    assert_string_equal(c->store.sentinel_password, "s3cret");
    (void)snprintf(file, sizeof file, "%s/ca.pem", folder);
    assert_string_equal(c->store.ca_file, file);
    assert_string_equal(c->store.cert_file, "/c.pem");
    (void)snprintf(file, sizeof file, "%s/k/k.pem", folder);
    assert_string_equal(c->store.key_file, file);
    assert_string_equal(c->store.tls_name, "redis.example");
    assert_int_equal(c->store.n_sentinels, 2);
    assert_string_equal(c->store.sentinels[0].host, "s1");
    assert_int_equal(c->store.sentinels[0].port, 26379);
    assert_int_equal(c->store.sentinels[1].port, 5000);
    assert_string_equal(c->store.master, "my.master_1");
    assert_string_equal(c->store.prefix, "A-z_9");
    assert_int_equal(c->store.deadline_ms, 2000);
    assert_int_equal(c->store.fallback, FALLBACK_ACCEPT);
    assert_int_equal(c->store.hosts, 30);
    assert_int_equal(limit_of(c, "user")->fallback, FALLBACK_TEMPFAIL);
    assert_int_equal(limit_of(c, "burst")->fallback, FALLBACK_ACCEPT);
    config_destroy(c);
}

static void
test_defaults(void **state)
{
    struct config *c = NULL;

    (void)state;
    assert_int_equal(
        heard_load(&heard, KEY "store { type = redis url = unix:/run/r.sock }",
                   TODAY_S, &c),
        MS_OK);
    assert_string_equal(c->store.urls[0].path, "/run/r.sock");
    assert_string_equal(c->store.prefix, "mortsafe");
    assert_int_equal(c->store.deadline_ms, 300);
    assert_int_equal(c->store.fallback, FALLBACK_LOCAL);
    assert_int_equal(c->store.hosts, 1);
    assert_false(c->store.cluster);
    assert_null(c->store.password);
    assert_string_equal(c->privacy.key_file, "/k");
    assert_int_equal(c->privacy.state_s, 90 * 86400);
    assert_int_equal(limit_of(c, "user")->fallback, FALLBACK_LOCAL);
    config_destroy(c);
}

/* ----- printed */

static const char *const bodies[] = {
    "url = redis://ann@10.0.0.1:6380/3",
    "url = redis://ann@10.0.0.1, redis://ann@10.0.0.2:6380 cluster = yes",
    "url = rediss://ann@/1 sentinel = a, 'b:77' master = m\n"
    "sentinel_password_file = p ca_file = x tls_name = r.example",
    "url = unix:/run/redis.sock prefix = x deadline = 1500ms\n"
    "fallback = tempfail hosts = 1000 } limit user { on_store_error = local",
};

static void
test_print_is_fixed(void **state)
{
    (void)state;
    write_file("p", "s3cret\n", 7, 0600);
    for (size_t i = 0; i < ROWS(bodies); i++) {
        struct config *c = NULL, *again = NULL;
        char *text, *text_again;

        if (load_with(bodies[i], &c) != MS_OK)
            fail_msg("%s: %s", bodies[i], heard.text);
        text = printed_text(c);
        assert_null(strstr(text, "s3cret"));
        assert_non_null(strstr(text, "password_file = /tmp/mortsafe-config."));
        if (heard_load(&heard, text, TODAY_S, &again) != MS_OK)
            fail_msg("%s: %s", bodies[i], heard.text);
        text_again = printed_text(again);
        printed_cut(text);
        printed_cut(text_again);
        assert_string_equal(text, text_again);
        config_destroy(c);
        config_destroy(again);
        free(text);
        free(text_again);
    }
}

/* Who has no shared store need not read about one. */
static void
test_print_without(void **state)
{
    struct config *c = NULL;
    char *text;

    (void)state;
    assert_int_equal(heard_load(&heard, "", TODAY_S, &c), MS_OK);
    text = printed_text(c);
    assert_null(strstr(text, "deadline"));
    assert_non_null(strstr(text, "privacy {"));
    free(text);
    config_destroy(c);
}

static int
make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int
remove_folder(void **state)
{
    static const char *const files[] = {"p", "c.conf"};
    char path[64];

    (void)state;
    for (size_t i = 0; i < ROWS(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_many_servers),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_password_in_url),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_print_is_fixed),
        cmocka_unit_test(test_print_without),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
