/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The detector's thread and verbs: with a clock that the test steps, and a
 * store in memory.
 */
#include <config.h>

#include "milter/detect/detect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "milter/detect/brake.h"
#include "milter/detect/queue.h"
#include "milter/diary/passed.h"
#include "milter/reload.h"
#include "test/detect_lab.h"
#include "test/scarce.h"
#include "test/unit.h"

#define ACTS DETECT_LAB_ACTS DETECT_LAB_SITE
#define LOOKS_ON "mode = enforce\n" DETECT_LAB_SITE
#define ANN "user:ann@example.org"
#define PC "client:192.0.2.9"

static const struct detect_word ann = {.by = "ann (uid 1000)", .note = "why"};

static const struct detect_lab_message usual = {.login = "ann@example.org",
                                                .client = "192.0.2.9",
                                                .known = 1,
                                                .flag = FLAG_CLEAN,
                                                .id = "4XyZ"};
static const struct detect_lab_message spam = {.login = "ann@example.org",
                                               .client = "192.0.2.9",
                                               .strange = 1,
                                               .flag = FLAG_SPAM,
                                               .id = "4XyZspam"};

static struct detect_lab *
create(const char *config)
{
    return detect_lab_create(config, NULL);
}

static void
end(struct detect_lab *lab)
{
    free(detect_lab_destroy(lab));
}

static void
pass(struct detect_lab *lab, int64_t s)
{
    atomic_fetch_add(&lab->now_s, s);
    detect_beat(lab->detect);
}

static enum standing
standing(struct detect_lab *lab, const char *text)
{
    return detect_lab_standing(lab, text, NULL);
}

/* Messages as MESSAGE says, one a second, until the sender stands as bad as
 * STANDING, at most MOST; how many that took. */
static unsigned
blast(struct detect_lab *lab, const struct detect_lab_message *message,
      const char *text, enum standing until, unsigned most)
{
    unsigned n = 0;

    while (n < most && standing_worse(until, standing(lab, text))) {
        detect_lab_send(lab, message);
        n++;
        pass(lab, 1);
    }
    return n;
}

/* The same where a filter flags half. */
static unsigned
half_flagged(struct detect_lab *lab, unsigned most)
{
    struct detect_lab_message clean = spam;
    unsigned n = 0;

    clean.flag = FLAG_CLEAN;
    while (n < most && standing_worse(STANDING_THROTTLED, standing(lab, ANN))) {
        detect_lab_send(lab, n % 2 == 0 ? &spam : &clean);
        n++;
        pass(lab, 1);
    }
    return n;
}

/* ----- evidence becomes standing */

static void
test_a_usual_sender_stays_normal(void **state)
{
    struct detect_lab *lab = create(ACTS);

    (void)state;
    for (int day = 0; day < 20; day++) {
        for (int i = 0; i < 5; i++)
            detect_lab_send(lab, &usual);
        pass(lab, 86400);
    }
    assert_int_equal(standing(lab, ANN), STANDING_NORMAL);
    assert_int_equal(lab->n_changes, 0);
    end(lab);
}

static void
test_a_blast_is_throttled_soon(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct change change;
    uint32_t rate;
    char *log;

    (void)state;
    assert_in_range(half_flagged(lab, 100), 5, 30);
    assert_int_equal(detect_lab_standing(lab, ANN, &rate), STANDING_THROTTLED);
    assert_in_range(rate, 10, 100);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_int_equal(change.evidence.to, STANDING_THROTTLED);
    assert_int_equal(change.evidence.cause, CAUSE_EVIDENCE);
    assert_string_equal(change.rule, "zombie.account");
    assert_string_equal(change.host, "mx.example.org");
    assert_int_equal(change.throttle, rate);
    assert_false(change.observed);
    assert_int_equal(change.class, CLASS_PERSON);
    assert_in_range(change.n_ids, 5, CHANGE_IDS);
    assert_string_equal(change.ids[0], "4XyZspam");
    assert_int_equal(strlen(change.id), ACT_ID - 1);
    /* a login's evidence is not the office's */
    assert_int_equal(standing(lab, PC), STANDING_NORMAL);
    log = detect_lab_destroy(lab);
    assert_non_null(strstr(log,
                           "4XyZspam: standing=throttled was=watched "
                           "subject=user:ann@example.org "
                           "rule=zombie.account cause=evidence throttle="));
    assert_non_null(strstr(log, " why=\"score "));
    free(log);
}

