# Fuzz targets; without --enable-fuzzing they play their seeds as tests.
FUZZ_TARGETS = \
	%reldir%/fuzz_address \
	%reldir%/fuzz_callbacks \
	%reldir%/fuzz_config \
	%reldir%/fuzz_detector \
	%reldir%/fuzz_reply \
	%reldir%/fuzz_report \
	%reldir%/fuzz_request \
	%reldir%/fuzz_resolver \
	%reldir%/fuzz_script \
	%reldir%/fuzz_slots \
	%reldir%/fuzz_spf_record \
	%reldir%/fuzz_spf_wire \
	%reldir%/fuzz_state

check_PROGRAMS += $(FUZZ_TARGETS)

if FUZZING
FUZZ_MAIN =
FUZZ_LINK = -fsanitize=fuzzer
else
FUZZ_MAIN = %reldir%/main.c
FUZZ_LINK =
TESTS += $(FUZZ_TARGETS)
endif

%canon_reldir%_fuzz_address_SOURCES = %reldir%/fuzz_address.c %reldir%/fuzz.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_address_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_config_SOURCES = %reldir%/fuzz_config.c %reldir%/fuzz.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_config_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_callbacks_SOURCES = %reldir%/fuzz_callbacks.c %reldir%/fuzz.h \
	$(DIALOG_SOURCES) $(FUZZ_MAIN)
%canon_reldir%_fuzz_callbacks_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_callbacks_LDADD = $(DAEMON_LDADD)
%canon_reldir%_fuzz_reply_SOURCES = %reldir%/fuzz_reply.c %reldir%/fuzz.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_reply_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_request_SOURCES = %reldir%/fuzz_request.c %reldir%/fuzz.h \
	test/fake_milter.c test/fake_milter.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_request_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_request_LDADD = $(DAEMON_LDADD)
%canon_reldir%_fuzz_resolver_SOURCES = %reldir%/fuzz_resolver.c %reldir%/fuzz.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_resolver_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_resolver_LDADD = policy/dns/libdns.la $(LDADD)
%canon_reldir%_fuzz_slots_SOURCES = %reldir%/fuzz_slots.c %reldir%/fuzz.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_slots_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_spf_wire_SOURCES = %reldir%/fuzz_spf_wire.c %reldir%/fuzz.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_spf_wire_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_spf_wire_LDADD = policy/dns/libdns.la $(LDADD)
%canon_reldir%_fuzz_spf_record_SOURCES = %reldir%/fuzz_spf_record.c %reldir%/fuzz.h \
	$(SPF_LAB) $(FUZZ_MAIN)
%canon_reldir%_fuzz_spf_record_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_spf_record_LDADD = $(SPF_LAB_LDADD)
%canon_reldir%_fuzz_script_SOURCES = %reldir%/fuzz_script.c %reldir%/fuzz.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_script_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_state_SOURCES = %reldir%/fuzz_state.c %reldir%/fuzz.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_state_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_report_SOURCES = %reldir%/fuzz_report.c %reldir%/fuzz.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_report_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
%canon_reldir%_fuzz_report_LDADD = $(CTL_LDADD)
%canon_reldir%_fuzz_detector_SOURCES = %reldir%/fuzz_detector.c %reldir%/fuzz.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_detector_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
