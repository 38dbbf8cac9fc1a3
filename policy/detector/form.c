/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/detector/form.c - the stored form: the layout's number, the fields in
 * the order of the table below, a checksum.  Whoever can write to a shared
 * store can write a state too, so what is read is not believed to be in its
 * range.
 */
#include <config.h>

#include <endian.h>
#include <math.h>
#include <string.h>

#include "policy/detector/cusum.h"
#include "policy/detector/detector.h"

enum { LAYOUT = 1, SUM = 8 };

enum kind {
    KIND_ENUM, /* stored in one byte */
    KIND_BOOL, /* the same */
    KIND_BYTE,
    KIND_U16,
    KIND_U32,
    KIND_U64,
    KIND_TIME, /* int64_t, not negative */
    KIND_REAL, /* a double, not negative, as binary64 */
    KIND_NET   /* the same with a sign */
};

struct field {
    size_t at;
    enum kind kind;
    unsigned n;  /* so many beside each other */
    double most; /* of an enum, a time, a double */
};

#define TIME_MOST 1099511627776.0 /* 2^40 s: 34,865 years */
#define COUNT_MOST 1e15
#define SCORE_MOST 1000.0 /* decibels */

#define ONE(kind, most, name)                                                  \
    {                                                                          \
        offsetof(struct detector, name), kind, 1, most                         \
    }
#define ALL(kind, n, most, name)                                               \
    {                                                                          \
        offsetof(struct detector, name), kind, n, most                         \
    }

static const struct field fields[] = {
    ONE(KIND_TIME, TIME_MOST, at_s),
    ONE(KIND_REAL, COUNT_MOST, hour),
    ONE(KIND_REAL, COUNT_MOST, day),
    ONE(KIND_REAL, COUNT_MOST, new_day),
    ONE(KIND_REAL, COUNT_MOST, max_hour),
    ONE(KIND_REAL, COUNT_MOST, max_day),
    ONE(KIND_REAL, COUNT_MOST, max_new),
    ONE(KIND_REAL, COUNT_MOST, peak_hour),
    ONE(KIND_REAL, COUNT_MOST, peak_day),
    ONE(KIND_REAL, COUNT_MOST, peak_new),
    ONE(KIND_REAL, COUNT_MOST, peak_networks),
    ONE(KIND_REAL, COUNT_MOST, peak_senders),
    ONE(KIND_REAL, CUSUM_CAP + CUSUM_DEAD, content),
    ONE(KIND_REAL, CUSUM_CAP + CUSUM_DEAD, reception),
    ALL(KIND_NET, 2, COUNT_MOST, content_hour),
    ONE(KIND_TIME, TIME_MOST, content_hour_s),
    ONE(KIND_REAL, COUNT_MOST, judged),
    ONE(KIND_REAL, COUNT_MOST, flagged),
    ONE(KIND_REAL, COUNT_MOST, spam_day),
    ONE(KIND_REAL, COUNT_MOST, judged_day),
    ONE(KIND_REAL, COUNT_MOST, unknown_day),
    ONE(KIND_REAL, COUNT_MOST, complaints_day),
    ONE(KIND_U64, 0, message_id),
    ALL(KIND_BYTE, 2 * DETECTOR_BLOOM, UINT8_MAX, known),
    ONE(KIND_U32, 0, n_known),
    ALL(KIND_U64, 2, 0, networks),
    ALL(KIND_U64, 2, 0, senders),
    ONE(KIND_BYTE, STANDING_PROBATION, day_worst),
    ONE(KIND_REAL, SCORE_MOST, day_other),
    ONE(KIND_TIME, TIME_MOST, above_s),
    ONE(KIND_ENUM, STANDING_PROBATION, standing),
    ONE(KIND_ENUM, CAUSES - 1, cause),
    ONE(KIND_BOOL, 1, observed),
    ONE(KIND_TIME, TIME_MOST, since_s),
    ONE(KIND_TIME, TIME_MOST, until_s),
    ONE(KIND_TIME, TIME_MOST, probation_s),
    ONE(KIND_U32, 0, quarantines),
    ONE(KIND_TIME, TIME_MOST, first_s),
    ONE(KIND_U64, 0, taken_back),
    ONE(KIND_TIME, TIME_MOST, last.at_s),
    ONE(KIND_ENUM, STANDING_PROBATION, last.from),
    ONE(KIND_ENUM, STANDING_PROBATION, last.to),
    ONE(KIND_ENUM, CAUSES - 1, last.cause),
    ALL(KIND_U16, FAMILIES, 0, last.tenths),
    ONE(KIND_U32, 0, last.hour),
    ONE(KIND_U32, 0, last.usual_hour),
    ONE(KIND_U32, 0, last.day),
    ONE(KIND_U32, 0, last.usual_day),
    ONE(KIND_U32, 0, last.new_day),
    ONE(KIND_U32, 0, last.usual_new),
    ONE(KIND_U32, 0, last.spam),
    ONE(KIND_U32, 0, last.judged),
    ONE(KIND_U32, 0, last.unknown),
    ONE(KIND_U32, 0, last.complaints),
    ONE(KIND_U32, 0, last.networks),
    ONE(KIND_U32, 0, last.usual_networks),
    ONE(KIND_U32, 0, last.senders),
    ONE(KIND_U32, 0, last.usual_senders),
    ONE(KIND_TIME, TIME_MOST, released_s),
    ONE(KIND_U64, 0, rule),
    ONE(KIND_U64, 0, wrote),
    ONE(KIND_U64, 0, changed),
};

