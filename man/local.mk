# Manual pages, and what holds them to the program.
dist_man_MANS += \
	%reldir%/mortsafe.8 \
	%reldir%/mortsafe.conf.5 \
	%reldir%/mortsafectl.8 \
	%reldir%/mortsafe-api.7 \
	%reldir%/mortsafe-policy.7

check_PROGRAMS += test/list_options
test_list_options_SOURCES = test/list_options.c
test_list_options_LDADD = policy/libpolicy.la

MANUAL_TESTS = \
	test/test_lint.sh \
	test/test_manual.py
TESTS += $(MANUAL_TESTS)
EXTRA_DIST += $(MANUAL_TESTS)
