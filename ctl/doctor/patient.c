/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/doctor/patient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/field.h"
#include "ctl/run.h"
#include "ctl/when.h"

#define CONFIG_FILE SYSCONFDIR "/mortsafe/mortsafe.conf"
#define MAIN_CF "/etc/postfix/main.cf"
#define SENDMAIL_CF "/etc/mail/sendmail.cf"

/* ----- the daemon */

static void
ask_daemon(struct patient *p)
{
    struct url url;

    url_start(&url, "/v1/status");
    if (client_ask(p->call->client, CLIENT_GET, &url, NULL, &p->status,
                   &p->no_daemon) != CTL_OK)
        return;
    url_start(&url, "/v1/seen");
    (void)client_ask(p->call->client, CLIENT_GET, &url, NULL, &p->seen,
                     &p->no_seen);
}

/* ----- its configuration */

static void
hear_error(void *arg, const char *line)
{
    struct why *why = arg;

    if (why->text[0] == '\0')
        (void)why_set(why, MS_INVALID, "%.200s", line);
}

static void
hear_nothing(void *arg, const char *line)
{
    (void)arg, (void)line; /* `check` tells warnings */
}

static void
read_config(struct patient *p)
{
    const struct config_report report = {
        .error = hear_error,
        .warning = hear_nothing,
        .arg = &p->no_config,
    };
    const char *said = field_text(p->status, "config.path");

    p->path = call_option(p->call, "file");
    if (p->path == NULL && said[0] == '/' &&
        strlen(said) < sizeof(p->path_said)) {
        (void)snprintf(p->path_said, sizeof(p->path_said), "%s", said);
        p->path = p->path_said;
    }
    if (p->path == NULL)
        p->path = CONFIG_FILE;
    p->no_config.text[0] = '\0';
    if (access(p->path, R_OK) != 0)
        (void)why_errno(&p->no_config, MS_UNAVAIL, p->path);
    else if (config_load(p->path, (struct wall){when_now()}, &report,
                         &p->config) == MS_NOMEM)
        (void)why_set(&p->no_config, MS_NOMEM, "no memory");
}

/* ----- Postfix */

/* A run of postconf(1), and what takes its lines. */
struct listing {
    struct postconf *postfix;
    enum ms_err (*take)(struct postconf *postfix, const char *line);
    enum ms_err err;
    size_t lines;
};

static void
take_line(void *arg, char *text)
{
    struct listing *listing = arg;

    listing->lines++;
    if (listing->err == MS_OK)
        listing->err = listing->take(listing->postfix, text);
}

static enum ms_err
list(struct patient *p, const char *flags, const char *more,
     enum ms_err (*take)(struct postconf *postfix, const char *line))
{
    const char *words[6] = {"postconf", flags};
    struct listing listing = {.postfix = p->postfix, .take = take};
    const struct run run = {.words = words,
                            .input = "",
                            .line = take_line,
                            .arg = &listing,
                            .wait_s = PATIENT_RUN_S};
    size_t n = 2;
    int code = 0;
    enum ms_err err;

    if (p->mta_config != NULL) {
        words[n++] = "-c";
        words[n++] = p->mta_config;
    }
    words[n] = more;
    err = run_program(&run, &code, &p->no_mta);
    if (err == MS_OK && code != 0)
        err = why_set(&p->no_mta, MS_UNAVAIL, "postconf %s ends with %d", flags,
                      code);
    return err == MS_OK ? listing.err : err;
}

/* All of it: without -n the defaults come, too. */
static enum ms_err
read_postfix(struct patient *p)
{
    enum ms_err err = postconf_create(&p->postfix);

    if (err == MS_OK)
        err = list(p, "-x", NULL, postconf_main);
    if (err == MS_OK)
        err = list(p, "-M", NULL, postconf_service);
    if (err == MS_OK)
        err = list(p, "-P", "-x", postconf_own);
    if (err == MS_OK && postconf_services(p->postfix) == 0)
        err = why_set(&p->no_mta, MS_INVALID, "postconf -M tells no service");
    if (err != MS_OK) {
        postconf_destroy(p->postfix);
        p->postfix = NULL;
    }
    return err;
}

