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
#include "milter/detect/doubt.h"
#include "milter/detect/queue.h"
#include "milter/diary/passed.h"
#include "milter/reload.h"
#include "test/detect_lab.h"
#include "test/scarce.h"
#include "test/seal.h"
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

/* Of two rules of one key, that which judges the sessions judges all else. */
static void
test_two_rules_of_one_key(void **state)
{
    struct detect_lab *lab =
        create("mode = enforce\n" DETECT_LAB_SITE
               "zombie account { mode = enforce  in = !office }\n"
               "zombie desk { key = user  mode = enforce  in = office\n"
               "    class = server  probation = 2d }\n");
    struct subject subject = detect_lab_subject(ANN);
    struct detect_lab_message message = spam;
    struct change change;
    bool changed;

    (void)state;
    message.unknown = 2;
    (void)blast(lab, &message, ANN, STANDING_THROTTLED, 300);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_string_equal(change.rule, "zombie.desk");
    assert_int_equal(change.class, CLASS_SERVER);
    assert_int_equal(change.throttle, 200);
    pass(lab, 86400); /* time, too */
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_int_equal(change.evidence.cause, CAUSE_TIME);
    assert_string_equal(change.rule, "zombie.desk");
    (void)blast(lab, &message, ANN, STANDING_THROTTLED, 300);
    assert_int_equal(detect_release(lab->detect, &subject, DETECTOR_RELEASE,
                                    CAUSE_OPERATOR, &ann, &changed, &change),
                     MS_OK);
    assert_string_equal(change.rule, "zombie.desk");
    assert_int_equal(change.class, CLASS_SERVER);
    pass(lab, 3 * 86400); /* its probation */
    assert_int_equal(standing(lab, ANN), STANDING_NORMAL);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_string_equal(change.rule, "zombie.desk");
    /* once it has gone, whichever there is */
    (void)blast(lab, &message, ANN, STANDING_THROTTLED, 300);
    detect_lab_reload(lab, ACTS);
    assert_int_equal(detect_release(lab->detect, &subject, DETECTOR_RELEASE,
                                    CAUSE_OPERATOR, &ann, &changed, &change),
                     MS_OK);
    assert_string_equal(change.rule, "zombie.account");
    end(lab);
}

/* A standing acts only if all it came from was seen while its rule acted, and
 * it does now. */