static void
test_a_machine_is_judged_by_its_address(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct detect_lab_message message = spam;

    (void)state;
    message.login = NULL;
    assert_in_range(blast(lab, &message, PC, STANDING_THROTTLED, 60), 3, 30);
    assert_int_equal(standing(lab, ANN), STANDING_NORMAL);
    end(lab);
}

static void
test_two_witnesses_quarantine(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct detect_lab_message message = spam;
    struct change change;

    (void)state;
    message.strange = 8;
    message.unknown = 4;
    assert_in_range(blast(lab, &message, ANN, STANDING_QUARANTINED, 60), 2, 30);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_int_equal(change.until_s, 0);
    assert_int_equal(change.throttle, 0);
    end(lab);
}

static void
test_what_only_looks_on_is_observed(void **state)
{
    struct detect_lab *lab = create(LOOKS_ON);
    struct change change;
    char *log;

    (void)state;
    assert_in_range(half_flagged(lab, 100), 5, 30);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_true(change.observed);
    log = detect_lab_destroy(lab);
    assert_non_null(strstr(log, "standing=throttled was=watched observed=yes"));
    free(log);
}

/* A rule that has gone while its evidence waited judges nobody. */
static void
test_a_rule_that_has_gone(void **state)
{
    struct detect_lab *lab = create(ACTS);

    (void)state;
    for (int i = 0; i < 50; i++)
        detect_lab_send(lab, &spam);
    detect_lab_reload(lab, "zombie account { off = yes }\n" DETECT_LAB_SITE);
    pass(lab, 1);
    assert_int_equal(standing(lab, ANN), STANDING_NORMAL);
    end(lab);
}

/* ----- what people say */

static void
test_release_lets_go(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct subject subject = detect_lab_subject(ANN);
    struct change change;
    uint32_t rate;
    bool changed;

    (void)state;
    (void)half_flagged(lab, 100);
    /* what waits is let go with the rest */
    for (int i = 0; i < 40; i++)
        detect_lab_send(lab, &spam);
    assert_int_equal(detect_release(lab->detect, &subject, DETECTOR_RELEASE,
                                    CAUSE_OPERATOR, &ann, &changed, &change),
                     MS_OK);
    assert_true(changed);
    assert_string_equal(change.by, "ann (uid 1000)");
    assert_string_equal(change.note, "why");
    assert_int_equal(change.evidence.cause, CAUSE_OPERATOR);
    assert_int_equal(detect_lab_standing(lab, ANN, &rate), STANDING_PROBATION);
    assert_int_equal(rate, 0);
    pass(lab, 1);
    detect_lab_send(lab, &usual);
    pass(lab, 1);
    assert_int_equal(standing(lab, ANN), STANDING_PROBATION);
    pass(lab, 8 * 86400);
    assert_int_equal(standing(lab, ANN), STANDING_NORMAL);
    assert_int_equal(detect_release(lab->detect, &subject, DETECTOR_RELEASE,
                                    CAUSE_OPERATOR, &ann, &changed, &change),
                     MS_OK);
    assert_false(changed);
    end(lab);
}

/* Whatever somebody has done, release lets him go. */
static void
test_release_always_lets_go(void **state)
{
    static const struct {
        const char *row;
        struct detect_lab_message message;
    } rows[] = {
        {"spam", {"ann@example.org", "192.0.2.9", 0, 1, 0, FLAG_SPAM, "A"}},
        {"many", {"ann@example.org", "192.0.2.9", 0, 900, 0, FLAG_NONE, "A"}},
        {"unknown", {"ann@example.org", "192.0.2.9", 0, 1, 9, FLAG_NONE, "A"}},
        {"all", {"ann@example.org", "192.0.2.9", 9, 99, 99, FLAG_SPAM, "A"}},
    };
    struct subject subject = detect_lab_subject(ANN);

    (void)state;
    for (size_t i = 0; i < 2 * ROWS(rows); i++) {
        struct detect_lab *lab = create(ACTS);
        struct change change;
        bool changed;

        (void)blast(lab, &rows[i / 2].message, ANN, STANDING_QUARANTINED, 60);
        expect(rows[i / 2].row, standing(lab, ANN) != STANDING_NORMAL);
        expect(rows[i / 2].row,
               detect_release(lab->detect, &subject,
                              i % 2 == 0 ? DETECTOR_RELEASE : DETECTOR_LEGIT,
                              CAUSE_OPERATOR, &ann, &changed,
                              &change) == MS_OK);
        expect(rows[i / 2].row,
               !standing_worse(standing(lab, ANN), STANDING_PROBATION));
        detect_lab_send(lab, &usual);
        pass(lab, 1);
        expect(rows[i / 2].row,
               !standing_worse(standing(lab, ANN), STANDING_WATCHED));
        end(lab);
    }
}

