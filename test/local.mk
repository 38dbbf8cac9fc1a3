# One cmocka program per module; scripts that drive the whole daemon.
if HAVE_CMOCKA
UNIT_TESTS = \
	%reldir%/test_acts \
	%reldir%/test_abuse \
	%reldir%/test_address \
	%reldir%/test_alias \
	%reldir%/test_api_handlers \
	%reldir%/test_api_zombies \
	%reldir%/test_api_call \
	%reldir%/test_breaker \
	%reldir%/test_callbacks \
	%reldir%/test_callbacks_judge \
	%reldir%/test_callbacks_look \
	%reldir%/test_clerk_share \
	%reldir%/test_command \
	%reldir%/test_chart \
	%reldir%/test_config \
	%reldir%/test_config_api \
	%reldir%/test_config_dns \
	%reldir%/test_config_error \
	%reldir%/test_config_file \
	%reldir%/test_config_include \
	%reldir%/test_config_nomem \
	%reldir%/test_config_store \
	%reldir%/test_config_zombie \
	%reldir%/test_contact \
	%reldir%/test_clerk \
	%reldir%/test_counts_nomem \
	%reldir%/test_crowd \
	%reldir%/test_decision \
	%reldir%/test_delta \
	%reldir%/test_denials \
	%reldir%/test_detector \
	%reldir%/test_detector_examples \
	%reldir%/test_detector_form \
	%reldir%/test_change \
	%reldir%/test_detect \
	%reldir%/test_detect_queue \
	%reldir%/test_detect_redis \
	%reldir%/test_diary \
	%reldir%/test_held \
	%reldir%/test_outbox \
	%reldir%/test_display \
	%reldir%/test_doctor \
	%reldir%/test_dnsbl \
	%reldir%/test_domains \
	%reldir%/test_ears \
	%reldir%/test_endpoint \
	%reldir%/test_evidence \
	%reldir%/test_explain \
	%reldir%/test_flag \
	%reldir%/test_fleet \
	%reldir%/test_hashes \
	%reldir%/test_heading \
	%reldir%/test_history \
	%reldir%/test_journal \
	%reldir%/test_lookup \
	%reldir%/test_listed \
	%reldir%/test_listmask \
	%reldir%/test_lookups \
	%reldir%/test_maillog \
	%reldir%/test_metrics \
	%reldir%/test_markup \
	%reldir%/test_move \
	%reldir%/test_notice \
	%reldir%/test_notice_letter \
	%reldir%/test_notice_post \
	%reldir%/test_notify \
	%reldir%/test_picture \
	%reldir%/test_peer \
	%reldir%/test_page \
	%reldir%/test_own \
	%reldir%/test_prefix \
	%reldir%/test_progress \
	%reldir%/test_proxy \
	%reldir%/test_rate \
	%reldir%/test_answers \
	%reldir%/test_gate \
	%reldir%/test_resolver \
	%reldir%/test_redis_away \
	%reldir%/test_redis_board \
	%reldir%/test_redis_check \
	%reldir%/test_redis_cluster \
	%reldir%/test_redis_codec \
	%reldir%/test_redis_known \
	%reldir%/test_redis_link \
	%reldir%/test_redis_nodes \
	%reldir%/test_redis_reach \
	%reldir%/test_redis_sentinel \
	%reldir%/test_redis_slots \
	%reldir%/test_redis_model \
	%reldir%/test_redis_script \
	%reldir%/test_redis_store \
	%reldir%/test_relay \
	%reldir%/test_reload \
	%reldir%/test_replay \
	%reldir%/test_reply \
	%reldir%/test_report \
	%reldir%/test_run \
	%reldir%/test_scenario \
	%reldir%/test_self \
	%reldir%/test_sights \
	%reldir%/test_sim \
	%reldir%/test_sitekey \
	%reldir%/test_socket \
	%reldir%/test_spf \
	%reldir%/test_spf_check \
	%reldir%/test_spf_record \
	%reldir%/test_spf_suite \
	%reldir%/test_spf_wire \
	%reldir%/test_standing \
	%reldir%/test_status \
	%reldir%/test_store \
	%reldir%/test_store_crowd \
	%reldir%/test_store_damage \
	%reldir%/test_store_disk \
	%reldir%/test_store_kill \
	%reldir%/test_store_model \
	%reldir%/test_store_nomem \
	%reldir%/test_store_records \
	%reldir%/test_store_shares \
	%reldir%/test_store_sqlite \
	%reldir%/test_table \
	%reldir%/test_top \
	%reldir%/test_when \
	%reldir%/test_window \
	%reldir%/test_zombie
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

