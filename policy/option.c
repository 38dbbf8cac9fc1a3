/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/option.c - the table of options.  Within a block a row may rely on
 * the rows above it: a limit's rates are read by what it counts.
 */
#include <config.h>

#include "policy/option.h"

#include <string.h>
#include <syslog.h>

#include "policy/config.h"

#define KIB ((uint64_t)1024)
#define DAY_S ((uint64_t)86400)

static const struct option_block_row blocks[BLOCKS] = {
    [BLOCK_TOP] = {"", TITLE_NONE, "The daemon as a whole"},
    [BLOCK_USERS] = {"users", TITLE_NONE, "How logins are written"},
    [BLOCK_NETWORK] = {"network", TITLE_NAME,
                       "Prefixes, and what their hosts may do"},
    [BLOCK_DOMAINS] = {"domains", TITLE_NAME,
                       "Domains for which mail is taken from anybody"},
    [BLOCK_LISTENER] = {"listener", TITLE_NAME, "A port of the MTA"},
    [BLOCK_OWNERS] = {"owners", TITLE_NONE, "Who may send as whom"},
    [BLOCK_LIMIT] = {"limit", TITLE_NAME,
                     "How much one subject may cause within a span"},
    [BLOCK_ZOMBIE] = {"zombie", TITLE_NAME,
                      "Who is watched for signs of a spam zombie, and what "
                      "becomes of one"},
    [BLOCK_VERDICT] = {"verdict", TITLE_NONE,
                       "How a content filter's verdict is known"},
    [BLOCK_NOTICE] = {"notice", TITLE_NONE, "Who is told, and how"},
    [BLOCK_EXEMPT] = {"exempt", TITLE_NAME, "Who is not held to limits"},
    [BLOCK_REPLY] = {"reply", TITLE_RULE, "Own words for a refusal"},
    [BLOCK_STORE] = {"store", TITLE_NONE, "Where counts are kept"},
    [BLOCK_PRIVACY] = {"privacy", TITLE_NONE,
                       "What is kept about people, and under which key"},
    [BLOCK_API] = {"api", TITLE_NONE, "Who may ask and tell the daemon what"},
    [BLOCK_API_GROUP] = {"group", TITLE_GROUP,
                         "What the members of a group may do", BLOCK_API},
    [BLOCK_STATUS] = {"status", TITLE_NONE, "What is shown over HTTP"},
    [BLOCK_LOG] = {"log", TITLE_NONE, "Where decisions are told"},
};

static const struct option_word no_yes[] = {{"no", 0}, {"yes", 1}, {NULL, 0}};
static const struct option_word open_closed[] = {
    {"open", 0}, {"closed", 1}, {NULL, 0}};
static const struct option_word modes[] = {
    {"observe", MODE_OBSERVE}, {"enforce", MODE_ENFORCE}, {NULL, 0}};
static const struct option_word on_errors[] = {
    {"tempfail", ON_ERROR_TEMPFAIL}, {"accept", ON_ERROR_ACCEPT}, {NULL, 0}};
static const struct option_word relays[] = {{"any", RELAY_ANY},
                                            {"domains", RELAY_DOMAINS},
                                            {"none", RELAY_NONE},
                                            {NULL, 0}};
static const struct option_word auths[] = {{"require", AUTH_REQUIRE},
                                           {"allow", AUTH_ALLOW},
                                           {"forbid", AUTH_FORBID},
                                           {NULL, 0}};
static const struct option_word tlses[] = {
    {"require", TLS_REQUIRE}, {"allow", TLS_ALLOW}, {NULL, 0}};
static const struct option_word senders[] = {
    {"owned", SENDER_OWNED}, {"any", SENDER_ANY}, {NULL, 0}};
static const struct option_word classes[] = {
    {"person", CLASS_PERSON}, {"office", CLASS_OFFICE},
    {"server", CLASS_SERVER}, {"gateway", CLASS_GATEWAY},
    {"list", CLASS_LIST},     {NULL, 0}};