static void
test_quarantine_by_hand(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct subject subject = detect_lab_subject(ANN);
    struct wall until = {atomic_load(&lab->now_s) + 7200};
    struct change change;

    (void)state;
    assert_int_equal(
        detect_quarantine(lab->detect, &subject, until, &ann, &change), MS_OK);
    assert_int_equal(change.evidence.to, STANDING_QUARANTINED);
    assert_int_equal(change.until_s, until.s);
    assert_int_equal(standing(lab, ANN), STANDING_QUARANTINED);
    pass(lab, 7100);
    assert_int_equal(standing(lab, ANN), STANDING_QUARANTINED);
    /* again, for ever: told, though the standing is the same */
    until.s = 0;
    assert_int_equal(
        detect_quarantine(lab->detect, &subject, until, &ann, &change), MS_OK);
    assert_int_equal(lab->n_changes, 2);
    pass(lab, 86400);
    assert_int_equal(standing(lab, ANN), STANDING_QUARANTINED);
    end(lab);
}

static void
test_lease(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct subject subject = detect_lab_subject(PC);
    struct detect_lab_message message = spam;
    struct change change;
    bool changed;

    (void)state;
    message.login = NULL;
    (void)blast(lab, &message, PC, STANDING_THROTTLED, 60);
    assert_int_equal(
        detect_lease(lab->detect, &subject, &ann, &changed, &change), MS_OK);
    assert_true(changed);
    assert_int_equal(change.evidence.cause, CAUSE_LEASE);
    assert_int_equal(standing(lab, PC), STANDING_NORMAL);
    end(lab);
}

static void
test_feedback_is_evidence(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct subject subject = detect_lab_subject(ANN);
    struct change change;

    (void)state;
    detect_lab_send(lab, &usual);
    pass(lab, 1);
    for (int i = 0; i < 8; i++)
        assert_int_equal(detect_feedback(lab->detect, &subject, 0, 1, "4XyZ"),
                         MS_OK);
    assert_true(standing_worse(standing(lab, ANN), STANDING_NORMAL));
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_string_equal(change.ids[0], "4XyZ");
    assert_in_range(change.evidence.complaints, 1, 8);
    end(lab);
}

/* ----- time */

static void
test_a_throttle_passes(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct detect_counts counts;

    (void)state;
    (void)half_flagged(lab, 100);
    pass(lab, 60);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.standing[STANDING_THROTTLED], 1);
    for (int i = 0; i < 4 * 24; i++)
        pass(lab, 3600);
    assert_int_equal(standing(lab, ANN), STANDING_NORMAL);
    pass(lab, 60);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.standing[STANDING_THROTTLED], 0);
    end(lab);
}

static void
test_a_ladder_lifts(void **state)
{
    struct detect_lab *lab =
        create("mode = enforce\nzombie account { mode = enforce  "
               "lift = 1h, never }\n" DETECT_LAB_SITE);
    struct detect_lab_message message = spam;
    struct change change;

    (void)state;
    message.strange = 8;
    message.unknown = 4;
    (void)blast(lab, &message, ANN, STANDING_QUARANTINED, 60);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_int_equal(change.until_s, change.evidence.at_s + 3600);
    pass(lab, 3540);
    assert_int_equal(standing(lab, ANN), STANDING_QUARANTINED);
    pass(lab, 120);
    assert_int_equal(standing(lab, ANN), STANDING_PROBATION);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_int_equal(change.evidence.cause, CAUSE_LADDER);
    (void)blast(lab, &message, ANN, STANDING_QUARANTINED, 60);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_int_equal(change.until_s, 0);
    pass(lab, 30 * 86400);
    assert_int_equal(standing(lab, ANN), STANDING_QUARANTINED);
    end(lab);
}