# of every program that names no others
LDADD = policy/store/libstore.la policy/libpolicy.la $(CMOCKA_LIBS)

# where allocations fail one after the other
SCARCE_SOURCES = %reldir%/scarce.c %reldir%/scarce.h
SCARCE_LINK = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc \
	-Wl,--wrap=reallocarray,--wrap=aligned_alloc,--wrap=strdup
%canon_reldir%_test_zombie_SOURCES = %reldir%/test_zombie.c \
	%reldir%/judged.c %reldir%/judged.h
%canon_reldir%_test_explain_SOURCES = %reldir%/test_explain.c \
	%reldir%/judged.c %reldir%/judged.h
%canon_reldir%_test_scenario_SOURCES = %reldir%/test_scenario.c \
	%reldir%/judged.c %reldir%/judged.h
%canon_reldir%_test_doctor_SOURCES = %reldir%/test_doctor.c $(SCARCE_SOURCES)
%canon_reldir%_test_doctor_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_acts_SOURCES = %reldir%/test_acts.c $(SCARCE_SOURCES)
%canon_reldir%_test_acts_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_config_nomem_SOURCES = %reldir%/test_config_nomem.c $(SCARCE_SOURCES)
%canon_reldir%_test_config_nomem_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)

# SPF in this process: zones in memory, and libspf2
SPF_LAB = %reldir%/spf_lab.c %reldir%/spf_lab.h \
	policy/dns/worker/judge.c policy/dns/worker/judge.h \
	policy/dns/worker/macro.c policy/dns/worker/macro.h \
	policy/dns/worker/name.c policy/dns/worker/name.h \
	policy/dns/worker/record.c policy/dns/worker/record.h
SPF_LAB_LDADD = policy/dns/libdns.la $(LDADD) $(SPF2_LIBS)
%canon_reldir%_test_spf_suite_SOURCES = %reldir%/test_spf_suite.c $(SPF_LAB)
%canon_reldir%_test_spf_suite_LDADD = $(SPF_LAB_LDADD)
check_PROGRAMS += %reldir%/spf_puppet
%canon_reldir%_spf_puppet_LDADD = policy/dns/libdns.la
%canon_reldir%_test_spf_SOURCES = %reldir%/test_spf.c $(PUPPET_DNS_SOURCES) $(SCARCE_SOURCES)
%canon_reldir%_test_spf_LDADD = $(PUPPET_DNS_LIBS)
%canon_reldir%_test_spf_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_spf_check_SOURCES = %reldir%/test_spf_check.c $(SPF_LAB) $(SCARCE_SOURCES)
%canon_reldir%_test_spf_check_LDADD = $(SPF_LAB_LDADD)
%canon_reldir%_test_spf_check_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_spf_record_SOURCES = %reldir%/test_spf_record.c \
	policy/dns/worker/record.c policy/dns/worker/record.h $(SCARCE_SOURCES)
%canon_reldir%_test_spf_record_LDADD = policy/dns/libdns.la $(LDADD)
%canon_reldir%_test_spf_record_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_spf_wire_LDADD = policy/dns/libdns.la $(LDADD)

