/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/self.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "milter/now.h"

enum { HASH = 16 };

struct self {
    pthread_mutex_t lock; /* guards the rest */
    struct store_host told;
    enum mode mode; /* UNSET: before the first */
    int64_t loaded_s;
};

_Static_assert(2 * HASH + 1 == sizeof(((struct store_host *)NULL)->config),
               "a hash in hexadecimal fills its place");

enum ms_err
self_create(const char *name, struct self **out)
{
    struct self *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)snprintf(self->told.name, sizeof(self->told.name), "%.*s",
                   (int)sizeof(self->told.name) - 1, name);
    (void)snprintf(self->told.version, sizeof(self->told.version), "%.*s",
                   (int)sizeof(self->told.version) - 1, PACKAGE_VERSION);
    *out = self;
    return MS_OK;
}

void
self_destroy(struct self *self)
{
    if (self != NULL)
        (void)pthread_mutex_destroy(&self->lock);
    free(self);
}

/*
 * Take LINE of a configuration as it is printed into the hash, but for where
 * the setting was written: files may be laid out as each host likes.
 */
static void
add_line(crypto_generichash_state *hash, const char *line, size_t len)
{
    size_t end = len;

    while (end > 0 && (line[end - 1] != '#' || end < 2 || line[end - 2] != ' '))
        end--;
    if (end > 0)
        len = end - 1;
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\n'))
        len--;
    (void)crypto_generichash_update(hash, (const unsigned char *)line, len);
    (void)crypto_generichash_update(hash, (const unsigned char *)"\n", 1);
}

static void
hash_text(const char *text, char out[2 * HASH + 1])
{
    crypto_generichash_state hash;
    uint8_t bytes[HASH];

    (void)crypto_generichash_init(&hash, NULL, 0, HASH);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        add_line(&hash, text, len);
        text += len + (text[len] == '\n');
    }
    (void)crypto_generichash_final(&hash, bytes, HASH);
    (void)sodium_bin2hex(out, 2 * HASH + 1, bytes, HASH);
}

static void
hash_config(const struct config *config, char out[2 * HASH + 1])
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    out[0] = '\0';
    if (to == NULL)
        return;
    config_print(config, to);
    if (fclose(to) == 0)
        hash_text(text, out);
    free(text);
}

static bool
set_mode_locked(struct self *self, enum mode mode)
{
    bool changed = self->mode != mode;

    self->mode = mode;
    (void)snprintf(self->told.mode, sizeof(self->told.mode), "%.15s",
                   mode_name(mode));
    return changed;
}

bool
self_set_mode(struct self *self, enum mode mode)
{
    bool changed;

    (void)pthread_mutex_lock(&self->lock);
    changed = set_mode_locked(self, mode);
    (void)pthread_mutex_unlock(&self->lock);
    return changed;
}

int64_t
self_loaded_s(struct self *self)
{
    int64_t s;

    (void)pthread_mutex_lock(&self->lock);
    s = self->loaded_s;
    (void)pthread_mutex_unlock(&self->lock);
    return s;
}

void
self_set(struct self *self, const struct config *config)
{
    char hash[2 * HASH + 1];

    hash_config(config, hash);
    (void)pthread_mutex_lock(&self->lock);
    memcpy(self->told.config, hash, sizeof(hash));
    self->loaded_s = now_read().wall.s;
    if (self->mode == MODE_UNSET)
        (void)set_mode_locked(self, config->mode);
    (void)pthread_mutex_unlock(&self->lock);
}

void
self_get(struct self *self, struct store_host *out)
{
    (void)pthread_mutex_lock(&self->lock);
    *out = self->told;
    (void)pthread_mutex_unlock(&self->lock);
}