/* In memory and as stored; an enum is an unsigned int with our compilers. */
static const struct {
    size_t size, stored;
} kinds[] = {
    [KIND_ENUM] = {sizeof(unsigned), 1}, [KIND_BOOL] = {sizeof(bool), 1},
    [KIND_BYTE] = {sizeof(uint8_t), 1},  [KIND_U16] = {sizeof(uint16_t), 2},
    [KIND_U32] = {sizeof(uint32_t), 4},  [KIND_U64] = {sizeof(uint64_t), 8},
    [KIND_TIME] = {sizeof(int64_t), 8},  [KIND_REAL] = {sizeof(double), 8},
    [KIND_NET] = {sizeof(double), 8},
};

_Static_assert(sizeof(enum standing) == sizeof(unsigned) &&
                   sizeof(enum evidence_cause) == sizeof(unsigned),
               "an enum is an unsigned int");
_Static_assert(sizeof(double) == sizeof(uint64_t), "a double is a binary64");

static void
put(uint8_t *out, uint64_t n, size_t width)
{
    for (size_t i = 0; i < width; i++)
        out[i] = (uint8_t)(n >> (8 * i));
}

static uint64_t
get(const uint8_t *in, size_t width)
{
    uint64_t n = 0;

    for (size_t i = 0; i < width; i++)
        n |= (uint64_t)in[i] << (8 * i);
    return n;
}

/* FNV-1a of words of eight bytes, the last one filled up with zeros: any one
 * byte that is another changes it. */
static uint64_t
checksum(const uint8_t *bytes, size_t len)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325), word;

    for (; len > 0; bytes += sizeof(word)) {
        size_t n = len < sizeof(word) ? len : sizeof(word);

        word = 0;
        memcpy(&word, bytes, n);
        sum = (sum ^ le64toh(word)) * UINT64_C(0x100000001b3);
        sum ^= sum >> 29;
        len -= n;
    }
    return sum;
}