# a detector under hand-made mail, and under much
DETECTOR_LAB = %reldir%/detector_lab.c %reldir%/detector_lab.h \
	%reldir%/sim/rng.c %reldir%/sim/rng.h
%canon_reldir%_test_detector_SOURCES = %reldir%/test_detector.c $(DETECTOR_LAB)
%canon_reldir%_test_detector_examples_SOURCES = %reldir%/test_detector_examples.c \
	%reldir%/sim/rng.c %reldir%/sim/rng.h
%canon_reldir%_test_detector_form_SOURCES = %reldir%/test_detector_form.c \
	%reldir%/sim/rng.c %reldir%/sim/rng.h
%canon_reldir%_test_standing_SOURCES = %reldir%/test_standing.c $(DETECTOR_LAB)
%canon_reldir%_test_sim_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS)
%canon_reldir%_test_sim_SOURCES = %reldir%/test_sim.c $(ROWS_SOURCES) $(SIM_SOURCES)
%canon_reldir%_test_sim_LDADD = $(LDADD) $(ZLIB_LIBS)

# of those about milter/; where a fake libmilter stands in, the real is left out
DAEMON_LDADD = milter/libdaemon.la $(LDADD) $(SODIUM_LIBS)
DIALOG_SOURCES = %reldir%/dialog.c %reldir%/dialog.h \
	%reldir%/fake_milter.c %reldir%/fake_milter.h
%canon_reldir%_test_alias_LDADD = $(DAEMON_LDADD)
# a DNS server; with it go PUPPET_DNS_LIBS
PUPPET_DNS_SOURCES = %reldir%/puppet_dns.c %reldir%/puppet_dns.h
PUPPET_DNS_LIBS = policy/dns/libdns.la $(LDADD) $(SODIUM_LIBS)
%canon_reldir%_test_answers_SOURCES = %reldir%/test_answers.c $(SCARCE_SOURCES)
%canon_reldir%_test_answers_LDADD = policy/dns/libdns.la $(LDADD)
%canon_reldir%_test_answers_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
# no resolver: the test answers
%canon_reldir%_test_dnsbl_SOURCES = %reldir%/test_dnsbl.c $(SCARCE_SOURCES)
%canon_reldir%_test_dnsbl_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_dnsbl_LDADD = $(PUPPET_DNS_LIBS)
%canon_reldir%_test_gate_LDADD = policy/dns/libdns.la $(LDADD)
%canon_reldir%_test_resolver_SOURCES = %reldir%/test_resolver.c $(PUPPET_DNS_SOURCES) $(SCARCE_SOURCES)
%canon_reldir%_test_resolver_LDADD = $(PUPPET_DNS_LIBS)
%canon_reldir%_test_resolver_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK) -Wl,--wrap=ub_resolve_async
STUB_SOURCES = %reldir%/stub.c %reldir%/stub.h
%canon_reldir%_test_notice_SOURCES = %reldir%/test_notice.c $(STUB_SOURCES) $(SCARCE_SOURCES)
%canon_reldir%_test_notice_LDADD = $(DAEMON_LDADD) $(CURL_LIBS)
%canon_reldir%_test_notice_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_notice_letter_SOURCES = %reldir%/test_notice_letter.c $(SCARCE_SOURCES)
%canon_reldir%_test_notice_letter_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_notice_letter_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_notice_post_SOURCES = %reldir%/test_notice_post.c $(STUB_SOURCES)
%canon_reldir%_test_notice_post_LDADD = $(DAEMON_LDADD) $(CURL_LIBS)
%canon_reldir%_test_detect_SOURCES = %reldir%/test_detect.c \
	%reldir%/detect_lab.c %reldir%/detect_lab.h $(SCARCE_SOURCES)
