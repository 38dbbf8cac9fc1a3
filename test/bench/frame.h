/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/frame.h - packets of the milter protocol: four bytes of length,
 * a command byte, data.  A buffer holds packets to be sent, or bytes received.
 */
#ifndef MORTSAFE_TEST_BENCH_FRAME_H
#define MORTSAFE_TEST_BENCH_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 1 << 20 }; /* a longer one is an error of the milter's */

/* All zero is empty.  FAILED stays true once memory has run out. */
struct frames {
    uint8_t *data;
    size_t start; /* bytes before it are done with */
    size_t len;   /* bytes in all, START included */
    size_t size;
    size_t open; /* where the packet that is being written began */
    bool failed;
};

/* A packet received; DATA is borrowed until the buffer is next filled. */
struct frame {
    uint8_t command;
    const uint8_t *data;
    size_t len;
};

/* Write a packet: begin, then any of u32 to bytes, then end. */
void frames_begin(struct frames *f, char command);
void frames_u32(struct frames *f, uint32_t n);
void frames_u16(struct frames *f, uint16_t n);
void frames_byte(struct frames *f, char c);
void frames_string(struct frames *f, const char *s); /* with its NUL */
void frames_bytes(struct frames *f, const void *data, size_t len);
void frames_end(struct frames *f);

/* Room for LEN more bytes at the end, or NULL (no memory); frames_grew() tells
 * how many were used. */
uint8_t *frames_room(struct frames *f, size_t len);
void frames_grew(struct frames *f, size_t len);

/* Take the next whole packet: 1 and *OUT, 0 (more bytes are needed) or -1 (no
 * packet of this protocol). */
int frames_next(struct frames *f, struct frame *out);

/* Forget the contents, keep the memory; or give that back too. */
void frames_clear(struct frames *f);
void frames_release(struct frames *f);

/* The number of four bytes at P. */
uint32_t frame_u32(const uint8_t *p);

#endif
