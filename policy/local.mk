# The rules: pure.  Arrows point into this folder, never out of it.
noinst_LTLIBRARIES += %reldir%/libpolicy.la
%canon_reldir%_libpolicy_la_LIBADD = $(SODIUM_LIBS) $(IDN2_LIBS)
%canon_reldir%_libpolicy_la_SOURCES = \
	%reldir%/address.c %reldir%/address.h \
	%reldir%/charge.h \
	%reldir%/clock.h \
	%reldir%/err.c %reldir%/err.h \
	%reldir%/limit.c %reldir%/limit.h \
	%reldir%/nettree.c %reldir%/nettree.h \
	%reldir%/policy.c %reldir%/policy.h \
	%reldir%/prefix.c %reldir%/prefix.h \
	%reldir%/relay.c %reldir%/relay.h \
	%reldir%/ruling.c %reldir%/ruling.h \
	%reldir%/scene.c %reldir%/scene.h \
	%reldir%/subject.c %reldir%/subject.h \
	%reldir%/verdict.c %reldir%/verdict.h
