# The operator's tool: a client of the daemon's API.
bin_PROGRAMS += mortsafectl
noinst_LTLIBRARIES += %reldir%/libctl.la
%canon_reldir%_libctl_la_LIBADD = policy/dns/libdns.la
%canon_reldir%_libctl_la_SOURCES = \
	%reldir%/abuse.c \
	%reldir%/abuse_letter.c %reldir%/abuse_letter.h \
	%reldir%/abuse_mail.c %reldir%/abuse_mail.h \
	%reldir%/acts.c \
	%reldir%/bar.c %reldir%/bar.h \
	%reldir%/call.c %reldir%/call.h \
	%reldir%/client.c %reldir%/client.h \
	%reldir%/command.c %reldir%/command.h \
	%reldir%/commands.c \
	%reldir%/completion.c \
	%reldir%/display.c %reldir%/display.h \
	%reldir%/doctor/access.c %reldir%/doctor/access.h \
	%reldir%/doctor/certificate.c %reldir%/doctor/certificate.h \
	%reldir%/doctor/checks.c %reldir%/doctor/checks.h \
	%reldir%/doctor/daemon.c \
	%reldir%/doctor/doctor.c \
	%reldir%/doctor/finding.c %reldir%/doctor/finding.h \
	%reldir%/doctor/host.c \
	%reldir%/doctor/net.c \
	%reldir%/doctor/networks.c %reldir%/doctor/networks.h \
	%reldir%/doctor/patient.c %reldir%/doctor/patient.h \
	%reldir%/doctor/postconf.c %reldir%/doctor/postconf.h \
	%reldir%/doctor/postfix.c \
	%reldir%/doctor/recipe.c %reldir%/doctor/recipe.h \
	%reldir%/doctor/sendmail.c \
	%reldir%/doctor/sendmail_cf.c %reldir%/doctor/sendmail_cf.h \
	%reldir%/doctor/setup.c \
	%reldir%/doctor/socket.c %reldir%/doctor/socket.h \
	%reldir%/doctor/words.c %reldir%/doctor/words.h \
	%reldir%/explain.c \
	%reldir%/explain_file.c %reldir%/explain_file.h \
	%reldir%/feedback.c \
	%reldir%/field.c %reldir%/field.h \
	%reldir%/grid.c %reldir%/grid.h \
	%reldir%/held.c %reldir%/held.h \
	%reldir%/help.c %reldir%/help.h \
	%reldir%/listed/catalog.c %reldir%/listed/catalog.h \
	%reldir%/listed/listed.c \
	%reldir%/listed/lists.c %reldir%/listed/lists.h \
	%reldir%/listed/mine.c %reldir%/listed/mine.h \
	%reldir%/listed/nets.c %reldir%/listed/nets.h \
	%reldir%/log.c \
	%reldir%/notices.c %reldir%/notices.h \
	%reldir%/load.c %reldir%/load.h \
	%reldir%/out.c %reldir%/out.h \
	%reldir%/pace.c %reldir%/pace.h \
	%reldir%/privacy.c \
	%reldir%/quarantine.c \
	%reldir%/queue.c %reldir%/queue.h \
	%reldir%/relay/advice.c %reldir%/relay/advice.h \
	%reldir%/relay/letter.c %reldir%/relay/letter.h \
	%reldir%/relay/own.c %reldir%/relay/own.h \
	%reldir%/relay/proxy.c %reldir%/relay/proxy.h \
	%reldir%/relay/proxy_test.c \
	%reldir%/relay/relay.c %reldir%/relay/relay.h \
	%reldir%/relay/relay_test.c \
	%reldir%/relay/script.c %reldir%/relay/script.h \
	%reldir%/relay/smtp.c %reldir%/relay/smtp.h \
	%reldir%/relay/target.c %reldir%/relay/target.h \
	%reldir%/relay/vector.c %reldir%/relay/vector.h \
	%reldir%/relay/conn.c %reldir%/relay/conn.h \
	%reldir%/report.c %reldir%/report.h \
	%reldir%/run.c %reldir%/run.h \
	%reldir%/replay/findings.c %reldir%/replay/findings.h \
	%reldir%/replay/history.c %reldir%/replay/history.h \
	%reldir%/replay/inside.h \
	%reldir%/replay/maillog.c %reldir%/replay/maillog.h \
	%reldir%/replay/postfix.c \
	%reldir%/replay/read.c \
	%reldir%/replay/replay.c \
	%reldir%/replay/run.c %reldir%/replay/run.h \
	%reldir%/replay/sendmail.c \
	%reldir%/replay/strings.c %reldir%/replay/strings.h \
	%reldir%/service.c \
	%reldir%/shell.c %reldir%/shell.h \
	%reldir%/show.c \
	%reldir%/spark.c %reldir%/spark.h \
	%reldir%/standing.c %reldir%/standing.h \
	%reldir%/state.c \
	%reldir%/stats.c \
	%reldir%/top.c \
	%reldir%/url.c %reldir%/url.h \
	%reldir%/when.c %reldir%/when.h \
	%reldir%/why.c \
	%reldir%/would.c \
	%reldir%/zombies.c
%canon_reldir%_libctl_la_CPPFLAGS = $(AM_CPPFLAGS) $(GMIME_CFLAGS)
mortsafectl_SOURCES = %reldir%/main.c
mortsafectl_LDADD = %reldir%/libctl.la policy/store/libstore.la policy/libpolicy.la \
	$(CURL_LIBS) $(JANSSON_LIBS) $(GMIME_LIBS) $(ZLIB_LIBS)

# Completions, as the program that was just built prints them.
bashcompletiondir = $(datadir)/bash-completion/completions
nodist_bashcompletion_DATA = %reldir%/completions/mortsafectl
zshcompletiondir = $(datadir)/zsh/site-functions
nodist_zshcompletion_DATA = %reldir%/completions/_mortsafectl
fishcompletiondir = $(datadir)/fish/vendor_completions.d
nodist_fishcompletion_DATA = %reldir%/completions/mortsafectl.fish
CTL_COMPLETIONS = $(nodist_bashcompletion_DATA) $(nodist_zshcompletion_DATA) \
	$(nodist_fishcompletion_DATA)
CLEANFILES += $(CTL_COMPLETIONS)

%reldir%/completions/mortsafectl: mortsafectl$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./mortsafectl$(EXEEXT) completion bash >$@.tmp && mv $@.tmp $@
%reldir%/completions/_mortsafectl: mortsafectl$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./mortsafectl$(EXEEXT) completion zsh >$@.tmp && mv $@.tmp $@
%reldir%/completions/mortsafectl.fish: mortsafectl$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./mortsafectl$(EXEEXT) completion fish >$@.tmp && mv $@.tmp $@

# the relay test to be run elsewhere is a part of the program
nodist_ctl_libctl_la_SOURCES = %reldir%/relay/body.c
BUILT_SOURCES += %reldir%/relay/body.c
CLEANFILES += %reldir%/relay/body.c %reldir%/relay/body.c-t
EXTRA_DIST += %reldir%/relay/embed.awk %reldir%/relay/outside.sh
%reldir%/relay/body.c: %reldir%/relay/embed.awk %reldir%/relay/outside.sh
	$(AM_V_GEN)$(MKDIR_P) %reldir%/relay && \
	LC_ALL=C $(AWK) -f $(srcdir)/%reldir%/relay/embed.awk \
		$(srcdir)/%reldir%/relay/outside.sh > $@-t && mv $@-t $@
