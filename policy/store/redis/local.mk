# The store that a fleet shares: a part of policy/store/libstore.la.
policy_store_libstore_la_SOURCES += \
	%reldir%/board.c %reldir%/board.h \
	%reldir%/breaker.c %reldir%/breaker.h \
	%reldir%/call.c %reldir%/call.h \
	%reldir%/check.c %reldir%/check.h \
	%reldir%/codec.c %reldir%/codec.h \
	%reldir%/core.c %reldir%/core.h \
	%reldir%/delta.c %reldir%/delta.h \
	%reldir%/dial.c %reldir%/dial.h \
	%reldir%/drain.c %reldir%/drain.h \
	%reldir%/error.c %reldir%/error.h \
	%reldir%/finder.c %reldir%/finder.h \
	%reldir%/fleet.c %reldir%/fleet.h \
	%reldir%/greeting.c %reldir%/greeting.h \
	%reldir%/keeper.c %reldir%/keeper.h \
	%reldir%/known.c %reldir%/known.h \
	%reldir%/link.c %reldir%/link.h \
	%reldir%/link_inside.h \
	%reldir%/link_thread.c \
	%reldir%/listen.c %reldir%/listen.h \
	%reldir%/map.c %reldir%/map.h \
	%reldir%/node.c %reldir%/node.h \
	%reldir%/nodes.c %reldir%/nodes.h \
	%reldir%/record.c %reldir%/record.h \
	%reldir%/script.c %reldir%/script.h \
	%reldir%/settle.c %reldir%/settle.h \
	%reldir%/slots.c %reldir%/slots.h \
	%reldir%/standing.c %reldir%/standing.h \
	%reldir%/ticket.c %reldir%/ticket.h \
	%reldir%/tls.c %reldir%/tls.h \
	%reldir%/visit.c %reldir%/visit.h \
	%reldir%/watch.c %reldir%/watch.h \
	%reldir%/wire.c %reldir%/wire.h

# the scripts that Redis runs are a part of the library
nodist_policy_store_libstore_la_SOURCES = %reldir%/lua.c
BUILT_SOURCES += %reldir%/lua.c
CLEANFILES += %reldir%/lua.c %reldir%/lua.c-t
REDIS_LUA = %reldir%/charge.lua %reldir%/change.lua %reldir%/board.lua
EXTRA_DIST += %reldir%/embed.awk $(REDIS_LUA)
%reldir%/lua.c: %reldir%/embed.awk $(REDIS_LUA)
	$(AM_V_GEN)$(MKDIR_P) %reldir% && \
	LC_ALL=C $(AWK) -f $(srcdir)/%reldir%/embed.awk \
		$(srcdir)/%reldir%/charge.lua $(srcdir)/%reldir%/change.lua \
		$(srcdir)/%reldir%/board.lua > $@-t && mv $@-t $@
