/* SPDX-License-Identifier: BSD-2-Clause */
/* The site's key: its file, hashes, sealed names. */
#include <config.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/store/sitekey.h"
#include "test/unit.h"

#define DIGITS                                                                 \
    "00112233445566778899aabbccddeeff0123456789abcdef0123456789ABCDEF"

static char dir[64], path[128];

static int
begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/sitekey-XXXXXX");
    snprintf(path, sizeof(path), "%s/key", mkdtemp(dir));
    return 0;
}

static int
end(void **state)
{
    char name[512];
    DIR *d = opendir(dir);
    struct dirent *entry;

    (void)state;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        snprintf(name, sizeof(name), "%s/%.255s", dir, entry->d_name);
        (void)remove(name);
    }
    closedir(d);
    return rmdir(dir);
}

static void
write_file(const char *text, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static unsigned
files(void)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    unsigned n = 0;

    while ((entry = readdir(d)) != NULL)
        n += entry->d_name[0] != '.';
    closedir(d);
    return n;
}

static void
test_texts(void **state)
{
    static const struct {
        const char *row, *text;
        enum ms_err err;
    } rows[] = {
        {"digits alone", DIGITS "\n", MS_OK},
        {"without a newline", DIGITS, MS_OK},
        {"comments and blank lines", "# a key\n\n" DIGITS "\n#\n\n", MS_OK},
        {"carried through Windows", "# a key\r\n" DIGITS " \r\n", MS_OK},
        {"nothing", "", MS_INVALID},
        {"comments only", "# " DIGITS "\n", MS_INVALID},
        {"a digit too few", "0123456789abcdef\n", MS_INVALID},
        {"a digit too many", DIGITS "0\n", MS_INVALID},
        {"no digit",
         "x0112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef\n",
         MS_INVALID},
        {"two keys", DIGITS "\n" DIGITS "\n", MS_INVALID},
        {"something behind", DIGITS " key\n", MS_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sitekey *key = NULL;
        struct why why = {""};

        write_file(rows[i].text, strlen(rows[i].text), 0600);
        expect(rows[i].row, sitekey_read(path, &key, &why) == rows[i].err);
        expect(rows[i].row, (key != NULL) == (rows[i].err == MS_OK));
        expect(rows[i].row, key != NULL || strstr(why.text, path) != NULL);
        expect(rows[i].row, strstr(why.text, "00112233") == NULL);
        sitekey_destroy(key);
    }
}

static void
test_odd_files(void **state)
{
    static char large[5000];
    struct sitekey *key = NULL;
    struct why why;
    char link[160];

    (void)state;
    memset(large, '\n', sizeof(large));
    memcpy(large, DIGITS "\n", sizeof(DIGITS));
    write_file(large, sizeof(large), 0600);
    assert_int_equal(sitekey_read(path, &key, &why), MS_INVALID);
    write_file(DIGITS "\0", sizeof(DIGITS), 0600);
    assert_int_equal(sitekey_read(path, &key, &why), MS_INVALID);
    write_file(DIGITS, sizeof(DIGITS) - 1, 0600);
    snprintf(link, sizeof(link), "%s/link", dir);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(sitekey_read(link, &key, &why), MS_UNAVAIL);
    assert_non_null(strstr(why.text, "symbolic link"));
    assert_int_equal(sitekey_read(dir, &key, &why), MS_UNAVAIL);
    snprintf(link, sizeof(link), "%s/fifo", dir);
    assert_int_equal(mkfifo(link, 0600), 0);
    assert_int_equal(sitekey_read(link, &key, &why), MS_UNAVAIL);
    assert_non_null(strstr(why.text, "regular"));
    snprintf(link, sizeof(link), "%s/none", dir);
    assert_int_equal(sitekey_read(link, &key, &why), MS_UNAVAIL);
    assert_non_null(strstr(why.text, "--make-key"));
    assert_null(key);
}

static void
test_modes(void **state)
{
    static const struct {
        mode_t mode;
        enum ms_err err;
    } rows[] = {
        {0600, MS_OK},      {0640, MS_OK},      {0400, MS_OK},
        {0440, MS_OK},      {0644, MS_UNAVAIL}, {0604, MS_UNAVAIL},
        {0602, MS_UNAVAIL}, {0601, MS_UNAVAIL}, {0660, MS_UNAVAIL},
        {0620, MS_UNAVAIL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sitekey *key = NULL;
        struct why why;

        write_file(DIGITS, sizeof(DIGITS) - 1, rows[i].mode);
        if (sitekey_read(path, &key, &why) != rows[i].err)
            fail_msg("mode %o", (unsigned)rows[i].mode);
        sitekey_destroy(key);
    }
    if (geteuid() == 0) {
        struct sitekey *key = NULL;
        struct why why;

        write_file(DIGITS, sizeof(DIGITS) - 1, 0600);
        assert_int_equal(chown(path, 12345, 0), 0);
        assert_int_equal(sitekey_read(path, &key, &why), MS_UNAVAIL);
        assert_non_null(strstr(why.text, "12345"));
    }
}

static void
test_make(void **state)
{
    struct sitekey *first = NULL, *second = NULL;
    char print1[SITEKEY_PRINT], print2[SITEKEY_PRINT], away[160];
    struct stat st;
    struct why why;
    bool root = geteuid() == 0;

    (void)state;
    umask(077);
    assert_int_equal(sitekey_make(path, root ? 4321 : (unsigned)-1, &why),
                     MS_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_true(!root || st.st_gid == 4321);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(files(), 1);
    assert_int_equal(sitekey_read(path, &first, &why), MS_OK);
    assert_int_equal(sitekey_make(path, (unsigned)-1, &why), MS_BUSY);
    assert_non_null(strstr(why.text, path));
    assert_int_equal(files(), 1);
    assert_int_equal(sitekey_read(path, &second, &why), MS_OK);
    sitekey_fingerprint(first, print1);
    sitekey_fingerprint(second, print2);
    assert_string_equal(print1, print2);
    assert_int_equal(strspn(print1, "0123456789abcdef"), SITEKEY_PRINT - 1);
    sitekey_destroy(second);
    second = NULL;
    unlink(path);
    assert_int_equal(sitekey_make(path, (unsigned)-1, &why), MS_OK);
    assert_int_equal(sitekey_read(path, &second, &why), MS_OK);
    sitekey_fingerprint(second, print2);
    assert_string_not_equal(print1, print2);
    sitekey_destroy(first);
    sitekey_destroy(second);
    /* a link is there already, wherever it leads */
    unlink(path);
    snprintf(away, sizeof(away), "%s/away", dir);
    assert_int_equal(symlink(away, path), 0);
    assert_int_equal(sitekey_make(path, (unsigned)-1, &why), MS_BUSY);
    assert_int_equal(access(away, F_OK), -1);
    snprintf(away, sizeof(away), "%s/none/key", dir);
    assert_int_equal(sitekey_make(away, (unsigned)-1, &why), MS_UNAVAIL);
    assert_int_equal(files(), 1);
}

static struct sitekey *
key_of(uint8_t byte)
{
    struct sitekey *key = NULL;
    uint8_t bytes[32];

    memset(bytes, byte, sizeof(bytes));
    assert_int_equal(sitekey_from(bytes, &key), MS_OK);
    return key;
}

static void
test_hash(void **state)
{
    struct sitekey *one = key_of(1), *two = key_of(2);
    struct subject ann, bob;
    uint8_t a[SITEKEY_HASH], b[SITEKEY_HASH];

    (void)state;
    subject_make(SUBJECT_USER, "ann", &ann);
    subject_make(SUBJECT_SENDER, "ann", &bob);
    sitekey_hash(one, &ann, a);
    sitekey_hash(one, &ann, b);
    assert_memory_equal(a, b, sizeof(a));
    sitekey_hash(two, &ann, b);
    assert_memory_not_equal(a, b, sizeof(a));
    sitekey_hash(one, &bob, b);
    assert_memory_not_equal(a, b, sizeof(a));
    sitekey_destroy(one);
    sitekey_destroy(two);
    sitekey_destroy(NULL);
}

/* What is written with one release is found with the next. */
static void
test_stays(void **state)
{
    static const uint8_t wanted[SITEKEY_HASH] = {
        0x4a, 0x7c, 0x01, 0xe3, 0xdb, 0xeb, 0xff, 0xd9,
        0x6a, 0xc0, 0x27, 0x2f, 0xd6, 0x55, 0x6b, 0x91};
    struct sitekey *key = key_of(1);
    uint8_t hash[SITEKEY_HASH];
    char print[SITEKEY_PRINT];
    struct subject ann;

    (void)state;
    subject_make(SUBJECT_USER, "ann@example.org", &ann);
    sitekey_hash(key, &ann, hash);
    sitekey_fingerprint(key, print);
    assert_memory_equal(hash, wanted, sizeof(hash));
    assert_string_equal(print, "2b8fb4f4a74840c1");
    sitekey_destroy(key);
}

static void
test_seal(void **state)
{
    struct sitekey *key = key_of(1), *other = key_of(2);
    static char longest[SUBJECT_PART_MAX + 1];
    uint8_t sealed[SITEKEY_SEALED], again[SITEKEY_SEALED];
    struct subject subject, opened;
    size_t len, short_len;

    (void)state;
    subject_make(SUBJECT_USER, "ann", &subject);
    short_len = sitekey_seal(key, &subject, sealed);
    assert_true(sitekey_open(key, sealed, short_len, &opened));
    assert_int_equal(opened.kind, subject.kind);
    assert_int_equal(opened.len, subject.len);
    assert_memory_equal(opened.bytes, subject.bytes, subject.len);
    assert_int_equal(sitekey_seal(key, &subject, again), short_len);
    assert_memory_not_equal(sealed, again, short_len);
    assert_false(sitekey_open(other, sealed, short_len, &opened));
    for (size_t i = 0; i < short_len; i++) {
        sealed[i] ^= 0x10;
        assert_false(sitekey_open(key, sealed, short_len, &opened));
        sealed[i] ^= 0x10;
    }
    for (size_t i = 0; i < short_len; i++)
        assert_false(sitekey_open(key, sealed, i, &opened));
    /* its length tells little */
    subject_make(SUBJECT_USER, "bartholomew", &subject);
    assert_int_equal(sitekey_seal(key, &subject, sealed), short_len);
    memset(longest, 'x', SUBJECT_PART_MAX);
    assert_true(subject_make_pair(SUBJECT_USER, longest, SUBJECT_SENDER,
                                  longest, &subject));
    len = sitekey_seal(key, &subject, sealed);
    assert_in_range(len, 1000, SITEKEY_SEALED);
    assert_true(sitekey_open(key, sealed, len, &opened));
    assert_memory_equal(opened.bytes, subject.bytes, subject.len);
    /* sealed, but no subject */
    subject.len = 1;
    len = sitekey_seal(key, &subject, sealed);
    assert_false(sitekey_open(key, sealed, len, &opened));
    sitekey_destroy(key);
    sitekey_destroy(other);
}

/* ----- other things */

static void
test_hash_text(void **state)
{
    static const uint8_t wanted[SITEKEY_HASH] = {
        0x64, 0x7a, 0xf4, 0xce, 0xed, 0xd4, 0xd6, 0x21,
        0x7c, 0x43, 0xd8, 0xdc, 0x59, 0xb6, 0x66, 0x85};
    struct sitekey *one = key_of(1), *two = key_of(2);
    uint8_t a[SITEKEY_HASH], b[SITEKEY_HASH];

    (void)state;
    sitekey_hash_text(one, "acts", a);
    assert_memory_equal(a, wanted, sizeof(a)); /* as in the next release */
    sitekey_hash_text(two, "acts", b);
    assert_memory_not_equal(a, b, sizeof(a));
    sitekey_hash_text(one, "act", b);
    assert_memory_not_equal(a, b, sizeof(a));
    sitekey_destroy(one);
    sitekey_destroy(two);
}

static void
test_seal_bytes(void **state)
{
    static const size_t lengths[] = {0, 1, 63, 64, 65, 1000};
    struct sitekey *key = key_of(1), *other = key_of(2);
    uint8_t bytes[1100], sealed[1100 + SITEKEY_BYTES_MORE], out[sizeof(sealed)];
    struct subject ann;
    size_t len, got;

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    for (size_t i = 0; i < ROWS(lengths); i++) {
        size_t n = lengths[i];

        len = sitekey_seal_bytes(key, bytes, n, sealed, sizeof(sealed));
        assert_in_range(len, n + 1, n + SITEKEY_BYTES_MORE);
        assert_true(sitekey_open_bytes(key, sealed, len, out, &got));
        assert_int_equal(got, n);
        assert_memory_equal(out, bytes, n);
        assert_false(sitekey_open_bytes(other, sealed, len, out, &got));
        for (size_t j = 0; j < len; j += n < 100 ? 1 : 97) {
            sealed[j] ^= 0x10;
            assert_false(sitekey_open_bytes(key, sealed, len, out, &got));
            sealed[j] ^= 0x10;
            assert_false(sitekey_open_bytes(key, sealed, j, out, &got));
        }
        /* there is room for so much, and no more */
        assert_int_equal(
            sitekey_seal_bytes(key, bytes, n, sealed, n + SITEKEY_BYTES_MORE),
            len);
        assert_int_equal(sitekey_seal_bytes(key, bytes, n, sealed,
                                            n + SITEKEY_BYTES_MORE - 1),
                         0);
    }
    /* a sealed name is nothing else, and nothing else a name */
    subject_make(SUBJECT_USER, "ann", &ann);
    len = sitekey_seal(key, &ann, sealed);
    assert_false(sitekey_open_bytes(key, sealed, len, out, &got));
    len = sitekey_seal_bytes(key, ann.bytes, ann.len, sealed, sizeof(sealed));
    assert_false(sitekey_open(key, sealed, len, &ann));
    sitekey_destroy(key);
    sitekey_destroy(other);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_texts), TEST(test_odd_files), TEST(test_modes),
        TEST(test_make),  TEST(test_hash),      TEST(test_stays),
        TEST(test_seal),  TEST(test_hash_text), TEST(test_seal_bytes),
    };

    return cmocka_run_group_tests_name("site key", tests, NULL, NULL);
}