/* ----- Sendmail */

/* Hand each line of the file PATH to LINE(ARG). */
static enum ms_err
read_lines(const char *path, void (*line)(void *arg, const char *text),
           void *arg, struct why *why)
{
    FILE *in = fopen(path, "re");
    char *text = NULL;
    size_t room = 0;
    ssize_t n;

    if (in == NULL)
        return why_errno(why, MS_UNAVAIL, path);
    while ((n = getline(&text, &room, in)) >= 0) {
        text[strcspn(text, "\r\n")] = '\0';
        line(arg, text);
    }
    free(text);
    (void)fclose(in);
    return MS_OK;
}

static void
take_cf_line(void *arg, const char *text)
{
    sendmail_cf_line(arg, text);
}

static void
take_relay(void *arg, const char *text)
{
    sendmail_cf_relay(arg, text);
}

static void
take_access(void *arg, const char *text)
{
    sendmail_cf_access(arg, text);
}

static enum ms_err
read_sendmail(struct patient *p)
{
    struct sendmail_cf *cf = calloc(1, sizeof(*cf));
    struct why ignored;
    enum ms_err err;

    if (cf == NULL)
        return MS_NOMEM;
    p->cf = p->mta_config != NULL ? p->mta_config : SENDMAIL_CF;
    err = read_lines(p->cf, take_cf_line, cf, &p->no_mta);
    sendmail_cf_end(cf);
    if (err == MS_OK && !cf->begun)
        err =
            why_set(&p->no_mta, MS_INVALID, "%.200s is no sendmail.cf", p->cf);
    if (err != MS_OK) {
        free(cf);
        return err;
    }
    if (cf->relay_file[0] == '/')
        (void)read_lines(cf->relay_file, take_relay, cf, &ignored);
    if (cf->access_file[0] == '/')
        (void)read_lines(cf->access_file, take_access, cf, &ignored);
    p->sendmail = cf;
    return MS_OK;
}

/* ----- which of them */

