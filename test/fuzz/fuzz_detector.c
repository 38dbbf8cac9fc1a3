/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A detector's state as a shared store gives it: whatever is read, what comes
 * of it stays within bounds.  What the checksum would refuse is tried with the
 * right one as well.
 */
#include <config.h>

#include "policy/detector/detector.h"

#include <string.h>

#include "test/fuzz/fuzz.h"

enum { SUM = 8 };

static void
check_text(const struct detector *d)
{
    char line[200];

    must(evidence_line(&d->last, line, sizeof(line)) == line);
    must(memchr(line, '\0', sizeof(line)) != NULL);
    must(*standing_name(d->standing) != '\0' && *cause_name(d->cause) != '\0');
}

static void
use(const struct detector *read, enum network_class class)
{
    static const uint64_t to[] = {1, 2, 3};
    struct detector d = *read;
    struct detector_tuning t;
    struct detector_event e = {.at = {20000 * INT64_C(86400)},
                               .recipients = to,
                               .n_recipients = 3,
                               .messages = 1,
                               .spam = 1,
                               .unknown = 1,
                               .network = 1,
                               .sender = 1};
    double family[FAMILIES], score;

    detector_tuning(class, &t);
    (void)detector_pass(&d, &t, e.at);
    (void)detector_note(&d, &t, &e);
    detector_score(&d, &t, e.at, family, &score);
    must(score >= 0 && score <= 200);
    for (unsigned i = 0; i < FAMILIES; i++)
        must(family[i] >= 0 && family[i] <= 45);
    must(detector_rate(&d, &t) >= 1);
    (void)detector_take_back(&d, &t, 1, e.at);
    check_text(&d);
    detector_release(&d, &t, DETECTOR_LEGIT, CAUSE_OPERATOR, e.at);
    must(!standing_worse(d.standing, STANDING_PROBATION));
}

static void
check(const uint8_t *bytes, size_t len)
{
    struct detector d;
    uint8_t again[DETECTOR_BYTES];

    if (detector_read(bytes, len, &d) != MS_OK)
        return;
    must(detector_write(&d, again) == len && memcmp(again, bytes, len) == 0);
    for (unsigned i = 0; i <= CLASS_UNSET; i++)
        use(&d, (enum network_class)i);
}

static void
seal(uint8_t *bytes, size_t len)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len - SUM; i += 8) {
        uint64_t word = 0;

        for (size_t k = 0; k < 8 && i + k < len - SUM; k++)
            word |= (uint64_t)bytes[i + k] << (8 * k);
        sum = (sum ^ word) * UINT64_C(0x100000001b3);
        sum ^= sum >> 29;
    }
    for (size_t i = 0; i < SUM; i++)
        bytes[len - SUM + i] = (uint8_t)(sum >> (8 * i));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[DETECTOR_BYTES];
    struct detector none;
    size_t len;

    check(data, size);
    detector_begin(&none);
    len = detector_write(&none, bytes);
    memcpy(bytes, data, size < len ? size : len);
    bytes[0] = 1;
    seal(bytes, len);
    check(bytes, len);
    return 0;
}
