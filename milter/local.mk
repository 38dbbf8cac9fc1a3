# How we are asked and how we answer: the daemon.  All but main.c is a library,
# so that the unit programs can link it to a libmilter of their own.
noinst_LTLIBRARIES += %reldir%/libdaemon.la
%canon_reldir%_libdaemon_la_LIBADD = policy/dns/libdns.la $(JANSSON_LIBS) $(MICROHTTPD_LIBS) $(SQLITE_LIBS) $(CURL_LIBS)
%canon_reldir%_libdaemon_la_SOURCES = \
	%reldir%/api/acts.c \
	%reldir%/api/alias.c %reldir%/api/alias.h \
	%reldir%/api/audit.c \
	%reldir%/api/call.c %reldir%/api/call.h \
	%reldir%/api/changes.c %reldir%/api/changes.h \
	%reldir%/api/data.c \
	%reldir%/api/decisions.c \
	%reldir%/api/desk.c %reldir%/api/desk.h \
	%reldir%/api/explain.c \
	%reldir%/api/feedback.c %reldir%/api/feedback.h \
	%reldir%/api/find.c %reldir%/api/find.h \
	%reldir%/api/gather.c %reldir%/api/gather.h \
	%reldir%/api/grants.c %reldir%/api/grants.h \
	%reldir%/api/handlers.h \
	%reldir%/api/health.c %reldir%/api/health.h \
	%reldir%/api/held.c %reldir%/api/helds.h \
	%reldir%/api/host.c %reldir%/api/host.h \
	%reldir%/api/json.c %reldir%/api/json.h \
	%reldir%/api/judged.c %reldir%/api/judged.h \
	%reldir%/api/links.c %reldir%/api/links.h \
	%reldir%/api/listed.c \
	%reldir%/api/listen.c \
	%reldir%/api/lookups.c \
	%reldir%/api/notices.c \
	%reldir%/api/page.c \
	%reldir%/api/pairs.c %reldir%/api/pairs.h \
	%reldir%/api/peer.c %reldir%/api/peer.h \
	%reldir%/api/pick.c %reldir%/api/pick.h \
	%reldir%/api/release.c \
	%reldir%/api/routes.c %reldir%/api/routes.h \
	%reldir%/api/server.c %reldir%/api/server.h \
	%reldir%/api/seen.c \
	%reldir%/api/service.c \
	%reldir%/api/standing.c \
	%reldir%/api/status.c \
	%reldir%/api/subject.c \
	%reldir%/api/subjects.c \
	%reldir%/api/undo.c \
	%reldir%/api/use.c %reldir%/api/use.h \
	%reldir%/api/when.c \
	%reldir%/api/zombies.c \
	%reldir%/callbacks.c %reldir%/callbacks.h \
	%reldir%/clerk/acts.c %reldir%/clerk/acts.h \
	%reldir%/clerk/board.c %reldir%/clerk/board.h \
	%reldir%/clerk/cases.c %reldir%/clerk/cases.h \
	%reldir%/clerk/clerk.c %reldir%/clerk/clerk.h \
	%reldir%/clerk/forget.c \
	%reldir%/clerk/inside.h \
	%reldir%/clerk/orders.c %reldir%/clerk/orders.h \
	%reldir%/clerk/queue.c %reldir%/clerk/queue.h \
	%reldir%/clerk/share.c \
	%reldir%/clerk/share_cases.c \
	%reldir%/clerk/site.c %reldir%/clerk/site.h \
	%reldir%/clerk/top.c \
	%reldir%/clerk/walk.c %reldir%/clerk/walk.h \
	%reldir%/compat.h \
	%reldir%/connect.c %reldir%/connect.h \
	%reldir%/counts/ears.c %reldir%/counts/ears.h \
	%reldir%/counts/history.c %reldir%/counts/history.h \
	%reldir%/counts/metrics.c %reldir%/counts/metrics.h \
	%reldir%/counts/metrics_inside.h %reldir%/counts/metrics_print.c \
	%reldir%/counts/metrics_lookups.c \
	%reldir%/counts/pack.c %reldir%/counts/pack.h \
	%reldir%/counts/picture.c %reldir%/counts/picture.h \
	%reldir%/counts/picture_inside.h %reldir%/counts/picture_save.c \
	%reldir%/counts/process.c %reldir%/counts/process.h \
	%reldir%/counts/prom.c %reldir%/counts/prom.h \
	%reldir%/counts/ranking.c %reldir%/counts/ranking.h \
	%reldir%/counts/sights.c %reldir%/counts/sights.h \
	%reldir%/counts/top.c %reldir%/counts/top.h \
	%reldir%/crowd.c %reldir%/crowd.h \
	%reldir%/daemon.c %reldir%/daemon.h \
	%reldir%/detach.c %reldir%/detach.h \
	%reldir%/detect/brake.c %reldir%/detect/brake.h \
	%reldir%/detect/detect.c %reldir%/detect/detect.h \
	%reldir%/detect/doubt.c %reldir%/detect/doubt.h \
	%reldir%/detect/flag.c %reldir%/detect/flag.h \
	%reldir%/detect/hashes.c %reldir%/detect/hashes.h \
	%reldir%/detect/inside.h \
	%reldir%/detect/judge.c \
	%reldir%/detect/pass.c \
	%reldir%/detect/queue.c %reldir%/detect/queue.h \
	%reldir%/detect/trail.c %reldir%/detect/trail.h \
	%reldir%/detect/update.c \
	%reldir%/detect/word.c \
	%reldir%/diary/acts.c \
	%reldir%/diary/ask.c \
	%reldir%/diary/change.c %reldir%/diary/change.h \
	%reldir%/diary/decision.c %reldir%/diary/decision.h \
	%reldir%/diary/diary.c %reldir%/diary/diary.h \
	%reldir%/diary/find.c \
	%reldir%/diary/forget.c \
	%reldir%/diary/form.c %reldir%/diary/form.h \
	%reldir%/diary/held.c %reldir%/diary/held.h \
	%reldir%/diary/inside.h \
	%reldir%/diary/json.c \
	%reldir%/diary/layout.c \
	%reldir%/diary/outbox.c %reldir%/diary/outbox.h \
	%reldir%/diary/passed.c %reldir%/diary/passed.h \
	%reldir%/diary/report.c \
	%reldir%/diary/saved.c \
	%reldir%/identity.c %reldir%/identity.h \
	%reldir%/journal.c %reldir%/journal.h \
	%reldir%/line.c %reldir%/line.h \
	%reldir%/lookup/engine.c %reldir%/lookup/engine.h \
	%reldir%/lookup/heading.c %reldir%/lookup/heading.h \
	%reldir%/lookup/look.c %reldir%/lookup/look.h \
	%reldir%/lookup/lookup.c %reldir%/lookup/lookup.h \
	%reldir%/lookup/put_off.c %reldir%/lookup/put_off.h \
	%reldir%/move.c %reldir%/move.h \
	%reldir%/move_line.c %reldir%/move_line.h \
	%reldir%/move_run.c %reldir%/move_run.h \
	%reldir%/negotiate.c %reldir%/negotiate.h \
	%reldir%/notice/check.c \
	%reldir%/notice/code.c %reldir%/notice/code.h \
	%reldir%/notice/addressee.c %reldir%/notice/addressee.h \
	%reldir%/notice/deliver.c %reldir%/notice/deliver.h \
	%reldir%/notice/fleet.c %reldir%/notice/fleet.h \
	%reldir%/notice/hook.c %reldir%/notice/hook.h \
	%reldir%/notice/inside.h \
	%reldir%/notice/letter.c %reldir%/notice/letter.h \
	%reldir%/notice/mime.c %reldir%/notice/mime.h \
	%reldir%/notice/notice.c %reldir%/notice/notice.h \
	%reldir%/notice/post.c %reldir%/notice/post.h \
	%reldir%/notice/queue.c \
	%reldir%/notice/say.c %reldir%/notice/say.h \
	%reldir%/notice/template.c %reldir%/notice/template.h \
	%reldir%/notice/transfer.c %reldir%/notice/transfer.h \
	%reldir%/notify.c %reldir%/notify.h \
	%reldir%/now.c %reldir%/now.h \
	%reldir%/open_store.c %reldir%/open_store.h \
	%reldir%/page/answers.c \
	%reldir%/page/chart.c %reldir%/page/chart.h \
	%reldir%/page/day.c \
	%reldir%/page/deeds.c \
	%reldir%/page/health.c \
	%reldir%/page/judge.c \
	%reldir%/page/lists.c \
	%reldir%/page/markup.c %reldir%/page/markup.h \
	%reldir%/page/page.c %reldir%/page/page.h \
	%reldir%/page/parts.c %reldir%/page/parts.h \
	%reldir%/page/standing.c \
	%reldir%/page/stopped.c \
	%reldir%/page/style.c \
	%reldir%/page/subject.c \
	%reldir%/page/tiles.c \
	%reldir%/page/words.c \
	%reldir%/pidfile.c %reldir%/pidfile.h \
	%reldir%/pool.c %reldir%/pool.h \
	%reldir%/progress.c %reldir%/progress.h \
	%reldir%/quiet.c %reldir%/quiet.h \
	%reldir%/reload.c %reldir%/reload.h \
	%reldir%/reply.c %reldir%/reply.h \
	%reldir%/self.c %reldir%/self.h \
	%reldir%/service.c %reldir%/service.h \
	%reldir%/session.c %reldir%/session.h \
	%reldir%/socket.c %reldir%/socket.h \
	%reldir%/spool.c %reldir%/spool.h \
	%reldir%/stamp.c %reldir%/stamp.h \
	%reldir%/status.c %reldir%/status.h \
	%reldir%/step.c %reldir%/step.h \
	%reldir%/wait.c %reldir%/wait.h

sbin_PROGRAMS += mortsafe
mortsafe_LDADD = %reldir%/libdaemon.la policy/store/libstore.la \
	policy/libpolicy.la $(MILTER_LIBS) $(SODIUM_LIBS)
mortsafe_SOURCES = \
	%reldir%/main.c
