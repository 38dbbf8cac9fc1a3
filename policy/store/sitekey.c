/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/sitekey.c - the site's key.  Its file is text, so that it can
 * be carried to other hosts: comments, and one line of 64 hexadecimal digits.
 * It is used for nothing itself: what hashes, what seals and what is shown are
 * derived from it (libsodium's crypto_kdf).
 */
#include <config.h>

#include "policy/store/sitekey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

enum {
    KEY = crypto_kdf_KEYBYTES,
    DIGITS = 2 * KEY,
    TEXT = 4096, /* of the file at most */
    PATH = 4096,
    TRIES = 100, /* names for a draft */
    NONCE = crypto_secretbox_NONCEBYTES,
    MAC = crypto_secretbox_MACBYTES
};

/* What each derived key is for. */
enum { FOR_HASH = 1, FOR_SEAL, FOR_PRINT, FOR_TEXT, FOR_BYTES };
static const char context[crypto_kdf_CONTEXTBYTES] = {'m', 'o', 'r', 't',
                                                      's', 'a', 'f', 'e'};

static const char remark[] = "# The key of the store that a fleet of mortsafe "
                             "hosts shares: secret, and\n"
                             "# the same on all of them.\n";

_Static_assert(KEY == 32 && SITEKEY_HASH >= crypto_generichash_BYTES_MIN,
               "the sizes that the header names");
_Static_assert(SUBJECT_BYTES + SITEKEY_PAD + NONCE + MAC <= SITEKEY_SEALED,
               "a sealed name has room");
_Static_assert(SITEKEY_BYTES_PAD + NONCE + MAC <= SITEKEY_BYTES_MORE,
               "and so have sealed bytes");

struct sitekey {
    uint8_t hash[crypto_generichash_KEYBYTES];
    uint8_t seal[crypto_secretbox_KEYBYTES];
    uint8_t text[crypto_generichash_KEYBYTES];
    uint8_t bytes[crypto_secretbox_KEYBYTES];
    char print[SITEKEY_PRINT];
};

enum ms_err
sitekey_from(const uint8_t bytes[KEY], struct sitekey **out)
{
    uint8_t print[crypto_kdf_BYTES_MIN];
    struct sitekey *key;

    if (sodium_init() < 0)
        return MS_NOMEM;
    key = malloc(sizeof(*key));
    if (key == NULL)
        return MS_NOMEM;
    crypto_kdf_derive_from_key(key->hash, sizeof(key->hash), FOR_HASH, context,
                               bytes);
    crypto_kdf_derive_from_key(key->seal, sizeof(key->seal), FOR_SEAL, context,
                               bytes);
    crypto_kdf_derive_from_key(key->text, sizeof(key->text), FOR_TEXT, context,
                               bytes);
    crypto_kdf_derive_from_key(key->bytes, sizeof(key->bytes), FOR_BYTES,
                               context, bytes);
    crypto_kdf_derive_from_key(print, sizeof(print), FOR_PRINT, context, bytes);
    sodium_bin2hex(key->print, sizeof(key->print), print,
                   (sizeof(key->print) - 1) / 2);
    *out = key;
    return MS_OK;
}

void
sitekey_destroy(struct sitekey *key)
{
    if (key != NULL)
        sodium_memzero(key, sizeof(*key));
    free(key);
}

/* ----- the file */

/* May the file that is open at FD be a secret of ours? */
static enum ms_err
check_file(int fd, const char *path, struct why *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return why_errno(why, MS_UNAVAIL, path);
    if (!S_ISREG(st.st_mode))
        return why_set(why, MS_UNAVAIL, "%.200s is not a regular file", path);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return why_set(why, MS_UNAVAIL,
                       "%.200s belongs to user %lu: `chown root %.200s'", path,
                       (unsigned long)st.st_uid, path);
    if ((st.st_mode & S_IRWXO) != 0)
        return why_set(why, MS_UNAVAIL,
                       "%.200s is open to everybody: `chmod 0640 %.200s', and "
                       "if others could read it, make a new key",
                       path, path);
    if ((st.st_mode & S_IWGRP) != 0)
        return why_set(why, MS_UNAVAIL,
                       "%.200s can be written by its group: `chmod 0640 "
                       "%.200s'",
                       path, path);
    return MS_OK;
}

/* All of the file, NUL-terminated; true if it fits in TEXT. */
static bool
read_all(int fd, char text[TEXT + 1])
{
    size_t len = 0;

    while (len <= TEXT) {
        ssize_t n = read(fd, text + len, TEXT + 1 - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            text[len] = '\0';
            return n == 0 && memchr(text, '\0', len) == NULL;
        }
        len += (size_t)n;
    }
    return false;
}

/* One line of digits, and besides it nothing but comments. */
static bool
read_digits(const char *text, uint8_t bytes[KEY])
{
    unsigned found = 0;

    while (*text != '\0') {
        size_t line = strcspn(text, "\n"), end = line, len;

        while (end > 0 && strchr(" \t\r", text[end - 1]) != NULL)
            end--;
        if (end > 0 && text[0] != '#') {
            if (end != DIGITS || found++ > 0 ||
                sodium_hex2bin(bytes, KEY, text, DIGITS, NULL, &len, NULL) !=
                    0 ||
                len != KEY)
                return false;
        }
        text += line + (text[line] == '\n');
    }
    return found == 1;
}

enum ms_err
sitekey_read(const char *path, struct sitekey **out, struct why *why)
{
    char text[TEXT + 1];
    uint8_t bytes[KEY];
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    enum ms_err err;

    if (fd < 0 && errno == ELOOP)
        return why_set(why, MS_UNAVAIL,
                       "%.200s is a symbolic link: name the file itself", path);
    if (fd < 0 && errno == ENOENT)
        return why_set(why, MS_UNAVAIL,
                       "%.200s does not exist: copy it from another host, or "
                       "make the first with `mortsafe --make-key %.200s'",
                       path, path);
    if (fd < 0)
        return why_errno(why, MS_UNAVAIL, path);
    err = check_file(fd, path, why);
    if (err == MS_OK && (!read_all(fd, text) || !read_digits(text, bytes)))
        err = why_set(why, MS_INVALID,
                      "%.200s does not hold one line of %d hexadecimal digits: "
                      "copy it again, or make one with `mortsafe --make-key'",
                      path, (int)DIGITS);
    if (err == MS_OK && sitekey_from(bytes, out) != MS_OK)
        err = why_set(why, MS_NOMEM, "%.200s: no memory", path);
    sodium_memzero(text, sizeof(text));
    sodium_memzero(bytes, sizeof(bytes));
    close(fd);
    return err;
}

/* Write a key to FD, mode and group included. */
static enum ms_err
write_key(int fd, unsigned group, struct why *why)
{
    char text[sizeof(remark) + DIGITS + 1];
    size_t at = sizeof(remark) - 1, end = at + DIGITS + 1;
    uint8_t bytes[KEY];
    ssize_t n;

    randombytes_buf(bytes, sizeof(bytes));
    memcpy(text, remark, at);
    sodium_bin2hex(text + at, DIGITS + 1, bytes, sizeof(bytes));
    text[end - 1] = '\n';
    n = write(fd, text, end);
    sodium_memzero(text, sizeof(text));
    sodium_memzero(bytes, sizeof(bytes));
    if (n != (ssize_t)end)
        return n < 0 ? why_errno(why, MS_UNAVAIL, "the new key")
                     : why_set(why, MS_UNAVAIL,
                               "the new key: the disk is "
                               "full");
    if ((geteuid() == 0 && fchown(fd, (uid_t)-1, (gid_t)group) != 0) ||
        fchmod(fd, 0640) != 0 || fsync(fd) != 0)
        return why_errno(why, MS_UNAVAIL, "the new key");
    return MS_OK;
}

/* A new file beside PATH, whose name is DRAFT. */
static int
open_draft(const char *path, char draft[PATH])
{
    int fd = -1;

    for (int i = 0; i < TRIES && fd < 0; i++) {
        int len = snprintf(draft, PATH, "%s.%08lx", path,
                           (unsigned long)randombytes_random());

        if (len < 0 || len >= PATH) {
            errno = ENAMETOOLONG;
            return -1;
        }
        fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  0600);
        if (fd < 0 && errno != EEXIST)
            return -1;
    }
    return fd;
}