static const struct {
    const char *row, *client, *text;
    bool by_hand;
    enum standing after; /* a day and a bit */
} dynamics[] = {
    {"a dynamic address is somebody else's", "198.51.100.7",
     "client:198.51.100.7", false, STANDING_NORMAL},
    {"a static one is not", "192.0.2.9", PC, false, STANDING_QUARANTINED},
    {"one that was stopped by hand stays", "198.51.100.7",
     "client:198.51.100.7", true, STANDING_QUARANTINED},
};

static void
test_dynamic_addresses_lift(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(dynamics); i++) {
        struct detect_lab *lab = create(ACTS);
        struct subject subject = detect_lab_subject(dynamics[i].text);
        struct detect_lab_message message = spam;
        struct change change;

        message.login = NULL;
        message.client = dynamics[i].client;
        message.strange = message.unknown = 9;
        if (dynamics[i].by_hand)
            (void)detect_quarantine(lab->detect, &subject, (struct wall){0},
                                    &ann, &change);
        else
            (void)blast(lab, &message, dynamics[i].text, STANDING_QUARANTINED,
                        60);
        expect(dynamics[i].row,
               standing(lab, dynamics[i].text) == STANDING_QUARANTINED);
        pass(lab, 86000);
        expect(dynamics[i].row,
               standing(lab, dynamics[i].text) == STANDING_QUARANTINED);
        pass(lab, 500);
        expect(dynamics[i].row,
               standing(lab, dynamics[i].text) == dynamics[i].after);
        end(lab);
    }
}

static void
test_a_gateway_is_only_throttled(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct detect_lab_message message = spam;

    (void)state;
    message.login = NULL;
    message.client = "203.0.113.7";
    message.strange = message.unknown = 90;
    for (int i = 0; i < 100; i++)
        detect_lab_send(lab, &message);
    pass(lab, 1);
    assert_int_equal(standing(lab, "client:203.0.113.7"), STANDING_THROTTLED);
    end(lab);
}

/* ----- from observe to enforce */

static bool
count_one(void *arg, const struct store_record *record,
          const struct detector *detector)
{
    unsigned *n = arg;

    (void)record;
    *n += detector->observed;
    return true;
}

static void
test_what_was_observed_does_not_act(void **state)
{
    struct detect_lab *lab = create(LOOKS_ON);
    struct config *soon = detect_lab_config(ACTS);
    const struct detect_under under = {soon, NULL};
    struct change change;
    unsigned n = 0;

    (void)state;
    (void)half_flagged(lab, 100);
    assert_int_equal(
        detect_enforce(lab->detect, DETECT_ONLY_TELL, count_one, &n), MS_OK);
    assert_int_equal(n, 1);
    assert_int_equal(detect_enforce(lab->detect, DETECT_DEMOTE, NULL, NULL),
                     MS_OK); /* it looks on still */
    assert_int_equal(standing(lab, ANN), STANDING_THROTTLED);
    assert_int_equal(
        detect_enforce_under(lab->detect, &under, DETECT_DEMOTE, NULL, NULL),
        MS_OK);
    assert_int_equal(standing(lab, ANN), STANDING_WATCHED);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_int_equal(change.evidence.cause, CAUSE_ENFORCE);
    config_destroy(soon);
    end(lab);
}

/* Even where nobody has said so beforehand: at the next message, or within a
 * minute; and what is earned from then on acts. */
static void
test_observed_ones_lapse_by_themselves(void **state)
{
    struct detect_lab *lab = create(LOOKS_ON);
    struct change change;

    (void)state;
    (void)half_flagged(lab, 100);
    detect_lab_reload(lab, ACTS);
    pass(lab, 60);
    assert_int_equal(standing(lab, ANN), STANDING_WATCHED);
    detect_lab_send(lab, &spam);
    pass(lab, 1);
    assert_int_equal(standing(lab, ANN), STANDING_THROTTLED);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_false(change.observed);
    assert_int_equal(change.evidence.cause, CAUSE_EVIDENCE);
    assert_int_equal(detect_enforce(lab->detect, DETECT_DEMOTE, NULL, NULL),
                     MS_OK);
    assert_int_equal(standing(lab, ANN), STANDING_THROTTLED);
    end(lab);
}