static void
test_what_waited_is_as_it_was_seen(void **state)
{
    static const struct {
        const char *row, *before, *after;
        bool observed;
    } rows[] = {
        {"acts and did", "enforce", "enforce", false},
        {"acts and did not", "observe", "enforce", true},
        {"did and does not", "enforce", "observe", true},
    };

    (void)state;
    for (size_t i = 0; i < 2 * ROWS(rows); i++) {
        char before[1024], after[1024];
        struct detect_lab *lab;

        (void)snprintf(before, sizeof(before), "mode = %s\n%s%s",
                       rows[i / 2].before, DETECT_LAB_SITE,
                       "zombie account { mode = enforce }\n");
        (void)snprintf(after, sizeof(after), "mode = %s\n%s%s",
                       rows[i / 2].after, DETECT_LAB_SITE,
                       "zombie account { mode = enforce }\n");
        lab = create(before);
        for (int k = 0; k < 40; k++)
            detect_lab_send(lab, &spam);
        detect_lab_reload(lab, after);
        if (i % 2 == 0) /* and one more, now */
            detect_lab_send(lab, &spam);
        pass(lab, 1);
        expect(rows[i / 2].row, lab->n_changes > 0);
        expect(rows[i / 2].row,
               lab->change[0].observed == rows[i / 2].observed);
        end(lab);
    }
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
    if (*byte != 0)
        seal(state->bytes, state->len);
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

/* ... and stands as it did, for an hour at least. */
static void
test_a_damaged_state_leaves_the_standing(void **state)
{
    struct detect_lab *lab = create(ACTS);

    (void)state;
    (void)half_flagged(lab, 100);
    assert_int_equal(standing(lab, ANN), STANDING_THROTTLED);
    spoil_state(lab, ANN, 0);
    pass(lab, 120);
    assert_int_equal(standing(lab, ANN), STANDING_THROTTLED);
    pass(lab, 3000);
    assert_int_equal(standing(lab, ANN), STANDING_THROTTLED);
    pass(lab, 1200);
    assert_int_equal(standing(lab, ANN), STANDING_NORMAL);
    end(lab);
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
    const char *bad;   /* the only one of whom it fails; NULL: of all */
    unsigned races;    /* changes that another host has overtaken */
    unsigned mute;     /* updates of which one does not hear ... */
    bool deaf;         /* ... and that it did not hear of either */
    unsigned updates;  /* that were asked for */
    /* Before each of them. */
    void (*before)(void *arg, const struct subject *subject);
    void *arg;
};

static bool
fails_of(const struct moody *moody, const struct subject *subject)
{
    char text[SUBJECT_TEXT];

    return moody->fails != MS_OK &&
           (moody->bad == NULL ||
            strcmp(subject_print(subject, text), moody->bad) == 0);
}

/* The request, or the answer to it, is lost. */
static enum ms_err
moody_mute(struct moody *moody, const struct subject *subject,
           struct store_time now,
           enum ms_err (*change)(void *, struct store_state *), void *arg)
{
    struct store_record *record = calloc(1, sizeof(*record));
    enum ms_err err;
    bool found;

    assert_non_null(record);
    if (moody->deaf) {
        assert_int_equal(store_get(moody->real, subject, now, &found, record),
                         MS_OK);
        err = change(arg, &record->state);
    } else {
        err = store_update(moody->real, subject, now, change, arg);
    }
    free(record);
    if (err != MS_OK)
        return err;
    moody->mute--;
    return MS_TIMEOUT;
}

static enum ms_err
moody_update(struct store *store, const struct subject *subject,
             struct store_time now,
             enum ms_err (*change)(void *, struct store_state *), void *arg)
{
    struct moody *moody = (struct moody *)store;

    moody->updates++;
    if (moody->before != NULL)
        moody->before(moody->arg, subject);
    if (fails_of(moody, subject))
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
    if (moody->mute > 0)
        return moody_mute(moody, subject, now, change, arg);
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

static struct detect_lab *
create_moody(struct moody *moody)
{
    struct detect_lab *lab;

    memset(moody, 0, sizeof(*moody));
    moody->store.ops = &moody_ops;
    lab = detect_lab_create(ACTS, &moody->store);
    moody->real = daemon_store(lab->daemon);
    return lab;
}

static void
quarantine(struct detect_lab *lab, const char *text, int64_t until_s)
{
    struct subject subject = detect_lab_subject(text);
    struct wall until = {atomic_load(&lab->now_s) + until_s};
    struct change change;

    assert_int_equal(
        detect_quarantine(lab->detect, &subject, until, &ann, &change), MS_OK);
}

/* Of several nodes one may be away. */
static void
test_one_that_cannot_be_stored_stops_nobody(void **state)
{
    static const char *const bad[] = {
        "user:u0@example.org", "user:u4@example.org", "user:u9@example.org"};

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct moody moody;
        struct detect_lab *lab = create_moody(&moody);
        struct detect_counts counts;

        moody.fails = MS_UNAVAIL;
        moody.bad = bad[i];
        send_all(lab, usual, 10, 1);
        pass(lab, 1);
        detect_counts(lab->detect, &counts);
        expect(bad[i], counts.updates == 9);
        expect(bad[i], counts.queued == 1);
        expect(bad[i], counts.failed == 1);
        moody.bad = "nobody";
        pass(lab, 1);
        detect_counts(lab->detect, &counts);
        expect(bad[i], counts.updates == 10);
        expect(bad[i], counts.queued == 0);
        end(lab);
    }
}

/* Each failure takes a second. */
static void
take_long(void *arg, const struct subject *subject)
{
    struct detect_lab *lab = arg;

    (void)subject;
    atomic_fetch_add(&lab->now_s, 1);
}

/* It is given up soon, and goes on where it was. */
static void
test_patience_ends(void **state)
{
    struct moody moody;
    struct detect_lab *lab = create_moody(&moody);
    struct detect_counts counts;

    (void)state;
    moody.fails = MS_UNAVAIL;
    send_all(lab, usual, 100, 1);
    pass(lab, 1);
    detect_counts(lab->detect, &counts);
    assert_in_range(counts.failed, 2, 50); /* many, one after the other */
    assert_int_equal(counts.queued, 100);

    moody.updates = 0;
    moody.before = take_long;
    moody.arg = lab;
    pass(lab, 1);
    assert_in_range(moody.updates, 1, 5); /* or some that take long */

    moody.before = NULL;
    moody.fails = MS_OK;
    pass(lab, 1);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.queued, 0);
    assert_int_equal(counts.updates, 100);
    end(lab);
}