%canon_reldir%_test_detect_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_detect_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_detect_queue_SOURCES = %reldir%/test_detect_queue.c $(SCARCE_SOURCES)
%canon_reldir%_test_detect_queue_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_detect_queue_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_callbacks_judge_SOURCES = %reldir%/test_callbacks_judge.c $(DIALOG_SOURCES)
%canon_reldir%_test_callbacks_judge_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_callbacks_judge_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=detect_note,--wrap=detect_note_held \
	-Wl,--wrap=detect_hashes,--wrap=detect_frozen
%canon_reldir%_test_flag_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_hashes_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_heading_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_lookup_SOURCES = %reldir%/test_lookup.c $(PUPPET_DNS_SOURCES) $(SCARCE_SOURCES)
%canon_reldir%_test_lookup_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_lookup_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK) -Wl,--wrap=resolvconf_read
%canon_reldir%_test_callbacks_look_SOURCES = %reldir%/test_callbacks_look.c $(DIALOG_SOURCES)
%canon_reldir%_test_callbacks_look_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_callbacks_look_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=lookup_begin,--wrap=lookup_read,--wrap=lookup_next \
	-Wl,--wrap=lookup_end,--wrap=lookup_put_off \
	-Wl,--wrap=detect_note,--wrap=detect_hashes,--wrap=detect_frozen
%canon_reldir%_test_history_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_metrics_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_picture_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_top_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_callbacks_SOURCES = %reldir%/test_callbacks.c $(DIALOG_SOURCES)
%canon_reldir%_test_callbacks_LDADD = $(DAEMON_LDADD)
API_BENCH = %reldir%/api_bench.c %reldir%/api_bench.h
%canon_reldir%_test_api_handlers_SOURCES = %reldir%/test_api_handlers.c $(API_BENCH)
%canon_reldir%_test_api_zombies_SOURCES = %reldir%/test_api_zombies.c $(API_BENCH) $(STUB_SOURCES)
%canon_reldir%_test_api_zombies_LDADD = $(DAEMON_LDADD) $(MILTER_LIBS) $(JANSSON_LIBS)
%canon_reldir%_test_api_handlers_LDADD = $(DAEMON_LDADD) $(MILTER_LIBS) $(JANSSON_LIBS)
%canon_reldir%_test_denials_LDADD = $(LDADD) $(SODIUM_LIBS)
%canon_reldir%_test_change_SOURCES = %reldir%/test_change.c $(SCARCE_SOURCES)
%canon_reldir%_test_change_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_change_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_outbox_SOURCES = %reldir%/test_outbox.c
%canon_reldir%_test_outbox_LDADD = $(DAEMON_LDADD)

%canon_reldir%_test_held_SOURCES = %reldir%/test_held.c $(SCARCE_SOURCES)
%canon_reldir%_test_held_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_held_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_clerk_SOURCES = %reldir%/test_clerk.c $(SCARCE_SOURCES) \
	%reldir%/faulty_disk.c %reldir%/faulty_disk.h
%canon_reldir%_test_clerk_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_clerk_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK) \
	-Wl,--wrap=clerk_share_act,--wrap=clerk_share_unact \
	-Wl,--wrap=clerk_share_acts,--wrap=clerk_share_decision \
	-Wl,--wrap=clerk_share_audit,--wrap=clerk_share_top \
	-Wl,--wrap=store_board_fields,--wrap=store_board_put \
	-Wl,--wrap=store_board_remove,--wrap=clerk_share_change_now \
	-Wl,--wrap=store_redis_shadow
%canon_reldir%_test_counts_nomem_SOURCES = %reldir%/test_counts_nomem.c $(SCARCE_SOURCES)
%canon_reldir%_test_counts_nomem_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_counts_nomem_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_crowd_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_decision_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_diary_SOURCES = %reldir%/test_diary.c $(SCARCE_SOURCES) \
	%reldir%/faulty_disk.c %reldir%/faulty_disk.h