/* A reload that makes a rule act. */
static void
test_a_reload_stops_nobody_for_the_past(void **state)
{
    struct detect_lab *lab = create(LOOKS_ON);
    char path[] = "/tmp/test_detect.XXXXXX";
    const struct reload reload = {.path = path, .foreground = true};
    int fd = mkstemp(path);
    struct change change;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, ACTS, strlen(ACTS)), strlen(ACTS));
    (void)close(fd);
    daemon_set_ears(lab->daemon, &(struct daemon_ears){.detect = lab->detect});
    (void)half_flagged(lab, 100);
    assert_int_equal(standing(lab, ANN), STANDING_THROTTLED);
    assert_int_equal(reload_now(&reload, lab->daemon), MS_OK);
    (void)unlink(path);
    assert_int_equal(standing(lab, ANN), STANDING_WATCHED);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_int_equal(change.evidence.cause, CAUSE_ENFORCE);
    end(lab);
}

static void
test_a_block_by_hand_is_not_observed(void **state)
{
    struct detect_lab *lab = create(LOOKS_ON);
    struct subject subject = detect_lab_subject(ANN);
    struct change change;

    (void)state;
    assert_int_equal(detect_quarantine(lab->detect, &subject, (struct wall){0},
                                       &ann, &change),
                     MS_OK);
    detect_lab_reload(lab, ACTS);
    assert_int_equal(detect_enforce(lab->detect, DETECT_DEMOTE, NULL, NULL),
                     MS_OK);
    pass(lab, 60);
    assert_int_equal(standing(lab, ANN), STANDING_QUARANTINED);
    end(lab);
}

/* ----- breaker and freeze */

/* Everybody sends EACH messages like this one at once. */
static void
send_all(struct detect_lab *lab, struct detect_lab_message message,
         unsigned users, unsigned each)
{
    for (unsigned i = 0; i < users; i++) {
        char login[32];

        (void)snprintf(login, sizeof(login), "u%u@example.org", i);
        message.login = login;
        for (unsigned j = 0; j < each; j++)
            detect_lab_send(lab, &message);
    }
}

static unsigned
count_standing(struct detect_lab *lab, unsigned users, enum standing which)
{
    unsigned n = 0;

    for (unsigned i = 0; i < users; i++) {
        char text[40];

        (void)snprintf(text, sizeof(text), "user:u%u@example.org", i);
        n += standing(lab, text) == which;
    }
    return n;
}

static void
test_breaker(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct detect_lab_message message = spam;
    struct detect_counts counts;
    struct change change;
    char *log, *told;

    (void)state;
    message.flag = FLAG_NONE; /* so that nothing freezes */
    message.strange = message.unknown = 9;
    send_all(lab, message, 60, 4);
    pass(lab, 1);
    assert_int_equal(count_standing(lab, 60, STANDING_QUARANTINED) +
                         count_standing(lab, 60, STANDING_THROTTLED) +
                         count_standing(lab, 60, STANDING_WATCHED),
                     60);
    assert_in_range(count_standing(lab, 60, STANDING_QUARANTINED), 0,
                    BRAKE_QUARANTINES);
    assert_in_range(count_standing(lab, 60, STANDING_THROTTLED), 0,
                    BRAKE_THROTTLES);
    assert_true(detect_lab_changed(lab, "user:u59@example.org", &change));
    assert_int_equal(change.evidence.to, STANDING_WATCHED);
    detect_counts(lab->detect, &counts);
    assert_true(counts.braking);
    assert_in_range(counts.braked, 10, 60);
    pass(lab, 7200);
    detect_counts(lab->detect, &counts);
    assert_false(counts.braking);
    log = detect_lab_destroy(lab);
    told = strstr(log, "detector: more than ");
    assert_non_null(told);
    assert_null(strstr(told + 1, "detector: more than ")); /* once an hour */
    free(log);
}