static void
test_a_walk_goes_past_one_that_cannot_be_stored(void **state)
{
    static const char *const bad[] = {
        "user:u0@example.org", "user:u1@example.org", "user:u2@example.org"};

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct moody moody;
        struct detect_lab *lab = create_moody(&moody);
        struct detect_counts counts;

        for (size_t j = 0; j < ROWS(bad); j++)
            quarantine(lab, bad[j], 3600);
        moody.fails = MS_UNAVAIL;
        moody.bad = bad[i];
        pass(lab, 3700);
        for (size_t j = 0; j < ROWS(bad); j++)
            expect(bad[j],
                   (standing(lab, bad[j]) == STANDING_QUARANTINED) == (i == j));
        detect_counts(lab->detect, &counts);
        expect(bad[i], counts.standing[STANDING_QUARANTINED] == 1);
        expect(bad[i], counts.standing[STANDING_PROBATION] == 2);
        moody.fails = MS_OK;
        pass(lab, 60);
        expect(bad[i], standing(lab, bad[i]) == STANDING_PROBATION);
        end(lab);
    }
}

/* Counts of a walk that broke off are not told. */
static void
test_counts_are_whole(void **state)
{
    enum { MANY = 40 };
    struct moody moody;
    struct detect_lab *lab = create_moody(&moody);
    struct detect_counts counts;

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        char text[40];

        (void)snprintf(text, sizeof(text), "user:u%u@example.org", i);
        quarantine(lab, text, 3600);
    }
    pass(lab, 60);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.standing[STANDING_QUARANTINED], MANY);
    moody.fails = MS_UNAVAIL;
    moody.updates = 0;
    pass(lab, 3700);
    assert_in_range(moody.updates, 1, MANY - 1);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.standing[STANDING_QUARANTINED], MANY);
    end(lab);
}

/* Of all who stand, only those are updated to whom something happens. */
static void
test_a_walk_looks_first(void **state)
{
    struct moody moody;
    struct detect_lab *lab = create_moody(&moody);

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        char text[40];

        (void)snprintf(text, sizeof(text), "user:u%u@example.org", i);
        quarantine(lab, text, i == 7 ? 100 : 86400);
    }
    moody.updates = 0;
    pass(lab, 60);
    assert_int_equal(moody.updates, 0);
    pass(lab, 60);
    assert_int_equal(moody.updates, 1);
    assert_int_equal(standing(lab, "user:u7@example.org"), STANDING_PROBATION);
    end(lab);
}

/* Of the walk below. */
struct crossing {
    struct detect_lab *lab;
    unsigned n, bob; /* updates; which one was his; 0: none */
};

static void
cross(void *arg, const struct subject *subject)
{
    struct crossing *crossing = arg;
    struct subject bob = detect_lab_subject("user:bob@example.org");
    struct detect_lab_message message = usual;

    crossing->n++;
    if (subject_same(subject, &bob) && crossing->bob == 0)
        crossing->bob = crossing->n;
    if (crossing->n != 1)
        return;
    message.login = "bob@example.org";
    message.known = 9;
    detect_lab_send(crossing->lab, &message);
}

/* Who is hot does not wait until all who stand were visited. */
static void
test_hot_ones_come_in_between(void **state)
{
    struct moody moody;
    struct detect_lab *lab = create_moody(&moody);
    struct crossing crossing = {.lab = lab};

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        char text[40];

        (void)snprintf(text, sizeof(text), "user:u%u@example.org", i);
        quarantine(lab, text, 3600);
    }
    moody.before = cross;
    moody.arg = &crossing;
    pass(lab, 3700);
    assert_int_equal(crossing.n, 11);
    assert_int_equal(crossing.bob, 2);
    end(lab);
}