static const struct option_word metrics[] = {
    {"connections", METRIC_CONNECTIONS},
    {"messages", METRIC_MESSAGES},
    {"recipients", METRIC_RECIPIENTS},
    {"external", METRIC_EXTERNAL},
    {"bad_recipients", METRIC_BAD_RECIPIENTS},
    {"bytes", METRIC_BYTES},
    {NULL, 0}};
static const struct option_word actions[] = {{"defer", LIMIT_DEFER},
                                             {"reject", LIMIT_REJECT},
                                             {"hold", LIMIT_HOLD},
                                             {NULL, 0}};
static const struct option_word scopes[] = {
    {"fleet", SCOPE_FLEET}, {"host", SCOPE_HOST}, {NULL, 0}};
static const struct option_word stores[] = {{"embedded", STORE_EMBEDDED},
                                            {"memory", STORE_MEMORY},
                                            {"redis", STORE_REDIS},
                                            {NULL, 0}};
static const struct option_word fallbacks[] = {{"local", FALLBACK_LOCAL},
                                               {"tempfail", FALLBACK_TEMPFAIL},
                                               {"accept", FALLBACK_ACCEPT},
                                               {NULL, 0}};
static const struct option_word rights[] = {
    {"read", API_READ},
    {"reset", API_RESET},
    {"release", API_RELEASE},
    {"all", API_READ | API_RESET | API_RELEASE | API_ALL},
    {NULL, 0}};
static const struct option_word logs[] = {
    {"syslog", LOG_TO_SYSLOG}, {"stderr", LOG_TO_STDERR}, {NULL, 0}};
static const struct option_word formats[] = {
    {"text", LOG_TEXT}, {"json", LOG_JSON}, {NULL, 0}};
static const struct option_word facilities[] = {
    {"mail", LOG_MAIL},         {"daemon", LOG_DAEMON},
    {"user", LOG_USER},         {"auth", LOG_AUTH},
    {"authpriv", LOG_AUTHPRIV}, {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1},     {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3},     {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5},     {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7},     {NULL, 0}};
static const struct option_word levels[] = {
    {"err", LOG_ERR},   {"warning", LOG_WARNING}, {"notice", LOG_NOTICE},
    {"info", LOG_INFO}, {"debug", LOG_DEBUG},     {NULL, 0}};

