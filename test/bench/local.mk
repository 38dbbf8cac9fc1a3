# Measurements: built by `make bench-programs`, run by test/bench/run.
EXTRA_PROGRAMS += \
	%reldir%/milterload \
	%reldir%/floor \
	%reldir%/microbench \
	%reldir%/spfbench
EXTRA_DIST += %reldir%/run %reldir%/rig.py %reldir%/desk.py %reldir%/fleet.py %reldir%/lookups.py %reldir%/RESULTS.md
CLEANFILES += \
	%reldir%/milterload \
	%reldir%/floor \
	%reldir%/microbench \
	%reldir%/spfbench

%canon_reldir%_milterload_CPPFLAGS = $(AM_CPPFLAGS) $(MILTER_CFLAGS)
%canon_reldir%_milterload_SOURCES = \
	%reldir%/cast.c %reldir%/cast.h \
	%reldir%/endpoint.c %reldir%/endpoint.h \
	%reldir%/frame.c %reldir%/frame.h \
	%reldir%/hist.c %reldir%/hist.h \
	%reldir%/macros.c %reldir%/macros.h \
	%reldir%/milterload.c \
	%reldir%/mta.c %reldir%/mta.h \
	%reldir%/plan.c %reldir%/plan.h \
	%reldir%/score.c %reldir%/score.h

%canon_reldir%_milterload_LDADD =

%canon_reldir%_floor_CPPFLAGS = $(AM_CPPFLAGS) $(MILTER_CFLAGS)
%canon_reldir%_floor_SOURCES = %reldir%/floor.c
%canon_reldir%_floor_LDADD = milter/libdaemon.la $(MILTER_LIBS)

%canon_reldir%_microbench_CPPFLAGS = $(AM_CPPFLAGS) $(SODIUM_CFLAGS) $(SQLITE_CFLAGS)
%canon_reldir%_microbench_SOURCES = %reldir%/microbench.c
%canon_reldir%_microbench_LDADD = policy/store/libstore.la policy/libpolicy.la

%canon_reldir%_spfbench_SOURCES = %reldir%/spfbench.c $(PUPPET_DNS_SOURCES)
%canon_reldir%_spfbench_LDADD = $(PUPPET_DNS_LIBS)

bench-programs: \
	%reldir%/milterload$(EXEEXT) \
	%reldir%/floor$(EXEEXT) \
	%reldir%/microbench$(EXEEXT) \
	%reldir%/spfbench$(EXEEXT)

.PHONY: bench-programs