/* A freeze is applied to all, though some cannot be stored at first. */
static void
test_a_freeze_comes_to_all(void **state)
{
    static const char *const bad[] = {
        "user:z0@example.org", "user:z1@example.org", "user:z2@example.org"};

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct moody moody;
        struct detect_lab *lab = create_moody(&moody);
        struct detect_lab_message message = usual;
        struct detect_counts counts;

        message.login = "bob@example.org";
        for (int j = 0; j < 1000; j++) { /* what is usual */
            detect_lab_send(lab, &message);
            pass(lab, 60);
        }
        message = spam;
        for (size_t j = 0; j < ROWS(bad); j++) {
            message.login = bad[j] + strlen("user:");
            expect(bad[j],
                   blast(lab, &message, bad[j], STANDING_THROTTLED, 40) < 40);
        }
        moody.fails = MS_UNAVAIL;
        moody.bad = bad[i];
        message.strange = 1;
        send_all(lab, message, 150, 2);
        pass(lab, 1);
        detect_counts(lab->detect, &counts);
        expect(bad[i], counts.frozen);
        for (size_t j = 0; j < ROWS(bad); j++)
            expect(bad[j], standing_worse(standing(lab, bad[j]),
                                          STANDING_WATCHED) == (i == j));
        moody.updates = 0;
        for (int j = 0; j < 50; j++)
            pass(lab, 1);
        expect(bad[i], moody.updates == 0); /* not at once again */
        moody.fails = MS_OK;
        pass(lab, 60);
        expect(bad[i],
               !standing_worse(standing(lab, bad[i]), STANDING_WATCHED));
        end(lab);
    }
}

/* Each update brings more: what it is all about. */
enum { FLOOD = 5000 };

struct flood {
    struct detect_lab *lab;
    unsigned sent;
};

static void
send_more(void *arg, const struct subject *subject)
{
    struct flood *flood = arg;
    struct detect_lab_message message = usual;
    char login[32];

    (void)subject;
    if (flood->sent >= FLOOD)
        return;
    message.known = 9;
    for (int i = 0; i < 2; i++) {
        (void)snprintf(login, sizeof(login), "u%u@example.org",
                       flood->sent++ % 50);
        message.login = login;
        detect_lab_send(flood->lab, &message);
    }
}

/* However fast hot ones come, a beat ends. */
static void
test_a_beat_ends(void **state)
{
    struct moody moody;
    struct detect_lab *lab = create_moody(&moody);
    struct flood flood = {.lab = lab};
    struct detect_lab_message message = usual;

    (void)state;
    moody.before = send_more;
    moody.arg = &flood;
    send_all(lab, usual, 10, 1);
    message.known = 9; /* one that is hot */
    detect_lab_send(lab, &message);
    pass(lab, 1);
    assert_in_range(moody.updates, 10, 200);
    end(lab);
}

/* ... and whoever settles waits for what there was. */
static void
test_settling_ends(void **state)
{
    struct moody moody;
    struct detect_lab *lab = create_moody(&moody);
    struct flood flood = {.lab = lab};
    struct detect_counts counts;

    (void)state;
    moody.before = send_more;
    moody.arg = &flood;
    detect_lab_send(lab, &usual);
    send_all(lab, usual, 10, 9);
    assert_int_equal(detect_start(lab->detect), MS_OK);
    detect_settle(lab->detect);
    detect_stop(lab->detect);
    assert_in_range(flood.sent, 2, FLOOD - 1);
    detect_counts(lab->detect, &counts);
    assert_true(counts.updates > 0);
    end(lab);
}

/* Recipients of ANN's last hour. */
static uint32_t
in_hour(struct detect_lab *lab, struct moody *moody)
{
    const struct config *config = daemon_config_get(lab->daemon);
    struct store_record *record = calloc(1, sizeof(*record));
    struct subject subject = detect_lab_subject(ANN);
    int64_t now_s = atomic_load(&lab->now_s);
    struct detect_view view;
    bool found;

    assert_non_null(record);
    assert_int_equal(store_get(moody->real, &subject,
                               (struct store_time){{now_s * 1000}, {now_s}},
                               &found, record),
                     MS_OK);
    assert_true(detect_view(config, record, (struct wall){now_s}, &view));
    free(record);
    daemon_config_put(lab->daemon, config);
    return view.now.hour;
}

