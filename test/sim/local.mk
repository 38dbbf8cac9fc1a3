# The detector on made-up mail and on traces: see README.
SIM_SOURCES = \
	%reldir%/attacks.c \
	%reldir%/customers.c \
	%reldir%/play.c %reldir%/play.h \
	%reldir%/rng.c %reldir%/rng.h \
	%reldir%/tally.c %reldir%/tally.h \
	%reldir%/traffic.c %reldir%/traffic.h
ROWS_SOURCES = %reldir%/rows.c %reldir%/rows.h

check_PROGRAMS += \
	%reldir%/figures \
	%reldir%/replay
%canon_reldir%_figures_SOURCES = %reldir%/figures.c $(SIM_SOURCES)
%canon_reldir%_figures_LDADD = policy/libpolicy.la
%canon_reldir%_replay_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS)
%canon_reldir%_replay_SOURCES = %reldir%/replay.c $(ROWS_SOURCES) $(SIM_SOURCES)
%canon_reldir%_replay_LDADD = policy/libpolicy.la $(ZLIB_LIBS)
EXTRA_DIST += %reldir%/README %reldir%/FIGURES.md