%canon_reldir%_test_diary_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_diary_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_journal_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_notify_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_move_SOURCES = %reldir%/test_move.c $(LAB_SOURCES)
%canon_reldir%_test_move_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_progress_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_reload_SOURCES = %reldir%/test_reload.c $(DIALOG_SOURCES)
%canon_reldir%_test_reload_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_maillog_LDADD = ctl/libctl.la $(LDADD)
%canon_reldir%_test_replay_SOURCES = %reldir%/test_replay.c $(SCARCE_SOURCES)
%canon_reldir%_test_replay_LDADD = ctl/libctl.la $(LDADD) $(JANSSON_LIBS) $(ZLIB_LIBS)
%canon_reldir%_test_replay_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_abuse_SOURCES = %reldir%/test_abuse.c $(SCARCE_SOURCES)
%canon_reldir%_test_abuse_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_listed_SOURCES = %reldir%/test_listed.c $(PUPPET_DNS_SOURCES) $(SCARCE_SOURCES)
%canon_reldir%_test_listed_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_relay_SOURCES = %reldir%/test_relay.c $(SCARCE_SOURCES)
%canon_reldir%_test_relay_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_report_SOURCES = %reldir%/test_report.c $(SCARCE_SOURCES)
%canon_reldir%_test_report_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_reply_SOURCES = %reldir%/test_reply.c \
	%reldir%/fake_milter.c %reldir%/fake_milter.h
%canon_reldir%_test_reply_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_api_call_SOURCES = %reldir%/test_api_call.c \
	%reldir%/fake_milter.c %reldir%/fake_milter.h
%canon_reldir%_test_api_call_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_ears_SOURCES = %reldir%/test_ears.c $(DIALOG_SOURCES)
%canon_reldir%_test_ears_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_peer_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_self_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_sights_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_status_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_socket_LDADD = $(DAEMON_LDADD) $(MILTER_LIBS)

# the scripts, on a server of their own
SCRIPT_LAB = %reldir%/script_lab.c %reldir%/script_lab.h \
	%reldir%/redis_farm.c %reldir%/redis_farm.h
%canon_reldir%_test_redis_model_SOURCES = %reldir%/test_redis_model.c $(SCRIPT_LAB)
%canon_reldir%_test_redis_script_SOURCES = %reldir%/test_redis_script.c $(SCRIPT_LAB)

# the stores: what they must all do, and the embedded one's files
LAB_SOURCES = %reldir%/store_lab.c %reldir%/store_lab.h
REDIS_LAB_SOURCES = $(LAB_SOURCES) %reldir%/redis_lab.c %reldir%/redis_lab.h \
	%reldir%/redis_farm.c %reldir%/redis_farm.h
FILES_SOURCES = $(LAB_SOURCES) %reldir%/store_files.c %reldir%/store_files.h
%canon_reldir%_test_redis_away_SOURCES = %reldir%/test_redis_away.c $(REDIS_LAB_SOURCES)
%canon_reldir%_test_clerk_share_SOURCES = %reldir%/test_clerk_share.c $(REDIS_LAB_SOURCES)
%canon_reldir%_test_clerk_share_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_detect_redis_SOURCES = %reldir%/test_detect_redis.c \
	%reldir%/detect_lab.c %reldir%/detect_lab.h $(REDIS_LAB_SOURCES)
%canon_reldir%_test_detect_redis_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_redis_board_SOURCES = %reldir%/test_redis_board.c $(REDIS_LAB_SOURCES)
%canon_reldir%_test_redis_store_SOURCES = %reldir%/test_redis_store.c $(REDIS_LAB_SOURCES)
%canon_reldir%_test_store_SOURCES = %reldir%/test_store.c $(REDIS_LAB_SOURCES)
%canon_reldir%_test_store_crowd_SOURCES = %reldir%/test_store_crowd.c $(REDIS_LAB_SOURCES)
%canon_reldir%_test_store_damage_SOURCES = %reldir%/test_store_damage.c $(FILES_SOURCES)
%canon_reldir%_test_store_damage_LDADD = $(LDADD) $(SQLITE_LIBS)
%canon_reldir%_test_store_disk_SOURCES = %reldir%/test_store_disk.c $(FILES_SOURCES) \
	%reldir%/faulty_disk.c %reldir%/faulty_disk.h