/* How often LAB has told that somebody stands TO. */
static unsigned
told(const struct detect_lab *lab, enum standing to)
{
    unsigned n = 0;

    for (size_t i = 0; i < lab->n_changes; i++)
        n += lab->change[i].evidence.to == to;
    return n;
}

/* Whether the store has written it or not: it is judged once, told once. */
static void
test_an_answer_that_is_lost(void **state)
{
    static const struct {
        const char *row;
        unsigned mute;
        bool deaf;
    } rows[] = {
        {"it was answered", 0, false},
        {"it was written", 1, false},
        {"it was not", 1, true},
        {"it was not, and then it was not answered", 2, true},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct moody moody = {.store = {&moody_ops}, .deaf = rows[i].deaf};
        struct detect_lab *lab = detect_lab_create(ACTS, &moody.store);
        struct change change;

        moody.real = daemon_store(lab->daemon);
        for (int k = 0; k < 20; k++)
            detect_lab_send(lab, &spam);
        moody.mute = rows[i].mute;
        pass(lab, 1);
        detect_lab_send(lab, &spam);
        pass(lab, 1);
        pass(lab, 1);
        pass(lab, 1);
        expect(rows[i].row, lab->n_changes >= 1);
        expect(rows[i].row,
               standing_worse(lab->change[0].evidence.to, STANDING_WATCHED));
        expect(rows[i].row, detect_lab_changed(lab, ANN, &change));
        expect(rows[i].row, change.evidence.to == standing(lab, ANN));
        if (standing(lab, ANN) != STANDING_QUARANTINED)
            expect(rows[i].row, in_hour(lab, &moody) == 21);
        expect(rows[i].row, told(lab, STANDING_THROTTLED) <= 1);
        expect(rows[i].row, told(lab, STANDING_QUARANTINED) <= 1);
        end(lab);
    }
}

/* Nor does what changes no standing count twice. */
static void
test_evidence_whose_answer_is_lost(void **state)
{
    static const struct {
        const char *row;
        unsigned mute;
        bool deaf;
    } rows[] = {
        {"it was answered", 0, false},
        {"it was written", 1, false},
        {"it was not", 1, true},
        {"it was not, twice", 2, true},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct moody moody = {.store = {&moody_ops}, .deaf = rows[i].deaf};
        struct detect_lab *lab = detect_lab_create(ACTS, &moody.store);

        moody.real = daemon_store(lab->daemon);
        detect_lab_send(lab, &usual);
        pass(lab, 1);
        moody.mute = rows[i].mute;
        for (int k = 0; k < 3; k++)
            detect_lab_send(lab, &usual);
        pass(lab, 1);
        detect_lab_send(lab, &usual); /* comes later, and counts */
        for (int k = 0; k < 4; k++)
            pass(lab, 1);
        expect(rows[i].row, in_hour(lab, &moody) == 5);
        expect(rows[i].row, lab->n_changes == 0);
        end(lab);
    }
}

/* So many are in doubt, for so long. */
static void
test_doubts(void **state)
{
    struct change change = {.subject = detect_lab_subject(ANN)}, out;
    struct subject pc = detect_lab_subject(PC), subjects[DOUBTS];
    struct doubts *doubts = NULL;

    (void)state;
    assert_int_equal(doubts_create(&doubts), MS_OK);
    for (uint64_t i = 1; i <= DOUBTS + 1; i++)
        doubts_add(doubts, i, &change, (struct wall){1000});
    assert_false(doubts_clear(doubts, &change.subject,
                              &(struct detector){.changed = 1}, &out));
    assert_false(
        doubts_clear(doubts, &pc, &(struct detector){.changed = 2}, &out));
    assert_true(doubts_clear(doubts, &change.subject,
                             &(struct detector){.changed = 2}, &out));
    assert_false(doubts_clear(doubts, &change.subject,
                              &(struct detector){.changed = 2}, &out));
    assert_true(doubts_clear(doubts, &change.subject,
                             &(struct detector){.wrote = 3}, &out));
    assert_int_equal(
        doubts_subjects(doubts, (struct wall){1000 + DOUBT_S}, subjects), 1);
    assert_int_equal(
        doubts_subjects(doubts, (struct wall){1001 + DOUBT_S}, subjects), 0);
    assert_false(doubts_clear(doubts, &change.subject,
                              &(struct detector){.wrote = 4}, &out));
    doubts_destroy(doubts);
}

