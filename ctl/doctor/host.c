/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/doctor/host.c - files, certificates, the clock, the shared store. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "ctl/doctor/certificate.h"
#include "ctl/doctor/checks.h"
#include "ctl/run.h"
#include "ctl/when.h"

/* ----- who may read keys */

static void
look_at_key(struct patient *p, const char *path)
{
    char cure[FINDING_CURE];
    struct stat found;
    struct why why;

    if (path == NULL || path[0] != '/')
        return;
    (void)snprintf(cure, sizeof(cure),
                   "ls -ld '%.1000s'  # put it back, or name another", path);
    if (stat(path, &found) != 0) {
        (void)why_errno(&why, MS_UNAVAIL, path);
        if (errno == EACCES)
            finding_skip(&p->findings, "only root may look at %s", path);
        else
            finding_bad(&p->findings, FINDING_FAIL, cure, "%s", why.text);
        return;
    }
    (void)snprintf(cure, sizeof(cure), "chmod g-w,o-rwx '%.1000s'", path);
    if ((found.st_mode & 0007) != 0)
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "everybody on this machine may read or write %s (mode "
                    "%04o)",
                    path, (unsigned)found.st_mode & 07777);
    else if ((found.st_mode & 0020) != 0)
        finding_bad(&p->findings, FINDING_WARN, cure,
                    "a group may write %s (mode %04o)", path,
                    (unsigned)found.st_mode & 07777);
    else
        finding_ok(&p->findings, "%s is kept from others", path);
}

void
check_keys(struct patient *p)
{
    const struct config *config = p->config;
    const char *const files[] = {
        config->privacy.key_file,
        config->store.password_file,
        config->store.sentinel_password_file,
        config->store.key_file,
        config->notice.webhook_key_file,
    };
    char cure[FINDING_CURE];
    struct stat found;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        look_at_key(p, files[i]);
    (void)snprintf(cure, sizeof(cure), "chmod go-w '%.1000s'", p->path);
    if (stat(p->path, &found) == 0 && (found.st_mode & 0022) != 0)
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "others may write the configuration %s", p->path);
    else
        finding_ok(&p->findings, "nobody else may write %s", p->path);
}

/* The files of a list of certificates and keys. */
static void
each_file(struct patient *p, const char *text,
          void (*look)(struct patient *p, const char *path))
{
    char word[WORDS_TEXT];

    while (words_next(&text, word))
        look(p, word);
}

void
check_keys_postfix(struct patient *p)
{
    const char *chain = postconf_get(p->postfix, NULL, "smtpd_tls_chain_files");

    if (chain[0] != '\0')
        each_file(p, chain, look_at_key);
    else
        look_at_key(p, postconf_get(p->postfix, NULL, "smtpd_tls_key_file"));
}

void
check_keys_sendmail(struct patient *p)
{
    look_at_key(p, p->sendmail->server_key);
}

/* ----- how long certificates are good */

struct end {
    bool has;
    int64_t at_s;
};

static void
hear_end(void *arg, char *text)
{
    struct end *end = arg;

    if (!end->has)
        end->has = certificate_end(text, &end->at_s);
}

static void
tell_end(struct patient *p, const char *path, int64_t at_s)
{
    int64_t left_s = at_s - when_now();
    char cure[FINDING_CURE], day[WHEN_TEXT], span[WHEN_TEXT];

    (void)snprintf(cure, sizeof(cure),
                   strstr(path, "letsencrypt") != NULL
                       ? "certbot renew"
                       : "openssl x509 -noout -subject -issuer -in '%.1000s'  "
                         "# of whom it is",
                   path);
    (void)when_print_s(at_s, day);
    (void)when_span(left_s, span);
    if (left_s <= 0)
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "the certificate %s has ended on %s: get another", path,
                    day);
    else if (left_s < CERTIFICATE_SOON_S)
        finding_bad(&p->findings, FINDING_WARN, cure,
                    "the certificate %s ends in %s: get another", path, span);
    else
        finding_ok(&p->findings, "the certificate %s is good for %s", path,
                   span);
}