/* Of each block together. */
static const struct option options[] = {
    {.block = BLOCK_TOP,
     .name = "mode",
     .type = OPTION_CHOICE,
     .words = modes,
     .preset = "observe",
     .at = offsetof(struct config, mode),
     .help = "Only log what would be done, or do it"},
    {.block = BLOCK_TOP,
     .name = "socket",
     .type = OPTION_SOCKET,
     .preset = "local:/var/spool/postfix/mortsafe/milter.sock",
     .at = offsetof(struct config, socket),
     .help = "Where the MTA finds the milter"},
    {.block = BLOCK_TOP,
     .name = "socket_mode",
     .type = OPTION_OCTAL,
     .preset = "0660",
     .most = 0777,
     .at = offsetof(struct config, socket_mode),
     .help = "Permissions of a local socket"},
    {.block = BLOCK_TOP,
     .name = "socket_group",
     .type = OPTION_NAME,
     .preset = "postfix",
     .at = offsetof(struct config, socket_group),
     .help = "Group of a local socket; \"\" leaves it"},
    {.block = BLOCK_TOP,
     .name = "user",
     .type = OPTION_NAME,
     .preset = "mortsafe",
     .at = offsetof(struct config, user),
     .help = "Whom to become when started by root"},
    {.block = BLOCK_TOP,
     .name = "sessions",
     .type = OPTION_NUMBER,
     .preset = "4000",
     .least = 1,
     .most = 100000,
     .at = offsetof(struct config, sessions),
     .help = "How many at a time; more are answered 451"},
    {.block = BLOCK_TOP,
     .name = "on_error",
     .type = OPTION_CHOICE,
     .words = on_errors,
     .preset = "tempfail",
     .at = offsetof(struct config, on_error),
     .help = "The answer where limits fail for a fault of our own; relay and "
             "port rules always tempfail"},

    {.block = BLOCK_USERS,
     .name = "fold",
     .type = OPTION_BOOL,
     .words = no_yes,
     .preset = "yes",
     .at = offsetof(struct config, users_fold),
     .help = "Logins that differ in case only are one"},
    {.block = BLOCK_USERS,
     .name = "default_domain",
     .type = OPTION_DOMAIN,
     .at = offsetof(struct config, users_default_domain),
     .help = "Completes logins without @"},

    {.block = BLOCK_NETWORK,
     .name = "addr",
     .type = OPTION_PREFIXES,
     .needed = true,
     .help = "Its addresses and prefixes; of several networks the one with "
             "the longest matching prefix holds"},
    {.block = BLOCK_NETWORK,
     .name = "relay",
     .type = OPTION_CHOICE,
     .words = relays,
     .preset = "domains",
     .at = offsetof(struct network, relay),
     .help = "Where its hosts may send without a login"},
    {.block = BLOCK_NETWORK,
     .name = "sender",
     .type = OPTION_SENDERS,
     .at = offsetof(struct network, senders),
     .count_at = offsetof(struct network, n_senders),
     .help = "Senders it may use without a login: user@domain, domain, or "
             ".domain with all below it"},
    {.block = BLOCK_NETWORK,
     .name = "class",
     .type = OPTION_CHOICE,
     .words = classes,
     .preset = "person",
     .at = offsetof(struct network, class),
     .help = "What its hosts are, for the detector"},
    {.block = BLOCK_NETWORK,
     .name = "port25",
     .type = OPTION_BOOL,
     .words = open_closed,
     .preset = "open",
     .at = offsetof(struct network, port25_closed),
     .help = "Closed: no mail on mx without a login, whatever the recipient"},
    {.block = BLOCK_NETWORK,
     .name = "dynamic",
     .type = OPTION_BOOL,
     .words = no_yes,
     .preset = "no",
     .at = offsetof(struct network, dynamic),
     .help = "Its addresses change hands"},
    {.block = BLOCK_NETWORK,
     .name = "auth",
     .type = OPTION_CHOICE,
     .words = auths,
     .at = offsetof(struct network, auth),
     .help = "Instead of the listener's"},
    {.block = BLOCK_NETWORK,
     .name = "tls",
     .type = OPTION_CHOICE,
     .words = tlses,
     .at = offsetof(struct network, tls),
     .help = "Instead of the listener's"},
    {.block = BLOCK_NETWORK,
     .name = "mode",
     .type = OPTION_CHOICE,
     .words = modes,
     .at = offsetof(struct network, mode),
     .help = "Observe: only log what would be done to its hosts"},
    {.block = BLOCK_NETWORK,
     .name = "until",
     .type = OPTION_DATE,
     .at = offsetof(struct network, until),
     .count_at = offsetof(struct network, has_until),
     .help = "The last day of its mode, in UTC"},
    {.block = BLOCK_NETWORK,
     .name = "off",
     .type = OPTION_FLAG,
     .words = no_yes,
     .preset = "no",
     .help = "There is no such network"},

    {.block = BLOCK_DOMAINS,
     .name = "list",
     .type = OPTION_OWN,
     .help = "Domains; with a dot in front, and all below"},
    {.block = BLOCK_DOMAINS,
     .name = "file",
     .type = OPTION_OWN_TABLE,
     .help = "A texthash table whose keys are domains"},
    {.block = BLOCK_DOMAINS,
     .name = "subdomains",
     .type = OPTION_FLAG,
     .words = no_yes,
     .preset = "no",
     .help = "The domains below these too"},

    {.block = BLOCK_LISTENER,
     .name = "port",
     .type = OPTION_PORTS,
     .at = offsetof(struct listener, ports),
     .count_at = offsetof(struct listener, n_ports),
     .help = "TCP ports, as the MTA's {daemon_port} gives them"},
    {.block = BLOCK_LISTENER,
     .name = "name",
     .type = OPTION_WORDS,
     .at = offsetof(struct listener, names),
     .count_at = offsetof(struct listener, n_names),
     .help = "Values of the MTA's {daemon_name}; looked at before the port"},
    {.block = BLOCK_LISTENER,
     .name = "auth",
     .type = OPTION_CHOICE,
     .words = auths,
     .preset = "forbid",
     .at = offsetof(struct listener, auth),
     .help = "Whether clients must, may or must not log in"},
    {.block = BLOCK_LISTENER,
     .name = "tls",
     .type = OPTION_CHOICE,
     .words = tlses,
     .preset = "allow",
     .at = offsetof(struct listener, tls),
     .help = "Whether clients must use TLS"},
    {.block = BLOCK_LISTENER,
     .name = "sender",
     .type = OPTION_CHOICE,
     .words = senders,
     .preset = "any",
     .at = offsetof(struct listener, sender),
     .help = "Whether logins may use only senders that `owners` gives them; "
             "owned is the default of submission and submissions where "
             "there are owners"},
    {.block = BLOCK_LISTENER,
     .name = "mode",
     .type = OPTION_CHOICE,
     .words = modes,
     .at = offsetof(struct listener, mode),
     .help = "Observe: only log what would be done here"},
    {.block = BLOCK_LISTENER,
     .name = "skip",
     .type = OPTION_BOOL,
     .words = no_yes,
     .preset = "no",
     .at = offsetof(struct listener, skip),
     .help = "Not looked at, as after a content filter"},
    {.block = BLOCK_LISTENER,
     .name = "from",
     .type = OPTION_FROM,
     .preset = "loopback",
     .at = offsetof(struct listener, from),
     .help = "Networks whose hosts are skipped"},

    {.block = BLOCK_OWNERS,
     .name = "file",
     .type = OPTION_TEXTHASH,
     .at = offsetof(struct config, owners),
     .needed = true,
     .help = "A texthash table from senders to logins, in the format of "
             "Postfix's smtpd_sender_login_maps"},

    {.block = BLOCK_LIMIT,
     .name = "key",
     .type = OPTION_KEY,
     .at = offsetof(struct limit, key),
     .count_at = offsetof(struct limit, n_keys),
     .needed = true,
     .help = "Whose events are counted together: client, prefix, user, "
             "sender, domain, network, or two of them with + between"},
    {.block = BLOCK_LIMIT,
     .name = "count",
     .type = OPTION_CHOICE,
     .words = metrics,
     .at = offsetof(struct limit, count),
     .needed = true,
     .help = "What is counted"},
    {.block = BLOCK_LIMIT,
     .name = "rate",
     .type = OPTION_RATES,
     .at = offsetof(struct limit, rates),
     .needed = true,
     .help = "How many within which span; all of them hold"},
    {.block = BLOCK_LIMIT,
     .name = "rates",
     .type = OPTION_RATE_TABLE,
     .at = offsetof(struct limit, rates_table),
     .help = "A table from subjects to rates of their own"},
    {.block = BLOCK_LIMIT,
     .name = "map",
     .type = OPTION_MAP,
     .at = offsetof(struct limit, map),
     .help = "A table from subjects to the tenant they are counted for"},
    {.block = BLOCK_LIMIT,
     .name = "on",
     .type = OPTION_ON,
     .at = offsetof(struct limit, on),
     .help = "Listeners on which it holds; ! negates"},
    {.block = BLOCK_LIMIT,
     .name = "in",
     .type = OPTION_IN,
     .at = offsetof(struct limit, in),
     .help = "Networks, or strangers, relays, logins, for which it holds; ! "
             "negates"},
    {.block = BLOCK_LIMIT,
     .name = "scope",
     .type = OPTION_CHOICE,
     .words = scopes,
     .preset = "fleet",
     .at = offsetof(struct limit, scope),
     .help = "Whether hosts that share a store count together"},
    {.block = BLOCK_LIMIT,
     .name = "on_store_error",
     .type = OPTION_CHOICE,
     .words = fallbacks,
     .at = offsetof(struct limit, fallback),
     .help = "What decides while a shared store is away, instead of the "
             "store's fallback"},
    {.block = BLOCK_LIMIT,
     .name = "warn",
     .type = OPTION_PERCENT,
     .least = 1,
     .most = 99,
     .at = offsetof(struct limit, warn_percent),
     .help = "Tell once a span when so much of it is used"},
    {.block = BLOCK_LIMIT,
     .name = "action",
     .type = OPTION_CHOICE,
     .words = actions,
     .preset = "defer",
     .at = offsetof(struct limit, action),
     .help = "What becomes of mail over the limit"},
    {.block = BLOCK_LIMIT,
     .name = "mode",
     .type = OPTION_CHOICE,
     .words = modes,
     .at = offsetof(struct limit, mode),
     .help = "Observe: only log what would be done"},
    {.block = BLOCK_LIMIT,
     .name = "off",
     .type = OPTION_FLAG,
     .words = no_yes,
     .preset = "no",
     .help = "There is no such limit"},

    {.block = BLOCK_EXEMPT,
     .name = "user",
     .type = OPTION_LOGINS,
     .at = offsetof(struct exempt, values[EXEMPT_USER]),
     .count_at = offsetof(struct exempt, n_values[EXEMPT_USER]),
     .help = "Logins"},
    {.block = BLOCK_EXEMPT,
     .name = "sender",
     .type = OPTION_MAILBOXES,
     .at = offsetof(struct exempt, values[EXEMPT_SENDER]),
     .count_at = offsetof(struct exempt, n_values[EXEMPT_SENDER]),
     .help = "Envelope senders"},
    {.block = BLOCK_EXEMPT,
     .name = "domain",
     .type = OPTION_NAMES,
     .at = offsetof(struct exempt, values[EXEMPT_DOMAIN]),
     .count_at = offsetof(struct exempt, n_values[EXEMPT_DOMAIN]),
     .help = "Domains of logins, or of senders without a login"},
    {.block = BLOCK_EXEMPT,
     .name = "client",
     .type = OPTION_CLIENTS,
     .at = offsetof(struct exempt, clients),
     .help = "Addresses and prefixes of clients"},
    {.block = BLOCK_EXEMPT,
     .name = "network",
     .type = OPTION_NETWORKS,
     .at = offsetof(struct exempt, values[EXEMPT_NETWORK]),
     .count_at = offsetof(struct exempt, n_values[EXEMPT_NETWORK]),
     .help = "Networks"},
    {.block = BLOCK_EXEMPT,
     .name = "skip",
     .type = OPTION_SKIP,
     .at = offsetof(struct exempt, skip),
     .count_at = offsetof(struct exempt, skip_all),
     .needed = true,
     .help = "What they are not held to: limits, or limit.NAME"},
    {.block = BLOCK_EXEMPT,
     .name = "until",
     .type = OPTION_DATE,
     .at = offsetof(struct exempt, until),
     .count_at = offsetof(struct exempt, has_until),
     .help = "Its last day, in UTC"},
    {.block = BLOCK_EXEMPT,
     .name = "note",
     .type = OPTION_TEXT,
     .most = 500,
     .at = offsetof(struct exempt, note),
     .help = "Why, for those who come after"},

    {.block = BLOCK_REPLY,
     .name = "text",
     .type = OPTION_REPLY,
     .most = 400,
     .at = offsetof(struct reply_text, text),
     .needed = true,
     .help = "The words of the refusal, behind its codes; may hold "
             "{recipient} {sender} {used} {limit} {span} {retry} {ref} "
             "{client} {user}"},

    {.block = BLOCK_STORE,
     .name = "type",
     .type = OPTION_CHOICE,
     .words = stores,
     .preset = "embedded",
     .at = offsetof(struct config, store.type),
     .help = "Kept on disk, in memory alone, or in a Redis that a fleet "
             "shares"},
    {.block = BLOCK_STORE,
     .name = "path",
     .type = OPTION_PATH,
     .preset = "/var/lib/mortsafe",
     .at = offsetof(struct config, store.path),
     .help = "Folder of the embedded store; with redis, of what this host "
             "needs to decide alone"},
    {.block = BLOCK_STORE,
     .name = "memory",
     .type = OPTION_SIZE,
     .preset = "1G",
     .least = 16 * KIB * KIB,
     .most = 1024 * KIB * KIB * KIB,
     .at = offsetof(struct config, store.memory),
     .help = "The most memory that counts may take on this host"},
    {.block = BLOCK_STORE,
     .name = "url",
     .type = OPTION_URLS,
     .shared = true,
     .at = offsetof(struct config, store.urls),
     .count_at = offsetof(struct config, store.n_urls),
     .help = "The server: redis://user@host:6379/0, rediss:// with TLS, "
             "unix:/path; several nodes of a Cluster; behind Sentinels "
             "without a host"},
    {.block = BLOCK_STORE,
     .name = "password_file",
     .type = OPTION_SECRET,
     .shared = true,
     .at = offsetof(struct config, store.password_file),
     .count_at = offsetof(struct config, store.password),
     .help = "A file whose first line is the password; others may not read "
             "it"},
    {.block = BLOCK_STORE,
     .name = "ca_file",
     .type = OPTION_FILE,
     .shared = true,
     .at = offsetof(struct config, store.ca_file),
     .help = "Certificates that vouch for the server's, instead of the "
             "system's"},
    {.block = BLOCK_STORE,
     .name = "cert_file",
     .type = OPTION_FILE,
     .shared = true,
     .at = offsetof(struct config, store.cert_file),
     .help = "Our own certificate, where the server asks for one"},
    {.block = BLOCK_STORE,
     .name = "key_file",
     .type = OPTION_FILE,
     .shared = true,
     .at = offsetof(struct config, store.key_file),
     .help = "The key of cert_file"},
    {.block = BLOCK_STORE,
     .name = "tls_name",
     .type = OPTION_DOMAIN,
     .shared = true,
     .at = offsetof(struct config, store.tls_name),
     .help = "The name that the server's certificate must have, if not the "
             "host's"},
    {.block = BLOCK_STORE,
     .name = "sentinel",
     .type = OPTION_HOSTS,
     .shared = true,
     .at = offsetof(struct config, store.sentinels),
     .count_at = offsetof(struct config, store.n_sentinels),
     .help = "Sentinels, as host or host:port, that tell which server is the "
             "master"},
    {.block = BLOCK_STORE,
     .name = "master",
     .type = OPTION_DOTTED_TAG,
     .most = 63,
     .shared = true,
     .at = offsetof(struct config, store.master),
     .help = "The name under which Sentinels know the master"},
    {.block = BLOCK_STORE,
     .name = "sentinel_password_file",
     .type = OPTION_SECRET,
     .shared = true,
     .at = offsetof(struct config, store.sentinel_password_file),
     .count_at = offsetof(struct config, store.sentinel_password),
     .help = "The same as password_file for the Sentinels"},
    {.block = BLOCK_STORE,
     .name = "cluster",
     .type = OPTION_BOOL,
     .words = no_yes,
     .preset = "no",
     .shared = true,
     .at = offsetof(struct config, store.cluster),
     .help = "The servers are nodes of a Redis Cluster"},
    {.block = BLOCK_STORE,
     .name = "prefix",
     .type = OPTION_TAG,
     .preset = "mortsafe",
     .most = 31,
     .shared = true,
     .at = offsetof(struct config, store.prefix),
     .help = "What all keys begin with"},
    {.block = BLOCK_STORE,
     .name = "deadline",
     .type = OPTION_TIME,
     .preset = "300ms",
     .least = 20,
     .most = 2000,
     .shared = true,
     .at = offsetof(struct config, store.deadline_ms),
     .help = "How long a question may take; then this host decides alone"},
    {.block = BLOCK_STORE,
     .name = "fallback",
     .type = OPTION_CHOICE,
     .words = fallbacks,
     .preset = "local",
     .shared = true,
     .at = offsetof(struct config, store.fallback),
     .help = "What decides while the store is away: this host's own counts "
             "and its share of each limit, or the answer 451, or nothing"},
    {.block = BLOCK_STORE,
     .name = "hosts",
     .type = OPTION_NUMBER,
     .preset = "1",
     .least = 1,
     .most = 1000,
     .shared = true,
     .at = offsetof(struct config, store.hosts),
     .help = "How many hosts share the limits, until they are known"},

    {.block = BLOCK_PRIVACY,
     .name = "key_file",
     .type = OPTION_FILE,
     .at = offsetof(struct config, privacy.key_file),
     .help = "The site's key, as mortsafe --make-key makes it; the same on "
             "all hosts"},
    {.block = BLOCK_PRIVACY,
     .name = "state",
     .type = OPTION_SPAN,
     .preset = "90d",
     .least = DAY_S,
     .most = 3650 * DAY_S,
     .at = offsetof(struct config, privacy.state_s),
     .help = "How long it is remembered how a subject behaves, after its last "
             "event"},
    {.block = BLOCK_PRIVACY,
     .name = "decisions",
     .type = OPTION_SPAN,
     .preset = "14d",
     .most = 366 * DAY_S,
     .at = offsetof(struct config, privacy.decisions_s),
     .help = "How long decisions are kept on disk for those who ask why; 0 "
             "keeps none"},

    {.block = BLOCK_API,
     .name = "socket",
     .type = OPTION_UNIX,
     .preset = RUNSTATEDIR "/mortsafe/api.sock",
     .at = offsetof(struct config, api.socket),
     .help = "The Unix socket on which mortsafectl asks; \"\" is none"},

    {.block = BLOCK_API_GROUP,
     .name = "may",
     .type = OPTION_SET,
     .words = rights,
     .at = offsetof(struct api_group, may),
     .needed = true,
     .help = "read: look; reset: empty counts; release: exempt and raise; "
             "all: these and whatever else there is"},

    {.block = BLOCK_STATUS,
     .name = "listen",
     .type = OPTION_LISTEN,
     .at = offsetof(struct config, status.listen),
     .help = "Where the status page and the metrics are, read-only; without "
             "it nowhere"},
    {.block = BLOCK_STATUS,
     .name = "hosts",
     .type = OPTION_NAMES,
     .at = offsetof(struct config, status.hosts),
     .count_at = offsetof(struct config, status.n_hosts),
     .help = "Names of this host by which a browser may ask"},
    {.block = BLOCK_STATUS,
     .name = "names",
     .type = OPTION_BOOL,
     .words = no_yes,
     .preset = "no",
     .at = offsetof(struct config, status.names),
     .help = "Show addresses and logins there; else pseudonyms"},

    {.block = BLOCK_LOG,
     .name = "to",
     .type = OPTION_CHOICE,
     .words = logs,
     .preset = "syslog",
     .at = offsetof(struct config, log.to),
     .help = "Where the log goes"},
    {.block = BLOCK_LOG,
     .name = "facility",
     .type = OPTION_CHOICE,
     .words = facilities,
     .preset = "mail",
     .at = offsetof(struct config, log.facility),
     .help = "The facility for syslog"},
    {.block = BLOCK_LOG,
     .name = "level",
     .type = OPTION_CHOICE,
     .words = levels,
     .preset = "info",
     .at = offsetof(struct config, log.level),
     .help = "The least important line that is logged"},
    {.block = BLOCK_LOG,
     .name = "format",
     .type = OPTION_CHOICE,
     .words = formats,
     .preset = "text",
     .at = offsetof(struct config, log.format),
     .help = "key=value, or a JSON object a line"},
};