/* The name in PATH's directory is on the disk, too. */
static void
sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char dir[PATH];
    int fd, len;

    len = slash == NULL ? snprintf(dir, sizeof(dir), ".")
          : slash == path
              ? snprintf(dir, sizeof(dir), "/")
              : snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
    fd = len > 0 && len < PATH ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                               : -1;
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

enum ms_err
sitekey_make(const char *path, unsigned group, struct why *why)
{
    char draft[PATH];
    enum ms_err err;
    int fd;

    if (sodium_init() < 0)
        return why_set(why, MS_NOMEM, "no random numbers");
    fd = open_draft(path, draft);
    if (fd < 0)
        return why_errno(why, MS_UNAVAIL, path);
    err = write_key(fd, group, why);
    close(fd);
    if (err == MS_OK && link(draft, path) != 0)
        err = errno == EEXIST
                  ? why_set(why, MS_BUSY, "%.200s exists; it is left as it is",
                            path)
                  : why_errno(why, MS_UNAVAIL, path);
    unlink(draft);
    if (err == MS_OK)
        sync_directory(path);
    return err;
}

/* ----- names */

void
sitekey_hash(const struct sitekey *key, const struct subject *subject,
             uint8_t out[SITEKEY_HASH])
{
    crypto_generichash(out, SITEKEY_HASH, subject->bytes, subject->len,
                       key->hash, sizeof(key->hash));
}

