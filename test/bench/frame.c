/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/bench/frame.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 4, FIRST_SIZE = 1024 };

uint32_t
frame_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

static void
put_u32(uint8_t *p, uint32_t n)
{
    p[0] = (uint8_t)(n >> 24);
    p[1] = (uint8_t)(n >> 16);
    p[2] = (uint8_t)(n >> 8);
    p[3] = (uint8_t)n;
}

uint8_t *
frames_room(struct frames *f, size_t len)
{
    size_t size = f->size > 0 ? f->size : FIRST_SIZE;
    uint8_t *data;

    if (f->start > 0 && f->start == f->len)
        f->start = f->len = 0;
    while (size - f->len < len)
        size *= 2;
    if (size > f->size) {
        data = realloc(f->data, size);
        if (data == NULL) {
            f->failed = true;
            return NULL;
        }
        f->data = data;
        f->size = size;
    }
    return f->data + f->len;
}

void
frames_grew(struct frames *f, size_t len)
{
    f->len += len;
}

void
frames_bytes(struct frames *f, const void *data, size_t len)
{
    uint8_t *to = frames_room(f, len);

    if (to == NULL)
        return;
    if (len > 0)
        memcpy(to, data, len);
    frames_grew(f, len);
}

void
frames_begin(struct frames *f, char command)
{
    /* room first: it may move what is there to the front */
    if (frames_room(f, HEAD + 1) == NULL)
        return;
    f->open = f->len;
    frames_u32(f, 0);
    frames_byte(f, command);
}

void
frames_u32(struct frames *f, uint32_t n)
{
    uint8_t raw[4];

    put_u32(raw, n);
    frames_bytes(f, raw, sizeof(raw));
}

void
frames_u16(struct frames *f, uint16_t n)
{
    uint8_t raw[2] = {(uint8_t)(n >> 8), (uint8_t)n};

    frames_bytes(f, raw, sizeof(raw));
}

void
frames_byte(struct frames *f, char c)
{
    frames_bytes(f, &c, 1);
}

void
frames_string(struct frames *f, const char *s)
{
    frames_bytes(f, s, strlen(s) + 1);
}

void
frames_end(struct frames *f)
{
    if (!f->failed)
        put_u32(f->data + f->open, (uint32_t)(f->len - f->open - HEAD));
}

int
frames_next(struct frames *f, struct frame *out)
{
    size_t have = f->len - f->start;
    const uint8_t *p = f->data + f->start;
    uint32_t len;

    if (have < HEAD)
        return 0;
    len = frame_u32(p);
    if (len < 1 || len > FRAME_MAX)
        return -1;
    if (have - HEAD < len)
        return 0;
    out->command = p[HEAD];
    out->data = p + HEAD + 1;
    out->len = len - 1;
    f->start += HEAD + len;
    return 1;
}

void
frames_clear(struct frames *f)
{
    f->start = f->len = f->open = 0;
}

void
frames_release(struct frames *f)
{
    free(f->data);
    memset(f, 0, sizeof(*f));
}