%canon_reldir%_test_store_disk_LDADD = $(LDADD) $(SQLITE_LIBS)
%canon_reldir%_test_store_kill_SOURCES = %reldir%/test_store_kill.c $(LAB_SOURCES)
%canon_reldir%_test_store_model_SOURCES = %reldir%/test_store_model.c $(REDIS_LAB_SOURCES)
%canon_reldir%_test_store_nomem_SOURCES = %reldir%/test_store_nomem.c $(FILES_SOURCES) $(SCARCE_SOURCES)
%canon_reldir%_test_store_nomem_LDADD = $(LDADD) $(SQLITE_LIBS)
%canon_reldir%_test_store_nomem_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK)
%canon_reldir%_test_store_records_SOURCES = %reldir%/test_store_records.c $(REDIS_LAB_SOURCES)
%canon_reldir%_test_store_shares_SOURCES = %reldir%/test_store_shares.c $(LAB_SOURCES)
%canon_reldir%_test_store_sqlite_SOURCES = %reldir%/test_store_sqlite.c $(FILES_SOURCES)
%canon_reldir%_test_store_sqlite_LDADD = $(LDADD) $(SQLITE_LIBS)

# the pages
%canon_reldir%_test_chart_LDADD = $(DAEMON_LDADD) $(JANSSON_LIBS)
%canon_reldir%_test_markup_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_markup_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc
%canon_reldir%_test_page_LDADD = $(DAEMON_LDADD) $(JANSSON_LIBS)

# prints the pages of the daemon from answers in a file
check_PROGRAMS += %reldir%/page_render
%canon_reldir%_page_render_SOURCES = %reldir%/page_render.c
%canon_reldir%_page_render_LDADD = $(DAEMON_LDADD) $(JANSSON_LIBS)

# real servers
FARM_SOURCES = %reldir%/redis_farm.c %reldir%/redis_farm.h
%canon_reldir%_test_redis_check_SOURCES = %reldir%/test_redis_check.c $(FARM_SOURCES)
NODES_SOURCES = $(FARM_SOURCES) %reldir%/nodes_lab.c %reldir%/nodes_lab.h
%canon_reldir%_test_redis_cluster_SOURCES = %reldir%/test_redis_cluster.c $(NODES_SOURCES)
%canon_reldir%_test_redis_nodes_SOURCES = %reldir%/test_redis_nodes.c $(NODES_SOURCES)
%canon_reldir%_test_redis_sentinel_SOURCES = %reldir%/test_redis_sentinel.c $(NODES_SOURCES)

%canon_reldir%_test_redis_link_SOURCES = %reldir%/test_redis_link.c $(SCARCE_SOURCES) \
	%reldir%/redis_puppet.c %reldir%/redis_puppet.h
%canon_reldir%_test_redis_link_LDFLAGS = $(AM_LDFLAGS) $(SCARCE_LINK) -Wl,--wrap=getaddrinfo

%canon_reldir%_test_redis_reach_SOURCES = %reldir%/test_redis_reach.c $(FARM_SOURCES)

# the daemon with clocks that a test steps
check_PROGRAMS += %reldir%/mortsafe-stepped
%canon_reldir%_mortsafe_stepped_SOURCES = milter/main.c %reldir%/stepped_clock.c
%canon_reldir%_mortsafe_stepped_LDADD = milter/libdaemon.la policy/store/libstore.la \
	policy/libpolicy.la $(MILTER_LIBS) $(SODIUM_LIBS)