/* A double within its field's range, as bits. */
static uint64_t
real_bits(double x, const struct field *f)
{
    double least = f->kind == KIND_NET ? -f->most : 0;
    uint64_t bits;

    if (isnan(x))
        x = 0;
    if (!(x > least))
        x = least; /* 0 for -0 as well: there is one form of a value */
    if (x > f->most)
        x = f->most;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static uint64_t
value_of(const struct field *f, const uint8_t *at)
{
    uint8_t byte;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    int64_t time_s;
    double real;

    switch (f->kind) {
    case KIND_BOOL:
    case KIND_BYTE:
        memcpy(&byte, at, sizeof(byte));
        return byte;
    case KIND_U16:
        memcpy(&u16, at, sizeof(u16));
        return u16;
    case KIND_ENUM:
    case KIND_U32:
        memcpy(&u32, at, sizeof(u32));
        return u32;
    case KIND_U64:
        memcpy(&u64, at, sizeof(u64));
        return u64;
    case KIND_TIME:
        memcpy(&time_s, at, sizeof(time_s));
        return time_s < 0                 ? 0
               : (double)time_s > f->most ? (uint64_t)f->most
                                          : (uint64_t)time_s;
    case KIND_REAL:
    case KIND_NET:
        memcpy(&real, at, sizeof(real));
        return real_bits(real, f);
    }
    return 0;
}

/* Is VALUE, as stored, one that FIELD can have? */
static bool
is_possible(const struct field *f, uint64_t value)
{
    double real;

    switch (f->kind) {
    case KIND_U16:
    case KIND_U32:
    case KIND_U64:
        return true;
    case KIND_ENUM:
    case KIND_BOOL:
    case KIND_BYTE:
    case KIND_TIME:
        return value <= (uint64_t)f->most;
    case KIND_REAL:
    case KIND_NET:
        memcpy(&real, &value, sizeof(real));
        return isfinite(real) && real_bits(real, f) == value;
    }
    return false;
}

static void
set_value(const struct field *f, uint8_t *at, uint64_t value)
{
    uint8_t byte = (uint8_t)value;
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;

    switch (kinds[f->kind].size) {
    case sizeof(byte):
        memcpy(at, &byte, sizeof(byte));
        return;
    case sizeof(u16):
        memcpy(at, &u16, sizeof(u16));
        return;
    case sizeof(u32):
        memcpy(at, &u32, sizeof(u32));
        return;
    default:
        memcpy(at, &value, sizeof(value));
        return;
    }
}

size_t
detector_write(const struct detector *d, uint8_t out[DETECTOR_BYTES])
{
    size_t len = 1;

    out[0] = LAYOUT;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct field *f = &fields[i];
        const uint8_t *at = (const uint8_t *)d + f->at;

        if (f->n > 1 && f->kind == KIND_BYTE) { /* any byte will do */
            memcpy(out + len, at, f->n);
            len += f->n;
            continue;
        }
        for (unsigned k = 0; k < f->n; k++) {
            put(out + len, value_of(f, at), kinds[f->kind].stored);
            len += kinds[f->kind].stored;
            at += kinds[f->kind].size;
        }
    }
    put(out + len, checksum(out, len), SUM);
    return len + SUM;
}

static size_t
form_length(void)
{
    size_t len = 1 + SUM;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        len += fields[i].n * kinds[fields[i].kind].stored;
    return len;
}

enum ms_err
detector_read(const uint8_t *bytes, size_t len, struct detector *out)
{
    struct detector d;
    const uint8_t *in = bytes + 1;

    if (len < 1 + SUM ||
        get(bytes + len - SUM, SUM) != checksum(bytes, len - SUM))
        return MS_INVALID; /* the sum is the same in all layouts */
    if (bytes[0] > LAYOUT)
        return MS_VERSION;
    if (len != form_length() || bytes[0] != LAYOUT)
        return MS_INVALID;
    detector_begin(&d);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct field *f = &fields[i];
        uint8_t *at = (uint8_t *)&d + f->at;

        if (f->n > 1 && f->kind == KIND_BYTE) {
            memcpy(at, in, f->n);
            in += f->n;
            continue;
        }
        for (unsigned k = 0; k < f->n; k++) {
            uint64_t value = get(in, kinds[f->kind].stored);

            if (!is_possible(f, value))
                return MS_INVALID;
            set_value(f, at, value);
            in += kinds[f->kind].stored;
            at += kinds[f->kind].size;
        }
    }
    *out = d;
    return MS_OK;
}