static void
look_at_certificate(struct patient *p, const char *path)
{
    const char *const words[] = {"openssl", "x509", "-noout", "-enddate",
                                 "-in",     path,   NULL};
    struct end end = {.has = false};
    const struct run run = {.words = words,
                            .input = "",
                            .line = hear_end,
                            .arg = &end,
                            .wait_s = PATIENT_RUN_S};
    char cure[FINDING_CURE];
    struct why why;
    int code = 0;

    if (path == NULL || path[0] != '/')
        return;
    (void)snprintf(cure, sizeof(cure),
                   "openssl x509 -noout -text -in '%.1000s'", path);
    if (access(path, R_OK) != 0 && errno == EACCES) {
        finding_skip(&p->findings, "only root may read %s", path);
        return;
    }
    if (run_program(&run, &code, &why) != MS_OK)
        finding_skip(&p->findings, "%s: %s", path, why.text);
    else if (!end.has)
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "%s has no certificate that openssl can read", path);
    else
        tell_end(p, path, end.at_s);
}

void
check_certificates(struct patient *p)
{
    look_at_certificate(p, p->config->store.cert_file);
    look_at_certificate(p, p->config->store.ca_file);
}

void
check_certificates_postfix(struct patient *p)
{
    const char *chain = postconf_get(p->postfix, NULL, "smtpd_tls_chain_files");
    const char *file = postconf_get(p->postfix, NULL, "smtpd_tls_cert_file");
    char cure[FINDING_CURE], reload[PATIENT_COMMAND];

    (void)snprintf(cure, sizeof(cure), "postfix%s%.1000s tls enable-server\n%s",
                   p->mta_config != NULL ? " -c " : "",
                   p->mta_config != NULL ? p->mta_config : "",
                   patient_reload(p, reload));
    if (chain[0] != '\0')
        each_file(p, chain, look_at_certificate);
    else if (file[0] == '/')
        look_at_certificate(p, file);
    else
        finding_bad(&p->findings, FINDING_WARN, cure,
                    "Postfix has no certificate, and so offers no TLS");
}

void
check_certificates_sendmail(struct patient *p)
{
    if (p->sendmail->server_cert[0] == '/')
        look_at_certificate(p, p->sendmail->server_cert);
    else
        finding_bad(&p->findings, FINDING_WARN,
                    "grep -n CERT /etc/mail/sendmail.mc",
                    "Sendmail has no certificate, and so offers no TLS");
}

/* ----- the clock */

void
check_clock(struct patient *p)
{
    struct timex state = {.modes = 0};
    int answer = adjtimex(&state);

    if (answer < 0)
        finding_skip(&p->findings, "the kernel does not tell how its clock is");
    else if (answer == TIME_ERROR || (state.status & STA_UNSYNC) != 0)
        finding_bad(&p->findings, FINDING_WARN, "timedatectl set-ntp true",
                    "nothing keeps this machine's clock right: hosts that "
                    "share counts, and times in logs, need that");
    else
        finding_ok(&p->findings, "the clock is kept right, within %ld ms",
                   (state.maxerror + 999) / 1000);
}

/* ----- a shared store */

/* "warn  the server's maxmemory-policy ..." of `mortsafe -n --connect`. */
static void
hear_store(void *arg, char *text)
{
    static const struct {
        const char *word;
        enum finding_state state;
    } words[] = {
        {"ok  ", FINDING_OK}, {"warn", FINDING_WARN}, {"FAIL", FINDING_FAIL}};
    struct patient *p = arg;
    char cure[FINDING_CURE];

    (void)snprintf(cure, sizeof(cure),
                   "mortsafe -n --connect -x '%.1000s'  # again, once that is "
                   "mended",
                   p->path);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i].word);

        if (strncmp(text, words[i].word, len) == 0)
            finding_bad(&p->findings, words[i].state,
                        words[i].state == FINDING_OK ? "" : cure, "%s",
                        text + len + strspn(text + len, " "));
    }
}

void
check_store(struct patient *p)
{
    const char *const words[] = {"mortsafe", "-n",    "--connect",
                                 "-x",       p->path, NULL};
    const struct run run = {.words = words,
                            .input = "",
                            .line = hear_store,
                            .arg = p,
                            .wait_s = 60};
    struct why why;
    int code = 0;

    if (p->config->store.type != STORE_REDIS)
        finding_ok(&p->findings, "the store is on this host");
    else if (geteuid() != 0)
        finding_skip(&p->findings, "only root may read the store's password");
    else if (run_program(&run, &code, &why) != MS_OK)
        finding_skip(&p->findings, "mortsafe -n --connect: %s", why.text);
}