/* What people have said is told, too, and by itself. */
static void
test_a_release_whose_answer_is_lost(void **state)
{
    struct moody moody = {.store = {&moody_ops}};
    struct detect_lab *lab = detect_lab_create(ACTS, &moody.store);
    struct subject subject = detect_lab_subject(ANN);
    struct change change;
    size_t before;
    bool changed;

    (void)state;
    moody.real = daemon_store(lab->daemon);
    (void)half_flagged(lab, 100);
    before = lab->n_changes;
    pass(lab, 10);
    moody.mute = 1;
    assert_int_equal(detect_release(lab->detect, &subject, DETECTOR_RELEASE,
                                    CAUSE_OPERATOR, &ann, &changed, &change),
                     MS_TIMEOUT);
    assert_false(changed);
    assert_int_equal(lab->n_changes, before);
    pass(lab, 1);
    assert_int_equal(lab->n_changes, before + 1);
    assert_true(detect_lab_changed(lab, ANN, &change));
    assert_int_equal(change.evidence.to, STANDING_PROBATION);
    assert_string_equal(change.by, "ann (uid 1000)");
    pass(lab, 1);
    assert_int_equal(lab->n_changes, before + 1);
    end(lab);
}

/* What another host has not been able to tell since is over with a release. */
static void
test_what_waited_when_it_was_released(void **state)
{
    static const struct {
        const char *row;
        int before, after;
    } rows[] = {
        {"twenty", 20, 0},
        {"more than there is room for", 3 * DETECT_EVENTS, 0},
        {"and some mail since", 20, 1},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct moody moody = {.store = {&moody_ops}, .fails = MS_UNAVAIL};
        struct detect_lab *a = create(ACTS);
        struct detect_lab *b = detect_lab_create(ACTS, &moody.store);
        struct subject subject = detect_lab_subject(ANN);
        struct change change;
        bool changed;

        moody.real = a->store;
        (void)half_flagged(a, 100);
        atomic_store(&b->now_s, atomic_load(&a->now_s));
        for (int k = 0; k < rows[i].before; k++)
            detect_lab_send(b, &spam);
        pass(b, 1);
        pass(a, 2);
        expect(rows[i].row, detect_release(a->detect, &subject,
                                           DETECTOR_RELEASE, CAUSE_OPERATOR,
                                           &ann, &changed, &change) == MS_OK);
        moody.fails = MS_OK;
        pass(b, 60);
        for (int k = 0; k < rows[i].after; k++)
            detect_lab_send(b, &usual);
        pass(b, 1);
        expect(rows[i].row, standing(b, ANN) == STANDING_PROBATION);
        expect(rows[i].row, in_hour(b, &moody) == (uint32_t)rows[i].after);
        expect(rows[i].row, blast(b, &spam, ANN, STANDING_THROTTLED, 60) < 60);
        end(b);
        end(a);
    }
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
    assert_int_equal(diary_passed(lab->diary, "4XyZ", INT64_MAX, count_row, &n),
                     MS_OK);
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
    assert_int_equal(diary_passed(lab->diary, "4XyZ", INT64_MAX, count_row, &n),
                     MS_OK);
    assert_int_equal(n, 1); /* there, to be forgotten */
    end(lab);
}

/* ----- what is lost is told, and not all the time */

static unsigned
count_lines(const char *log, const char *what)
{
    unsigned n = 0;

    for (; (log = strstr(log, what)) != NULL; log++)
        n++;
    return n;
}

/* More messages than wait until the diary is written, again and again. */
static void
overflow(struct detect_lab *lab)
{
    for (int i = 0; i < 40000; i++)
        detect_lab_send(lab, &usual);
    pass(lab, 1);
}