static void
test_freeze(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct detect_lab_message quiet = usual, message = spam;
    struct detect_counts counts;
    char *log, *told;

    (void)state;
    quiet.login = "bob@example.org";
    for (int i = 0; i < 1000; i++) { /* what is usual: nothing is flagged */
        detect_lab_send(lab, &quiet);
        pass(lab, 60);
    }
    message.strange = 3;
    send_all(lab, message, 100, 6);
    pass(lab, 1);
    detect_counts(lab->detect, &counts);
    assert_true(counts.frozen);
    assert_true(
        detect_frozen(lab->detect, (struct wall){atomic_load(&lab->now_s)}));
    /* what filters had said is taken back from all */
    assert_int_equal(count_standing(lab, 100, STANDING_QUARANTINED), 0);
    /* and they are not believed for now */
    (void)half_flagged(lab, 5);
    assert_int_equal(standing(lab, ANN), STANDING_NORMAL);
    pass(lab, BRAKE_FREEZE_S + BRAKE_SHARE_S);
    detect_counts(lab->detect, &counts);
    assert_false(counts.frozen);
    log = detect_lab_destroy(lab);
    told = strstr(log, "detector: filters have flagged ");
    assert_non_null(told);
    assert_null(strstr(told + 1, "detector: filters have flagged "));
    free(log);
}

/* One that sends nothing but spam must not have filters disbelieved. */
static void
test_one_zombie_freezes_nothing(void **state)
{
    struct detect_lab *lab = create(LOOKS_ON); /* nobody stops it */
    struct detect_counts counts;

    (void)state;
    for (int i = 0; i < 600; i++) {
        detect_lab_send(lab, &spam);
        pass(lab, 1);
    }
    detect_counts(lab->detect, &counts);
    assert_false(counts.frozen);
    end(lab);
}

/* ----- states that cannot be read */

static enum ms_err
spoil(void *arg, struct store_state *state)
{
    const uint8_t *byte = arg;

    state->bytes[state->len / 2] ^= 1;
    state->bytes[0] ^= *byte;
    return MS_OK;
}

static void
spoil_state(struct detect_lab *lab, const char *text, uint8_t first)
{
    struct subject subject = detect_lab_subject(text);
    int64_t now_s = atomic_load(&lab->now_s);

    assert_int_equal(store_update(lab->store, &subject,
                                  (struct store_time){{now_s * 1000}, {now_s}},
                                  spoil, &first),
                     MS_OK);
}

static void
test_a_damaged_state_begins_anew(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct detect_counts counts;
    char *log;

    (void)state;
    (void)half_flagged(lab, 100);
    spoil_state(lab, ANN, 0);
    detect_lab_send(lab, &usual);
    pass(lab, 1);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.damaged, 1);
    detect_lab_send(lab, &usual);
    pass(lab, 1);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.damaged, 1); /* it is whole again */
    log = detect_lab_destroy(lab);
    assert_non_null(strstr(log, "detector: what was known of "
                                "user:ann@example.org cannot be read"));
    free(log);
}

static void
test_a_newer_state_is_left_alone(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct subject subject = detect_lab_subject(ANN);
    struct detect_counts counts;
    struct change change;
    bool changed;

    (void)state;
    (void)half_flagged(lab, 100);
    spoil_state(lab, ANN, 0x40); /* its first byte is the layout's version */
    detect_lab_send(lab, &usual);
    pass(lab, 1);
    detect_counts(lab->detect, &counts);
    assert_in_range(counts.newer, 1, 3);
    assert_int_equal(counts.damaged, 0);
    assert_int_equal(counts.queued, 0);
    assert_int_equal(standing(lab, ANN), STANDING_THROTTLED);
    assert_int_equal(detect_release(lab->detect, &subject, DETECTOR_RELEASE,
                                    CAUSE_OPERATOR, &ann, &changed, &change),
                     MS_VERSION);
    assert_false(changed);
    end(lab);
}

/* ----- a store that fails, or is slow */

struct moody {
    struct store store;
    struct store *real;
    enum ms_err fails; /* MS_OK: works */
    unsigned races;    /* changes that another host has overtaken */
};

static enum ms_err
moody_update(struct store *store, const struct subject *subject,
             struct store_time now,
             enum ms_err (*change)(void *, struct store_state *), void *arg)
{
    struct moody *moody = (struct moody *)store;

    if (moody->fails != MS_OK)
        return moody->fails;
    for (unsigned i = 0; i < moody->races; i++) {
        struct store_state *state = calloc(1, sizeof(*state));
        enum ms_err err;

        assert_non_null(state);
        err = change(arg, state);
        free(state);
        if (err != MS_OK)
            return err;
    }
    return store_update(moody->real, subject, now, change, arg);
}

