# The rules: pure.  Arrows point into this folder, never out of it.
noinst_LTLIBRARIES += %reldir%/libpolicy.la
%canon_reldir%_libpolicy_la_LIBADD = $(SODIUM_LIBS) $(IDN2_LIBS)
%canon_reldir%_libpolicy_la_SOURCES = \
	%reldir%/acts.c %reldir%/acts.h \
	%reldir%/address.c %reldir%/address.h \
	%reldir%/arena.c %reldir%/arena.h \
	%reldir%/charge.h \
	%reldir%/clock.h \
	%reldir%/config.c %reldir%/config.h \
	%reldir%/config_build.c %reldir%/config_build.h \
	%reldir%/config_check.c \
	%reldir%/config_dns.c \
	%reldir%/config_diff.c \
	%reldir%/config_files.c \
	%reldir%/config_include.c %reldir%/config_include.h \
	%reldir%/config_limit.c \
	%reldir%/config_list.c \
	%reldir%/config_notice.c \
	%reldir%/config_parse.c %reldir%/config_parse.h \
	%reldir%/config_print.c \
	%reldir%/config_refer.c \
	%reldir%/config_socket.c \
	%reldir%/config_store.c \
	%reldir%/config_text.c %reldir%/config_text.h \
	%reldir%/config_value.c \
	%reldir%/config_warn.c \
	%reldir%/config_zombie.c \
	%reldir%/contact.c %reldir%/contact.h \
	%reldir%/date.c %reldir%/date.h \
	%reldir%/detector/cusum.c %reldir%/detector/cusum.h \
	%reldir%/detector/detector.c %reldir%/detector/detector.h \
	%reldir%/detector/evidence.c %reldir%/detector/evidence.h \
	%reldir%/detector/form.c \
	%reldir%/detector/judge.h \
	%reldir%/detector/known.c %reldir%/detector/known.h \
	%reldir%/detector/standing.c \
	%reldir%/domains.c %reldir%/domains.h \
	%reldir%/endpoint.c %reldir%/endpoint.h \
	%reldir%/err.c %reldir%/err.h \
	%reldir%/excess.c %reldir%/excess.h \
	%reldir%/explain.c %reldir%/explain.h \
	%reldir%/explain_limits.c \
	%reldir%/explain_lookups.c \
	%reldir%/explain_say.c %reldir%/explain_say.h \
	%reldir%/explain_session.c \
	%reldir%/explain_zombies.c \
	%reldir%/guess.c %reldir%/guess.h \
	%reldir%/letters.c %reldir%/letters.h \
	%reldir%/lexer.c %reldir%/lexer.h \
	%reldir%/limit.c %reldir%/limit.h \
	%reldir%/listmask.c %reldir%/listmask.h \
	%reldir%/lookups.c %reldir%/lookups.h \
	%reldir%/lookups_said.c \
	%reldir%/names.c %reldir%/names.h \
	%reldir%/needs.c %reldir%/needs.h \
	%reldir%/nettree.c %reldir%/nettree.h \
	%reldir%/notes.c %reldir%/notes.h \
	%reldir%/option.c %reldir%/option.h %reldir%/option_block.h \
	%reldir%/plain.c %reldir%/plain.h \
	%reldir%/policy.c %reldir%/policy.h \
	%reldir%/prefix.c %reldir%/prefix.h \
	%reldir%/quarantine.c %reldir%/quarantine.h \
	%reldir%/rate.c %reldir%/rate.h \
	%reldir%/reading.c %reldir%/reading.h \
	%reldir%/relay.c %reldir%/relay.h \
	%reldir%/ruling.c %reldir%/ruling.h \
	%reldir%/scene.c %reldir%/scene.h \
	%reldir%/subject.c %reldir%/subject.h \
	%reldir%/table.c %reldir%/table.h \
	%reldir%/textfile.c %reldir%/textfile.h \
	%reldir%/verdict.c %reldir%/verdict.h \
	%reldir%/window.c %reldir%/window.h \
	%reldir%/zombie.c %reldir%/zombie.h