static bool
is_folder(const char *path)
{
    struct stat found;

    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static enum patient_mta
find_mta(const struct patient *p)
{
    const char *said = call_option(p->call, "mta");

    if (said != NULL)
        return strcmp(said, "postfix") == 0 ? PATIENT_POSTFIX
                                            : PATIENT_SENDMAIL;
    if (p->mta_config != NULL)
        return is_folder(p->mta_config) ? PATIENT_POSTFIX : PATIENT_SENDMAIL;
    if (access(MAIN_CF, F_OK) == 0)
        return PATIENT_POSTFIX;
    return access(SENDMAIL_CF, F_OK) == 0 ? PATIENT_SENDMAIL : PATIENT_NO_MTA;
}

static enum ms_err
read_mta(struct patient *p)
{
    enum ms_err err = MS_OK;

    if (p->mta == PATIENT_NO_MTA)
        p->mta = find_mta(p);
    switch (p->mta) {
    case PATIENT_POSTFIX:
        err = read_postfix(p);
        break;
    case PATIENT_SENDMAIL:
        err = read_sendmail(p);
        break;
    case PATIENT_NO_MTA:
        (void)why_set(&p->no_mta, MS_UNAVAIL,
                      "there is neither %s nor %s here; name another with "
                      "--mta-config",
                      MAIN_CF, SENDMAIL_CF);
        break;
    }
    return err == MS_NOMEM ? err : MS_OK;
}

int
patient_start_for(const struct call *call, enum patient_mta mta,
                  struct patient *out)
{
    *out = (struct patient){.call = call,
                            .mta = mta,
                            .mta_config = call_option(call, "mta-config")};
    if (!findings_start(&out->findings)) {
        out_complain(call->out, "no memory");
        return EX_OSERR;
    }
    if (out->mta_config != NULL && out->mta_config[0] != '/')
        return call_usage(call, "--mta-config: %s does not begin with /",
                          out->mta_config);
    ask_daemon(out);
    read_config(out);
    if (read_mta(out) != MS_OK) {
        out_complain(call->out, "no memory");
        return EX_OSERR;
    }
    return CTL_OK;
}

int
patient_start(const struct call *call, struct patient *out)
{
    return patient_start_for(call, PATIENT_NO_MTA, out);
}

void
patient_end(struct patient *patient)
{
    findings_end(&patient->findings);
    config_destroy(patient->config);
    json_decref(patient->status);
    json_decref(patient->seen);
    postconf_destroy(patient->postfix);
    free(patient->sendmail);
}

/* ----- what checks ask */

const char *
patient_socket(const struct patient *patient)
{
    return patient->config != NULL ? patient->config->socket : "";
}

const struct listener *
patient_listener(const struct patient *patient, unsigned port)
{
    const struct config *config = patient->config;

    for (size_t i = 0; config != NULL && i < config->n_listeners; i++) {
        const struct listener *one = config->listeners[i];

        for (size_t j = 0; j < one->n_ports; j++) {
            if (port != 0 && one->ports[j] == port)
                return one;
        }
    }
    return NULL;
}

/* Is the address that ARG is about written by itself? */
struct search {
    struct prefix address;
    bool found;
};

static void
compare(void *arg, const char *word)
{
    struct search *search = arg;
    struct prefix one;

    if (prefix_parse(word, &one, NULL) == MS_OK &&
        prefix_covers(one, search->address) &&
        prefix_covers(search->address, one))
        search->found = true;
}

/* The network of ADDRESS, if it is written there by itself, or NULL. */
static const struct network *
find_written(const struct patient *patient, struct prefix address)
{
    const struct config *config = patient->config;
    struct search search = {.address = address};
    const struct network *network;
    uint32_t index;

    if (config == NULL || !nettree_longest(config->nets, address, &index))
        return NULL;
    network = config->networks[index];
    (void)config_option_words(config, BLOCK_NETWORK, network->name, "addr",
                              compare, &search);
    return search.found ? network : NULL;
}

void
patient_untrust(const struct patient *patient, struct prefix address,
                char out[PATIENT_CURE])
{
    const struct network *network = find_written(patient, address);
    char text[PREFIX_TEXT], name[PREFIX_TEXT];

    (void)prefix_print(address, text);
    (void)prefix_print(address, name);
    for (char *at = name; *at != '\0'; at++)
        *at = *at == '.' || *at == ':' ? '-' : *at;
    if (network != NULL && network->origin.file != NULL)
        (void)snprintf(out, PATIENT_CURE,
                       "sed -i '/^ *network %.64s /,/}/s/relay *= "
                       "*any/relay = domains/' %.1000s\nmortsafectl reload",
                       network->name, network->origin.file);
    else
        (void)snprintf(out, PATIENT_CURE,
                       "echo 'network by-%s { addr = %s  relay = domains }' >> "
                       "%.1000s\nmortsafectl reload",
                       name, text, patient->path);
}

char *
patient_postconf(const struct patient *patient, char out[PATIENT_COMMAND])
{
    (void)snprintf(out, PATIENT_COMMAND, "postconf%s%.1000s",
                   patient->mta_config != NULL ? " -c " : "",
                   patient->mta_config != NULL ? patient->mta_config : "");
    return out;
}

char *
patient_reload(const struct patient *patient, char out[PATIENT_COMMAND])
{
    (void)snprintf(out, PATIENT_COMMAND, "postfix%s%.1000s reload",
                   patient->mta_config != NULL ? " -c " : "",
                   patient->mta_config != NULL ? patient->mta_config : "");
    return out;
}