static enum ms_err
moody_submit(struct store *store, const struct charge_item *items, size_t n,
             struct store_time now, struct store_ticket **out)
{
    return store_submit(((struct moody *)store)->real, items, n, now, out);
}

static enum ms_err
moody_collect(struct store *store, struct store_ticket *ticket,
              struct mono deadline, struct charge_answers *out)
{
    return store_collect(((struct moody *)store)->real, ticket, deadline, out);
}

static enum ms_err
moody_get(struct store *store, const struct subject *subject,
          struct store_time now, bool *found, struct store_record *out)
{
    return store_get(((struct moody *)store)->real, subject, now, found, out);
}

static enum ms_err
moody_standings(struct store *store, struct store_time now,
                bool (*each)(void *, const struct store_record *), void *arg)
{
    return store_standings(((struct moody *)store)->real, now, each, arg);
}

static const struct store_ops moody_ops = {
    .update = moody_update,
    .submit = moody_submit,
    .collect = moody_collect,
    .get = moody_get,
    .standings = moody_standings,
};

static void
test_a_store_that_is_away_loses_nothing(void **state)
{
    struct moody moody = {.store = {&moody_ops}, .fails = MS_UNAVAIL};
    struct detect_lab *lab = detect_lab_create(ACTS, &moody.store);
    struct detect_counts counts;

    (void)state;
    moody.real = daemon_store(lab->daemon);
    for (int i = 0; i < 40; i++) {
        detect_lab_send(lab, &spam);
        pass(lab, 1);
    }
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.queued, 1);
    assert_int_equal(counts.updates, 0);
    assert_in_range(counts.failed, 1, 100);
    moody.fails = MS_OK;
    pass(lab, 1);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.queued, 0);
    assert_int_equal(counts.updates, 1);
    assert_true(standing_worse(standing(lab, ANN), STANDING_WATCHED));
    end(lab);
}

static void
test_a_lost_race_is_run_again(void **state)
{
    struct moody moody = {.store = {&moody_ops}, .races = 7};
    struct detect_lab *lab = detect_lab_create(ACTS, &moody.store);
    struct detect_counts counts;

    (void)state;
    moody.real = daemon_store(lab->daemon);
    detect_lab_send(lab, &usual);
    pass(lab, 1);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.updates, 1);
    assert_int_equal(counts.retries, 7);

    moody.races = DETECT_TRIES; /* for ever: later */
    detect_lab_send(lab, &usual);
    pass(lab, 1);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.updates, 1);
    assert_int_equal(counts.queued, 1);
    moody.races = 0;
    pass(lab, 1);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.updates, 2);
    assert_int_equal(counts.queued, 0);
    end(lab);
}

/* ----- what is written down */

static bool
count_row(void *arg, const struct passed *passed)
{
    unsigned *n = arg;

    *n += strcmp(passed->subject, ANN) == 0;
    return true;
}

static void
test_messages_that_go_out_are_known(void **state)
{
    struct detect_lab *lab = create(ACTS);
    unsigned n = 0;

    (void)state;
    detect_lab_send(lab, &usual);
    pass(lab, 1);
    assert_int_equal(diary_passed(lab->diary, "4XyZ", count_row, &n), MS_OK);
    assert_int_equal(n, 1);
    end(lab);
}

static void
test_held_messages_are_told(void **state)
{
    struct detect_lab *lab = create(ACTS);
    const struct held held = {.id = "4XyZ", .subject = ANN};

    (void)state;
    detect_note_held(lab->detect, &held);
    detect_note_held(lab->detect, &held);
    pass(lab, 1);
    assert_int_equal(lab->n_helds, 2);
    assert_string_equal(lab->held.subject, ANN);
    end(lab);
}

static void
test_forget(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct subject subject = detect_lab_subject(ANN);
    struct detect_counts counts;
    unsigned n = 0;

    (void)state;
    detect_lab_send(lab, &usual);
    detect_forget(lab->detect, &subject);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.queued, 0);
    assert_int_equal(counts.updates, 0);
    assert_int_equal(diary_passed(lab->diary, "4XyZ", count_row, &n), MS_OK);
    assert_int_equal(n, 1); /* there, to be forgotten */
    end(lab);
}

/* ----- for show */

