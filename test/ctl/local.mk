# mortsafectl: its units, what it prints, and what it bears.
CTL_LDADD = ctl/libctl.la $(LDADD) $(CURL_LIBS) $(JANSSON_LIBS) \
	$(GMIME_LIBS) $(ZLIB_LIBS)
test_test_abuse_LDADD = $(CTL_LDADD)
test_test_command_LDADD = $(CTL_LDADD)
test_test_display_LDADD = $(CTL_LDADD)
test_test_doctor_LDADD = $(CTL_LDADD)
test_test_listed_LDADD = $(CTL_LDADD) $(SODIUM_LIBS)
test_test_own_LDADD = $(CTL_LDADD)
test_test_proxy_LDADD = $(CTL_LDADD)
test_test_relay_LDADD = $(CTL_LDADD)
test_test_report_LDADD = $(CTL_LDADD)
test_test_run_LDADD = $(CTL_LDADD)
test_test_when_LDADD = $(CTL_LDADD)

check_PROGRAMS += %reldir%/list_commands
%canon_reldir%_list_commands_SOURCES = %reldir%/list_commands.c
%canon_reldir%_list_commands_LDADD = $(CTL_LDADD)

CTL_TESTS = \
	%reldir%/test_broken.py \
	%reldir%/test_ctl_manual.py \
	%reldir%/test_golden.py \
	%reldir%/test_queue.py
TESTS += $(CTL_TESTS)
EXTRA_DIST += $(CTL_TESTS) %reldir%/answers %reldir%/fake_api.py \
	%reldir%/golden %reldir%/tap_ctl.py
