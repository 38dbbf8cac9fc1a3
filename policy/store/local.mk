# Where counts and standings live.
noinst_LTLIBRARIES += %reldir%/libstore.la
%canon_reldir%_libstore_la_LIBADD = $(SODIUM_LIBS) $(SQLITE_LIBS) \
	$(HIREDIS_LIBS) $(OPENSSL_LIBS)
%canon_reldir%_libstore_la_SOURCES = \
	%reldir%/breaker.c %reldir%/breaker.h \
	%reldir%/delta.c %reldir%/delta.h \
	%reldir%/denials.c %reldir%/denials.h \
	%reldir%/fleet.c %reldir%/fleet.h \
	%reldir%/ledger.c %reldir%/ledger.h \
	%reldir%/memory.c %reldir%/memory.h \
	%reldir%/record.c %reldir%/record.h \
	%reldir%/redis.c %reldir%/redis.h \
	%reldir%/redis_call.c %reldir%/redis_call.h \
	%reldir%/redis_check.c %reldir%/redis_check.h \
	%reldir%/redis_codec.c %reldir%/redis_codec.h \
	%reldir%/redis_error.c %reldir%/redis_error.h \
	%reldir%/redis_dial.c %reldir%/redis_dial.h \
	%reldir%/redis_finder.c %reldir%/redis_finder.h \
	%reldir%/redis_core.c %reldir%/redis_core.h \
	%reldir%/redis_keeper.c %reldir%/redis_keeper.h \
	%reldir%/redis_known.c %reldir%/redis_known.h \
	%reldir%/redis_record.c %reldir%/redis_record.h \
	%reldir%/redis_drain.c %reldir%/redis_drain.h \
	%reldir%/redis_standing.c %reldir%/redis_standing.h \
	%reldir%/redis_settle.c %reldir%/redis_settle.h \
	%reldir%/redis_ticket.c %reldir%/redis_ticket.h \
	%reldir%/redis_greeting.c %reldir%/redis_greeting.h \
	%reldir%/redis_link.c %reldir%/redis_link.h \
	%reldir%/redis_link_inside.h %reldir%/redis_link_thread.c \
	%reldir%/redis_listen.c %reldir%/redis_listen.h \
	%reldir%/redis_map.c %reldir%/redis_map.h \
	%reldir%/redis_node.c %reldir%/redis_node.h \
	%reldir%/redis_nodes.c %reldir%/redis_nodes.h \
	%reldir%/redis_script.c %reldir%/redis_script.h \
	%reldir%/redis_slots.c %reldir%/redis_slots.h \
	%reldir%/redis_tls.c %reldir%/redis_tls.h \
	%reldir%/redis_visit.c %reldir%/redis_visit.h \
	%reldir%/redis_watch.c %reldir%/redis_watch.h \
	%reldir%/redis_wire.c %reldir%/redis_wire.h \
	%reldir%/row.c %reldir%/row.h \
	%reldir%/saver.c %reldir%/saver.h \
	%reldir%/shard.c %reldir%/shard.h \
	%reldir%/sitekey.c %reldir%/sitekey.h \
	%reldir%/sqlite.c %reldir%/sqlite.h \
	%reldir%/statedir.c %reldir%/statedir.h \
	%reldir%/statefile.c %reldir%/statefile.h \
	%reldir%/step.c %reldir%/step.h \
	%reldir%/store.c %reldir%/store.h

# the scripts that Redis runs are a part of the library
nodist_%canon_reldir%_libstore_la_SOURCES = %reldir%/redis_lua.c
BUILT_SOURCES += %reldir%/redis_lua.c
CLEANFILES += %reldir%/redis_lua.c %reldir%/redis_lua.c-t
EXTRA_DIST += %reldir%/embed.awk %reldir%/charge.lua %reldir%/change.lua
%reldir%/redis_lua.c: %reldir%/embed.awk %reldir%/charge.lua %reldir%/change.lua
	$(AM_V_GEN)$(MKDIR_P) %reldir% && \
	LC_ALL=C $(AWK) -f $(srcdir)/%reldir%/embed.awk \
		$(srcdir)/%reldir%/charge.lua $(srcdir)/%reldir%/change.lua \
		> $@-t && mv $@-t $@