static void
test_view(void **state)
{
    struct detect_lab *lab = create(ACTS);
    const struct config *config = daemon_config_get(lab->daemon);
    struct subject subject = detect_lab_subject(ANN);
    struct store_record *record = calloc(1, sizeof(*record));
    struct detect_view view;
    int64_t now_s;
    bool found;

    (void)state;
    assert_non_null(record);
    record->subject = subject;
    assert_false(detect_view(config, record, (struct wall){1767787200}, &view));
    (void)half_flagged(lab, 100);
    now_s = atomic_load(&lab->now_s);
    assert_int_equal(store_get(lab->store, &subject,
                               (struct store_time){{now_s * 1000}, {now_s}},
                               &found, record),
                     MS_OK);
    assert_true(detect_view(config, record, (struct wall){now_s}, &view));
    assert_int_equal(view.detector.standing, STANDING_THROTTLED);
    assert_string_equal(view.rule->name, "account");
    assert_false(view.newer);
    assert_in_range(evidence_score(&view.now), 300, 600);
    record->state.bytes[0] ^= 0x40;
    assert_true(detect_view(config, record, (struct wall){now_s}, &view));
    assert_true(view.newer);
    assert_int_equal(view.detector.standing, STANDING_THROTTLED);
    free(record);
    daemon_config_put(lab->daemon, config);
    end(lab);
}

/* ----- the thread */

static void
test_thread(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct detect_counts counts;

    (void)state;
    assert_int_equal(detect_start(lab->detect), MS_OK);
    for (int i = 0; i < 300; i++) {
        detect_lab_send(lab, &spam);
        if (i % 50 == 0)
            detect_settle(lab->detect);
    }
    detect_settle(lab->detect);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.queued, 0);
    assert_int_equal(counts.events, 300);
    assert_true(standing_worse(standing(lab, ANN), STANDING_WATCHED));
    detect_lab_send(lab, &usual); /* the end waits for it */
    detect_stop(lab->detect);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.queued, 0);
    end(lab);
}

static void
test_no_memory(void **state)
{
    struct detect_lab *lab = create(ACTS);
    const struct detect_needs needs = {.daemon = lab->daemon,
                                       .store = lab->store,
                                       .diary = lab->diary,
                                       .host = "mx",
                                       .hashes = &lab->hashes};
    enum ms_err err = MS_NOMEM;
    struct detect *detect = NULL;
    unsigned long n;

    (void)state;
    for (n = 1; n < 20 && err != MS_OK; n++) {
        scarce_set_here(n);
        err = detect_create(&needs, &detect);
        scarce_set_here(0);
        assert_true(err == MS_OK || err == MS_NOMEM);
    }
    assert_int_equal(err, MS_OK);
    assert_in_range(n, 3, 10);
    detect_destroy(detect);
    end(lab);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_usual_sender_stays_normal),
        cmocka_unit_test(test_a_blast_is_throttled_soon),
        cmocka_unit_test(test_a_machine_is_judged_by_its_address),
        cmocka_unit_test(test_two_witnesses_quarantine),
        cmocka_unit_test(test_what_only_looks_on_is_observed),
        cmocka_unit_test(test_a_rule_that_has_gone),
        cmocka_unit_test(test_release_lets_go),
        cmocka_unit_test(test_release_always_lets_go),
        cmocka_unit_test(test_quarantine_by_hand),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_feedback_is_evidence),
        cmocka_unit_test(test_a_throttle_passes),
        cmocka_unit_test(test_a_ladder_lifts),
        cmocka_unit_test(test_dynamic_addresses_lift),
        cmocka_unit_test(test_a_gateway_is_only_throttled),
        cmocka_unit_test(test_what_was_observed_does_not_act),
        cmocka_unit_test(test_observed_ones_lapse_by_themselves),
        cmocka_unit_test(test_a_reload_stops_nobody_for_the_past),
        cmocka_unit_test(test_a_block_by_hand_is_not_observed),
        cmocka_unit_test(test_breaker),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_one_zombie_freezes_nothing),
        cmocka_unit_test(test_a_damaged_state_begins_anew),
        cmocka_unit_test(test_a_newer_state_is_left_alone),
        cmocka_unit_test(test_a_store_that_is_away_loses_nothing),
        cmocka_unit_test(test_a_lost_race_is_run_again),
        cmocka_unit_test(test_messages_that_go_out_are_known),
        cmocka_unit_test(test_held_messages_are_told),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_view),
        cmocka_unit_test(test_thread),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
