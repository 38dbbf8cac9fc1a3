# Where counts and standings live.
noinst_LTLIBRARIES += %reldir%/libstore.la
%canon_reldir%_libstore_la_LIBADD = $(SODIUM_LIBS) $(SQLITE_LIBS) \
	$(HIREDIS_LIBS) $(OPENSSL_LIBS)
%canon_reldir%_libstore_la_SOURCES = \
	%reldir%/denials.c %reldir%/denials.h \
	%reldir%/ledger.c %reldir%/ledger.h \
	%reldir%/memory.c %reldir%/memory.h \
	%reldir%/record.c %reldir%/record.h \
	%reldir%/redis.c %reldir%/redis.h \
	%reldir%/row.c %reldir%/row.h \
	%reldir%/saver.c %reldir%/saver.h \
	%reldir%/shard.c %reldir%/shard.h \
	%reldir%/sitekey.c %reldir%/sitekey.h \
	%reldir%/sqlfile.c %reldir%/sqlfile.h \
	%reldir%/sqlite.c %reldir%/sqlite.h \
	%reldir%/statedir.c %reldir%/statedir.h \
	%reldir%/statefile.c %reldir%/statefile.h \
	%reldir%/step.c %reldir%/step.h \
	%reldir%/store.c %reldir%/store.h