void
sitekey_fingerprint(const struct sitekey *key, char out[SITEKEY_PRINT])
{
    memcpy(out, key->print, SITEKEY_PRINT);
}

size_t
sitekey_seal(const struct sitekey *key, const struct subject *subject,
             uint8_t out[SITEKEY_SEALED])
{
    uint8_t padded[SUBJECT_BYTES + SITEKEY_PAD];
    size_t len = subject->len;

    memcpy(padded, subject->bytes, len);
    if (sodium_pad(&len, padded, len, SITEKEY_PAD, sizeof(padded)) != 0)
        return 0; /* it fits, says the size of PADDED */
    randombytes_buf(out, NONCE);
    crypto_secretbox_easy(out + NONCE, padded, len, out, key->seal);
    sodium_memzero(padded, sizeof(padded));
    return NONCE + MAC + len;
}

bool
sitekey_open(const struct sitekey *key, const uint8_t *sealed, size_t len,
             struct subject *out)
{
    uint8_t padded[SUBJECT_BYTES + SITEKEY_PAD];
    size_t plain = 0;
    bool good;

    if (len < NONCE + MAC + SITEKEY_PAD || len > NONCE + MAC + sizeof(padded))
        return false;
    len -= NONCE;
    good = crypto_secretbox_open_easy(padded, sealed + NONCE, len, sealed,
                                      key->seal) == 0 &&
           (len - MAC) % SITEKEY_PAD == 0 &&
           sodium_unpad(&plain, padded, len - MAC, SITEKEY_PAD) == 0 &&
           subject_read(padded, plain, out);
    sodium_memzero(padded, sizeof(padded));
    return good;
}

/* ----- other things */

void
sitekey_hash_text(const struct sitekey *key, const char *text,
                  uint8_t out[SITEKEY_HASH])
{
    crypto_generichash(out, SITEKEY_HASH, (const uint8_t *)text, strlen(text),
                       key->text, sizeof(key->text));
}

size_t
sitekey_seal_bytes(const struct sitekey *key, const void *bytes, size_t len,
                   uint8_t *out, size_t room)
{
    uint8_t *plain = out + NONCE + MAC; /* it is sealed where it stands */
    size_t padded = len;

    if (room < SITEKEY_BYTES_MORE || len > room - SITEKEY_BYTES_MORE)
        return 0;
    if (len > 0)
        memcpy(plain, bytes, len);
    if (sodium_pad(&padded, plain, len, SITEKEY_BYTES_PAD,
                   room - NONCE - MAC) != 0)
        return 0;
    randombytes_buf(out, NONCE);
    crypto_secretbox_easy(out + NONCE, plain, padded, out, key->bytes);
    return NONCE + MAC + padded;
}

bool
sitekey_open_bytes(const struct sitekey *key, const uint8_t *sealed, size_t len,
                   uint8_t *out, size_t *out_len)
{
    if (len < NONCE + MAC + SITEKEY_BYTES_PAD)
        return false;
    len -= NONCE;
    return crypto_secretbox_open_easy(out, sealed + NONCE, len, sealed,
                                      key->bytes) == 0 &&
           (len - MAC) % SITEKEY_BYTES_PAD == 0 &&
           sodium_unpad(out_len, out, len - MAC, SITEKEY_BYTES_PAD) == 0;
}
