/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_build.h - from what is written to what the engine reads.
 */
#ifndef MORTSAFE_POLICY_CONFIG_BUILD_H
#define MORTSAFE_POLICY_CONFIG_BUILD_H

#include "policy/reading.h"

/*
 * Fill build->config (all zero but for its text) and check it; what is wrong
 * is noted.  MS_NOMEM.  Either way config_destroy() ends what was made.
 */
enum ms_err config_build(const struct build *build);

/* Term I as one of the option's words, its value in *OUT; else false, with an
 * error that names them. */
bool config_value_word(const struct reading *r, size_t i, unsigned *out);

/* Readers, by the types of options: words, numbers and texts, ... */
enum ms_err config_value_bool(const struct reading *r);
enum ms_err config_value_choice(const struct reading *r);
enum ms_err config_value_set(const struct reading *r);
enum ms_err config_value_number(const struct reading *r);
enum ms_err config_value_size(const struct reading *r);
enum ms_err config_value_time(const struct reading *r);
enum ms_err config_value_span(const struct reading *r);
enum ms_err config_value_text(const struct reading *r);
enum ms_err config_value_tag(const struct reading *r);
enum ms_err config_value_name(const struct reading *r);
enum ms_err config_value_path(const struct reading *r);
enum ms_err config_value_file(const struct reading *r);
enum ms_err config_value_socket(const struct reading *r);
enum ms_err config_value_socket_path(const struct reading *r);
enum ms_err config_value_listen(const struct reading *r);
enum ms_err config_value_address(const struct reading *r);
enum ms_err config_value_domain(const struct reading *r);
enum ms_err config_value_date(const struct reading *r);

/* ... lists of them, ... */
enum ms_err config_list_strings(const struct reading *r);
enum ms_err config_list_ports(const struct reading *r);

/* ... prefixes, domains and owners, which may stand in tables, ... */
enum ms_err config_files_prefixes(const struct reading *r);
enum ms_err config_files_clients(const struct reading *r);
enum ms_err config_files_own(const struct reading *r);
enum ms_err config_files_own_table(const struct reading *r);
enum ms_err config_files_texthash(const struct reading *r);

/* ... what limits alone have, ... */
enum ms_err config_limit_key(const struct reading *r);
enum ms_err config_limit_rates(const struct reading *r);
enum ms_err config_limit_warmup(const struct reading *r);
enum ms_err config_limit_table(const struct reading *r);

/* ... rules about zombies, ... */
enum ms_err config_zombie_lift(const struct reading *r);

/* ... and letters, ... */
enum ms_err config_notice_rate(const struct reading *r);
enum ms_err config_notice_url(const struct reading *r);

/* ... what is asked of the DNS, ... */
enum ms_err config_dns_servers(const struct reading *r);
enum ms_err config_dns_headers(const struct reading *r);
enum ms_err config_dns_zone(const struct reading *r);
enum ms_err config_dns_masks(const struct reading *r);
enum ms_err config_dns_hosts(const struct reading *r);

/* ... what the store alone has, ... */
enum ms_err config_store_servers(const struct reading *r);
enum ms_err config_store_secret(const struct reading *r);

/* ... and names of networks, listeners, limits. */
enum ms_err config_refer_in(const struct reading *r);
enum ms_err config_refer_on(const struct reading *r);
enum ms_err config_refer_from(const struct reading *r);
enum ms_err config_refer_networks(const struct reading *r);
enum ms_err config_refer_skip(const struct reading *r);

/* The kind of sessions that `in =` knows by NAME; 0 if it is none. */
uint8_t config_refer_kind(const char *name);

/* The table of TYPE that term I names, in *OUT, which table_destroy() ends;
 * NULL there with MS_OK: what is wrong has been noted.  MS_NOMEM. */
enum ms_err config_files_table(const struct reading *r, size_t i,
                               enum table_type type, struct table **out);

/* Hand each entry of term 0's TABLE to CHECK, and note what it says. */
void config_files_check(const struct reading *r, const struct table *table,
                        enum ms_err (*check)(const struct reading *r,
                                             const struct table_entry *entry,
                                             struct why *why));

/* Is ENTRY's value a class of networks, a contact with a known language?
 * MS_INVALID. */
enum ms_err config_zombie_class(const struct reading *r,
                                const struct table_entry *entry,
                                struct why *why);
enum ms_err config_notice_contact(const struct reading *r,
                                  const struct table_entry *entry,
                                  struct why *why);

/* The host of the http: or https: URL; false if it is none. */
enum { URL_HOST = 256 };
bool config_notice_host(const char *url, char host[URL_HOST]);

/* What no option can know alone: of one limit, then of all. */
void config_limit_check(const struct build *b,
                        const struct config_block *block);
void config_limit_sums(const struct build *b);

/* The same of a rule about zombies, of letters, of a filter's verdict. */
void config_zombie_check(const struct build *b,
                         const struct config_block *block);
void config_notice_check(const struct build *b,
                         const struct config_block *block);
void config_verdict_check(const struct build *b,
                          const struct config_block *block);

/* Whether there is a block `spf`, once blocks are known. */
void config_dns_introduce(const struct build *b);

/* What the DNS is asked: errors, and what is most likely not meant. */
void config_dns_check(const struct build *b, const struct config_block *block);
void config_dns_warn(const struct build *b, const struct config_block *block);
void config_dns_warn_exempt(const struct build *b,
                            const struct config_block *block);

/* Does what is set in ON hold on some listener? */
bool config_refer_has_listener(const struct config *config, uint64_t on);

/* What no option of the store can know alone; and what its traffic tells those
 * on the way. */
void config_store_check(const struct build *b,
                        const struct config_block *block);
void config_store_warn(const struct build *b, const struct config_block *block);

/* Is the option NAME of BLOCK written, and not a default? */
bool config_is_written(const struct config_block *block, const char *name);

/* Have A and B the same key, prefix lengths included? */
bool config_limit_same_key(const struct limit *a, const struct limit *b);

/* Give LIMIT, ZOMBIE, which is right, its identity. */
void config_limit_identify(struct limit *limit);
void config_zombie_identify(struct zombie *zombie);

/* Its parts: the N halves of KEY as windows know them (returns BUF), and the
 * number that stands for TEXT. */
enum { LIMIT_KEY_TEXT = 64 };
char *config_limit_print_key(const struct limit_key *key, size_t n,
                             char buf[LIMIT_KEY_TEXT]);
uint64_t config_limit_hash(const char *text);

/* What no option can know alone, all blocks: errors, then warnings about what
 * has none.  MS_NOMEM. */
enum ms_err config_check(const struct build *b);
enum ms_err config_warn(const struct build *b);

#endif
