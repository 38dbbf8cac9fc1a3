# How we are asked and how we answer: the daemon.  All but main.c is a library,
# so that the unit programs can link it to a libmilter of their own.
noinst_LTLIBRARIES += %reldir%/libdaemon.la
%canon_reldir%_libdaemon_la_LIBADD = $(JANSSON_LIBS) $(MICROHTTPD_LIBS) $(SQLITE_LIBS)
%canon_reldir%_libdaemon_la_SOURCES = \
	%reldir%/alias.c %reldir%/alias.h \
	%reldir%/api.c %reldir%/api.h \
	%reldir%/api_acts.c \
	%reldir%/api_call.c %reldir%/api_call.h \
	%reldir%/api_decisions.c \
	%reldir%/api_explain.c \
	%reldir%/api_handlers.h \
	%reldir%/api_page.c \
	%reldir%/api_routes.c %reldir%/api_routes.h \
	%reldir%/api_service.c \
	%reldir%/api_subjects.c \
	%reldir%/callbacks.c %reldir%/callbacks.h \
	%reldir%/chart.c %reldir%/chart.h \
	%reldir%/clerk.c %reldir%/clerk.h \
	%reldir%/clerk_share.c \
	%reldir%/compat.h \
	%reldir%/connect.c %reldir%/connect.h \
	%reldir%/crowd.c %reldir%/crowd.h \
	%reldir%/daemon.c %reldir%/daemon.h \
	%reldir%/decision.c %reldir%/decision.h \
	%reldir%/desk.h \
	%reldir%/detach.c %reldir%/detach.h \
	%reldir%/diary.c %reldir%/diary.h \
	%reldir%/diary_acts.c \
	%reldir%/history.c %reldir%/history.h \
	%reldir%/identity.c %reldir%/identity.h \
	%reldir%/journal.c %reldir%/journal.h \
	%reldir%/line.c %reldir%/line.h \
	%reldir%/markup.c %reldir%/markup.h \
	%reldir%/metrics.c %reldir%/metrics.h \
	%reldir%/move.c %reldir%/move.h \
	%reldir%/move_line.c %reldir%/move_line.h \
	%reldir%/move_run.c %reldir%/move_run.h \
	%reldir%/negotiate.c %reldir%/negotiate.h \
	%reldir%/notify.c %reldir%/notify.h \
	%reldir%/now.c %reldir%/now.h \
	%reldir%/open_store.c %reldir%/open_store.h \
	%reldir%/page.c %reldir%/page.h \
	%reldir%/page_subject.c \
	%reldir%/peer.c %reldir%/peer.h \
	%reldir%/picture.c %reldir%/picture.h \
	%reldir%/pidfile.c %reldir%/pidfile.h \
	%reldir%/pool.c %reldir%/pool.h \
	%reldir%/quiet.c %reldir%/quiet.h \
	%reldir%/reload.c %reldir%/reload.h \
	%reldir%/reply.c %reldir%/reply.h \
	%reldir%/self.c %reldir%/self.h \
	%reldir%/service.c %reldir%/service.h \
	%reldir%/session.c %reldir%/session.h \
	%reldir%/socket.c %reldir%/socket.h \
	%reldir%/spool.c %reldir%/spool.h \
	%reldir%/status.c %reldir%/status.h \
	%reldir%/step.c %reldir%/step.h \
	%reldir%/top.c %reldir%/top.h

sbin_PROGRAMS += mortsafe
mortsafe_LDADD = %reldir%/libdaemon.la policy/store/libstore.la \
	policy/libpolicy.la $(MILTER_LIBS) $(SODIUM_LIBS)
mortsafe_SOURCES = \
	%reldir%/main.c