# the same clock for a program that is not ours; no sanitizer of ours is in it
check_DATA = %reldir%/wall_clock.so
%reldir%/wall_clock.so: %D%/wall_clock.c
	$(AM_V_CC)$(CC) -O2 -shared -fPIC -o $@ $(srcdir)/%reldir%/wall_clock.c
CLEANFILES += %reldir%/wall_clock.so
EXTRA_DIST += %reldir%/wall_clock.c
check_PROGRAMS += %reldir%/mortsafe-unending
%canon_reldir%_mortsafe_unending_SOURCES = milter/main.c %reldir%/unending.c
%canon_reldir%_mortsafe_unending_LDADD = milter/libdaemon.la policy/store/libstore.la \
	policy/libpolicy.la $(MILTER_LIBS) $(SODIUM_LIBS)

noinst_HEADERS = %reldir%/heard.h %reldir%/printed.h %reldir%/seal.h %reldir%/unit.h

SCRIPT_TESTS = \
	%reldir%/test_arrows.sh \
	%reldir%/test_browser.py \
	%reldir%/test_leave.py
TESTS += $(SCRIPT_TESTS)

# real Postfix, real Sendmail, private and on loopback; these want root
E2E_TESTS = \
	%reldir%/e2e/t_answers.py \
	%reldir%/e2e/t_ctl.py \
	%reldir%/e2e/t_api.py \
	%reldir%/e2e/t_daemon.py \
	%reldir%/e2e/t_dnsbl.py \
	%reldir%/e2e/t_doctor_postfix.py \
	%reldir%/e2e/t_doctor_sendmail.py \
	%reldir%/e2e/t_fleet.py \
	%reldir%/e2e/t_fleet_desk.py \
	%reldir%/e2e/t_held_postfix.py \
	%reldir%/e2e/t_held_sendmail.py \
	%reldir%/e2e/t_limits_postfix.py \
	%reldir%/e2e/t_limits_sendmail.py \
	%reldir%/e2e/t_listed.py \
	%reldir%/e2e/t_local.py \
	%reldir%/e2e/t_notice.py \
	%reldir%/e2e/t_page.py \
	%reldir%/e2e/t_ports.py \
	%reldir%/e2e/t_protocol.py \
	%reldir%/e2e/t_proxy_test.py \
	%reldir%/e2e/t_redis_postfix.py \
	%reldir%/e2e/t_relay_postfix.py \
	%reldir%/e2e/t_relay_sendmail.py \
	%reldir%/e2e/t_report.py \
	%reldir%/e2e/t_relay_test.py \
	%reldir%/e2e/t_rolling.py \
	%reldir%/e2e/t_routing_postfix.py \
	%reldir%/e2e/t_routing_sendmail.py \
	%reldir%/e2e/t_spf_postfix.py \
	%reldir%/e2e/t_spf_sendmail.py \
	%reldir%/e2e/t_tools.py \
	%reldir%/e2e/t_traps.py \
	%reldir%/e2e/t_zombie_fleet.py \
	%reldir%/e2e/t_zombie_peace.py \
	%reldir%/e2e/t_zombie_postfix.py \
	%reldir%/e2e/t_zombie_sendmail.py
TESTS += $(E2E_TESTS)
EXTRA_DIST += $(SCRIPT_TESTS) $(E2E_TESTS) %reldir%/tsan.supp %reldir%/check %reldir%/demo %reldir%/e2e %reldir%/page \
	%reldir%/data %reldir%/scenario %reldir%/schema %reldir%/fuzz/seeds

include %D%/ctl/local.mk
include %D%/fuzz/local.mk
include %D%/bench/local.mk
include %D%/fault/local.mk
include %D%/sim/local.mk

# for test/check, which plays the ones side by side and the others in turn
list-side-by-side:
	@echo $(filter-out $(E2E_TESTS) $(FAULT_TESTS),$(TESTS))
list-in-turn:
	@echo $(E2E_TESTS) $(FAULT_TESTS)
.PHONY: list-side-by-side list-in-turn