enum { OPTIONS = sizeof options / sizeof *options };

/* What to write; those with LIST take several. */
static const struct {
    const char *name;
    bool list;
} types[OPTION_TYPES] = {
    [OPTION_BOOL] = {"one of two words", false},
    [OPTION_CHOICE] = {"one of some words", false},
    [OPTION_SET] = {"list of words", true},
    [OPTION_NUMBER] = {"number", false},
    [OPTION_OCTAL] = {"octal number", false},
    [OPTION_PERCENT] = {"percentage", false},
    [OPTION_SIZE] = {"size in bytes", false},
    [OPTION_TIME] = {"time", false},
    [OPTION_SPAN] = {"span", false},
    [OPTION_TEXT] = {"text", false},
    [OPTION_REPLY] = {"text in ASCII", false},
    [OPTION_NAME] = {"name", false},
    [OPTION_TAG] = {"name", false},
    [OPTION_DOTTED_TAG] = {"name", false},
    [OPTION_PATH] = {"absolute path", false},
    [OPTION_FILE] = {"path", false},
    [OPTION_SECRET] = {"path", false},
    [OPTION_URLS] = {"list of URLs", true},
    [OPTION_HOSTS] = {"list of hosts", true},
    [OPTION_SOCKET] = {"socket", false},
    [OPTION_LISTEN] = {"TCP socket", false},
    [OPTION_UNIX] = {"absolute path", false},
    [OPTION_DOMAIN] = {"domain", false},
    [OPTION_DATE] = {"date", false},
    [OPTION_PORTS] = {"list of ports", true},
    [OPTION_WORDS] = {"list of words", true},
    [OPTION_SENDERS] = {"list of sender patterns", true},
    [OPTION_LOGINS] = {"list of logins", true},
    [OPTION_MAILBOXES] = {"list of addresses", true},
    [OPTION_NAMES] = {"list of domains", true},
    [OPTION_OWN] = {"list of domains", true},
    [OPTION_OWN_TABLE] = {"table", false},
    [OPTION_PREFIXES] = {"list of prefixes and tables", true},
    [OPTION_CLIENTS] = {"list of prefixes and tables", true},
    [OPTION_TEXTHASH] = {"table", false},
    [OPTION_KEY] = {"key", false},
    [OPTION_RATES] = {"list of rates", true},
    [OPTION_RATE_TABLE] = {"table", false},
    [OPTION_MAP] = {"table", false},
    [OPTION_ON] = {"list of listeners", true},
    [OPTION_IN] = {"list of networks and kinds of sessions", true},
    [OPTION_FROM] = {"list of networks", true},
    [OPTION_NETWORKS] = {"list of networks", true},
    [OPTION_SKIP] = {"list of limits", true},
    [OPTION_FLAG] = {"one of two words", false},
};

const struct option_block_row *
option_block(enum option_block block)
{
    return &blocks[block];
}

bool
option_block_find(const char *name, enum option_block *out)
{
    int i;

    for (i = BLOCK_TOP + 1; i < BLOCKS; i++) {
        if (strcmp(blocks[i].name, name) == 0) {
            *out = (enum option_block)i;
            return true;
        }
    }
    return false;
}

const struct option *
option_rows(enum option_block block, size_t *n)
{
    size_t first = 0, end;

    while (first < OPTIONS && options[first].block != block)
        first++;
    end = first;
    while (end < OPTIONS && options[end].block == block)
        end++;
    *n = end - first;
    return &options[first];
}

const struct option *
option_find(enum option_block block, const char *name)
{
    const struct option *rows;
    size_t i, n;

    rows = option_rows(block, &n);
    for (i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

bool
option_is_list(enum option_type type)
{
    return types[type].list;
}

const char *
option_type_name(enum option_type type)
{
    return types[type].name;
}
