# Where counts and standings live.
noinst_LTLIBRARIES += %reldir%/libstore.la
%canon_reldir%_libstore_la_LIBADD = $(SODIUM_LIBS) $(SQLITE_LIBS)
%canon_reldir%_libstore_la_SOURCES = \
	%reldir%/store.h
