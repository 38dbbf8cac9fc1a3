# One cmocka program per module; scripts that drive the whole daemon.
if HAVE_CMOCKA
UNIT_TESTS = \
	%reldir%/test_address \
	%reldir%/test_callbacks \
	%reldir%/test_config \
	%reldir%/test_config_error \
	%reldir%/test_config_file \
	%reldir%/test_config_include \
	%reldir%/test_config_nomem \
	%reldir%/test_crowd \
	%reldir%/test_domains \
	%reldir%/test_journal \
	%reldir%/test_prefix \
	%reldir%/test_rate \
	%reldir%/test_reply \
	%reldir%/test_scenario \
	%reldir%/test_socket \
	%reldir%/test_table
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

# of every program that names no others
LDADD = policy/store/libstore.la policy/libpolicy.la $(CMOCKA_LIBS)

# of those about milter/; where a fake libmilter stands in, the real is left out
DAEMON_LDADD = milter/libdaemon.la $(LDADD) $(SODIUM_LIBS)
DIALOG_SOURCES = %reldir%/dialog.c %reldir%/dialog.h \
	%reldir%/fake_milter.c %reldir%/fake_milter.h
%canon_reldir%_test_callbacks_SOURCES = %reldir%/test_callbacks.c $(DIALOG_SOURCES)
%canon_reldir%_test_callbacks_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_crowd_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_journal_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_reply_SOURCES = %reldir%/test_reply.c \
	%reldir%/fake_milter.c %reldir%/fake_milter.h
%canon_reldir%_test_reply_LDADD = $(DAEMON_LDADD)
%canon_reldir%_test_socket_LDADD = $(DAEMON_LDADD) $(MILTER_LIBS)

# its allocations fail one after the other
%canon_reldir%_test_config_nomem_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc \
	-Wl,--wrap=reallocarray,--wrap=strdup

noinst_HEADERS = %reldir%/heard.h %reldir%/printed.h %reldir%/unit.h

SCRIPT_TESTS = \
	%reldir%/test_arrows.sh
TESTS += $(SCRIPT_TESTS)

# real Postfix, real Sendmail, private and on loopback; these want root
E2E_TESTS = \
	%reldir%/e2e/t_daemon.py \
	%reldir%/e2e/t_limits_postfix.py \
	%reldir%/e2e/t_limits_sendmail.py \
	%reldir%/e2e/t_local.py \
	%reldir%/e2e/t_ports.py \
	%reldir%/e2e/t_protocol.py \
	%reldir%/e2e/t_relay_postfix.py \
	%reldir%/e2e/t_relay_sendmail.py \
	%reldir%/e2e/t_routing_postfix.py \
	%reldir%/e2e/t_routing_sendmail.py \
	%reldir%/e2e/t_traps.py
TESTS += $(E2E_TESTS)
EXTRA_DIST += $(SCRIPT_TESTS) $(E2E_TESTS) %reldir%/tsan.supp %reldir%/check %reldir%/demo %reldir%/e2e \
	%reldir%/data %reldir%/scenario %reldir%/fuzz/seeds

include %D%/fuzz/local.mk
include %D%/bench/local.mk