static void
test_losses_are_told_once_a_minute(void **state)
{
    struct detect_lab *lab = create(ACTS);
    char *log;

    (void)state;
    for (int i = 0; i < 3; i++)
        overflow(lab);
    pass(lab, 60);
    overflow(lab);
    detect_stop(lab->detect); /* tells what is not told */
    log = detect_lab_destroy(lab);
    assert_int_equal(count_lines(log, "diary: it is not known any more"), 3);
    free(log);
}

static void
test_what_has_no_place_is_told_once_a_minute(void **state)
{
    struct detect_lab *lab = create(ACTS);
    char *log;

    (void)state;
    lab->serial = 1;
    send_all(lab, usual, DETECT_SUBJECTS + 10, 1);
    pass(lab, 0);
    for (int i = 0; i < 3; i++) {
        struct detect_lab_message message = usual;

        message.known = 0;
        send_all(lab, message, DETECT_SUBJECTS + 10, 1);
        pass(lab, 1);
    }
    pass(lab, 60);
    log = detect_lab_destroy(lab);
    assert_int_equal(count_lines(log, "subjects wait: "), 2);
    free(log);
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
    seal(record->state.bytes, record->state.len);
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

static void *
settle_often(void *arg)
{
    struct detect_lab *lab = arg;

    for (int i = 0; i < 200; i++) {
        detect_lab_send(lab, &usual);
        detect_settle(lab->detect);
    }
    return NULL;
}

/* Other threads are there before this one, and after it. */
static void
test_settling_at_any_time(void **state)
{
    enum { THREADS = 3 };
    struct detect_lab *lab = create(ACTS);
    pthread_t thread[THREADS];
    struct detect_counts counts;

    (void)state;
    lab->serial = 0;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, settle_often, lab),
                         0);
    detect_settle(lab->detect);
    assert_int_equal(detect_start(lab->detect), MS_OK);
    for (int i = 0; i < 20; i++)
        detect_settle(lab->detect);
    detect_stop(lab->detect);
    detect_settle(lab->detect);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(thread[i], NULL);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.events, THREADS * 200);
    end(lab);
}

/* Behind the end nothing is judged, and nobody waits. */
static void
test_settling_behind_the_end(void **state)
{
    struct detect_lab *lab = create(ACTS);
    struct detect_counts counts;

    (void)state;
    assert_int_equal(detect_start(lab->detect), MS_OK);
    detect_stop(lab->detect);
    detect_lab_send(lab, &usual);
    detect_settle(lab->detect);
    detect_counts(lab->detect, &counts);
    assert_int_equal(counts.updates, 0);
    detect_stop(lab->detect); /* again */
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
        cmocka_unit_test(test_two_rules_of_one_key),
        cmocka_unit_test(test_what_waited_is_as_it_was_seen),
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
        cmocka_unit_test(test_a_damaged_state_leaves_the_standing),
        cmocka_unit_test(test_a_newer_state_is_left_alone),
        cmocka_unit_test(test_a_store_that_is_away_loses_nothing),
        cmocka_unit_test(test_a_lost_race_is_run_again),
        cmocka_unit_test(test_an_answer_that_is_lost),
        cmocka_unit_test(test_evidence_whose_answer_is_lost),
        cmocka_unit_test(test_doubts),
        cmocka_unit_test(test_a_release_whose_answer_is_lost),
        cmocka_unit_test(test_what_waited_when_it_was_released),
        cmocka_unit_test(test_one_that_cannot_be_stored_stops_nobody),
        cmocka_unit_test(test_patience_ends),
        cmocka_unit_test(test_a_walk_goes_past_one_that_cannot_be_stored),
        cmocka_unit_test(test_counts_are_whole),
        cmocka_unit_test(test_a_walk_looks_first),
        cmocka_unit_test(test_hot_ones_come_in_between),
        cmocka_unit_test(test_a_freeze_comes_to_all),
        cmocka_unit_test(test_a_beat_ends),
        cmocka_unit_test(test_settling_ends),
        cmocka_unit_test(test_messages_that_go_out_are_known),
        cmocka_unit_test(test_held_messages_are_told),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_losses_are_told_once_a_minute),
        cmocka_unit_test(test_what_has_no_place_is_told_once_a_minute),
        cmocka_unit_test(test_view),
        cmocka_unit_test(test_thread),
        cmocka_unit_test(test_settling_at_any_time),
        cmocka_unit_test(test_settling_behind_the_end),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
