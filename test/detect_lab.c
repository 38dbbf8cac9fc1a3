/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/detect_lab.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "milter/step.h"
#include "policy/store/memory.h"
#include "test/unit.h"

enum { LOG_ROOM = 1 << 20, START_S = 1767787200 };

static void
tell_error(void *arg, const char *line)
{
    (void)arg;
    (void)fprintf(stderr, "%s\n", line);
}

static void
ignore(void *arg, const char *line)
{
    (void)arg;
    (void)line;
}

struct config *
detect_lab_config(const char *text)
{
    const struct config_report report = {tell_error, ignore, NULL};
    struct config *config = NULL;

    if (config_load_text("test", text, (struct wall){START_S}, &report,
                         &config) != MS_OK)
        fail_msg("not a configuration");
    return config;
}

/* ----- what it is given */

static struct store_time
now(void *arg)
{
    const struct detect_lab *lab = arg;
    int64_t now_s = atomic_load(&lab->now_s);

    return (struct store_time){{now_s * 1000}, {now_s}};
}

static void
changed(void *arg, const struct change *change)
{
    struct detect_lab *lab = arg;

    (void)pthread_mutex_lock(&lab->lock);
    if (lab->n_changes < DETECT_LAB_CHANGES)
        lab->change[lab->n_changes] = *change;
    lab->n_changes++;
    (void)pthread_mutex_unlock(&lab->lock);
}

static void
held(void *arg, const struct held *one)
{
    struct detect_lab *lab = arg;

    (void)pthread_mutex_lock(&lab->lock);
    lab->held = *one;
    lab->n_helds++;
    (void)pthread_mutex_unlock(&lab->lock);
}

/* ----- making it */

static void
make_daemon(struct detect_lab *lab, const char *config)
{
    struct spool_target target = {.to = LOG_TO_STDERR};
    struct pool *steps = NULL;
    struct store *own = NULL;

    lab->log = tmpfile();
    assert_non_null(lab->log);
    target.fd = fileno(lab->log);
    assert_int_equal(journal_create(&target, LOG_TEXT, LOG_DEBUG,
                                    "mx.example.org", &lab->journal),
                     MS_OK);
    assert_int_equal(store_memory_create(16 << 20, &own), MS_OK);
    assert_int_equal(pool_create(sizeof(struct step), &steps), MS_OK);
    assert_int_equal(daemon_create(detect_lab_config(config), own, steps,
                                   lab->journal, &lab->daemon),
                     MS_OK);
    if (lab->store == NULL)
        lab->store = own;
}

struct detect_lab *
detect_lab_create(const char *config, struct store *store)
{
    struct detect_lab *lab = calloc(1, sizeof(*lab));
    struct why why;

    assert_non_null(lab);
    (void)pthread_mutex_init(&lab->lock, NULL);
    lab->store = store;
    atomic_store(&lab->now_s, START_S);
    make_daemon(lab, config);
    assert_int_equal(diary_open(NULL, (struct wall){START_S}, ignore, NULL,
                                &lab->diary, &why),
                     MS_OK);
    assert_int_equal(detect_create(
                         &(struct detect_needs){
                             .daemon = lab->daemon,
                             .store = lab->store,
                             .diary = lab->diary,
                             .host = "mx.example.org",
                             .hashes = &lab->hashes,
                             .changed = changed,
                             .held = held,
                             .now = now,
                             .arg = lab,
                         },
                         &lab->detect),
                     MS_OK);
    return lab;
}

char *
detect_lab_destroy(struct detect_lab *lab)
{
    char *text = calloc(1, LOG_ROOM);
    size_t n;

    assert_non_null(text);
    detect_destroy(lab->detect);
    diary_close(lab->diary);
    daemon_destroy(lab->daemon);
    journal_destroy(lab->journal);
    rewind(lab->log);
    n = fread(text, 1, LOG_ROOM - 1, lab->log);
    text[n] = '\0';
    (void)fclose(lab->log);
    (void)pthread_mutex_destroy(&lab->lock);
    free(lab);
    return text;
}

void
detect_lab_reload(struct detect_lab *lab, const char *config)
{
    daemon_config_swap(lab->daemon, detect_lab_config(config));
}

/* ----- messages */

struct subject
detect_lab_subject(const char *text)
{
    struct subject subject;

    if (subject_parse(text, &subject, NULL) != MS_OK)
        fail_msg("%s is no subject", text);
    return subject;
}

static void
make_scene(struct detect_lab *lab, const struct config *config,
           const struct detect_lab_message *m, struct scene *out)
{
    struct sockaddr_in client = {.sin_family = AF_INET};
    struct facts facts = {
        .now = {atomic_load(&lab->now_s)},
        .client = (const struct sockaddr *)&client,
        .daemon_port = m->login != NULL ? "587" : "25",
        .login = m->login,
        .login_type = m->login != NULL ? "PLAIN" : NULL,
        .sender = m->login != NULL ? m->login : "<a@office.test>",
    };

    if (inet_pton(AF_INET, m->client, &client.sin_addr) != 1)
        fail_msg("%s is no address", m->client);
    scene_make(config, &facts, out);
}

void
detect_lab_send(struct detect_lab *lab, const struct detect_lab_message *m)
{
    const struct config *config = daemon_config_get(lab->daemon);
    uint64_t recipients[2 * DETECT_RECIPIENTS];
    struct detect_message message = {.recipients = recipients,
                                     .unknown = m->unknown,
                                     .flag = m->flag,
                                     .message_id = ++lab->serial << 32,
                                     .from = 99,
                                     .id = m->id != NULL ? m->id : "",
                                     .passed = true};
    struct scene scene;

    for (unsigned i = 0; i < m->known; i++)
        recipients[message.n_recipients++] = 1 + i;
    for (unsigned i = 0; i < m->strange + m->unknown; i++)
        recipients[message.n_recipients++] =
            ++lab->serial * UINT64_C(0x9e3779b97f4a7c15);
    make_scene(lab, config, m, &scene);
    detect_note(lab->detect, config, &scene, &message);
    daemon_config_put(lab->daemon, config);
}

/* ----- what came of it */

enum standing
detect_lab_standing(struct detect_lab *lab, const char *text,
                    uint32_t *throttle)
{
    struct subject subject = detect_lab_subject(text);
    struct store_record *record = malloc(sizeof(*record));
    enum standing standing = STANDING_NORMAL;
    bool found = false;

    assert_non_null(record);
    assert_int_equal(store_get(lab->store, &subject, now(lab), &found, record),
                     MS_OK);
    if (found)
        standing = record->state.standing;
    if (throttle != NULL)
        *throttle = found ? record->state.throttle : 0;
    free(record);
    return standing;
}

bool
detect_lab_changed(struct detect_lab *lab, const char *text, struct change *out)
{
    struct subject subject = detect_lab_subject(text);
    bool found = false;

    (void)pthread_mutex_lock(&lab->lock);
    for (size_t i = 0; i < lab->n_changes && i < DETECT_LAB_CHANGES; i++) {
        if (subject_same(&lab->change[i].subject, &subject)) {
            *out = lab->change[i];
            found = true;
        }
    }
    (void)pthread_mutex_unlock(&lab->lock);
    return found;
}
