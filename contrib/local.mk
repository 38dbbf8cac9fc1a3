# Units, recipes, examples.
dist_doc_DATA = README.md NEWS %reldir%/mortsafe.conf

postfixdocdir = $(docdir)/postfix
dist_postfixdoc_DATA = %reldir%/postfix/main.cf %reldir%/postfix/master.cf
sendmaildocdir = $(docdir)/sendmail
dist_sendmaildoc_DATA = %reldir%/sendmail/mortsafe.mc \
	%reldir%/sendmail/mortsafe.socket.conf
redisdocdir = $(docdir)/redis
dist_redisdoc_DATA = %reldir%/redis/users.acl %reldir%/redis/redis.conf \
	%reldir%/redis/sentinel.conf %reldir%/redis/cluster.txt
prometheusdocdir = $(docdir)/prometheus
dist_prometheusdoc_DATA = %reldir%/prometheus/mortsafe.rules.yml \
	%reldir%/prometheus/prometheus.yml
grafanadocdir = $(docdir)/grafana
dist_grafanadoc_DATA = %reldir%/grafana/mortsafe.json
systemddocdir = $(docdir)/systemd
dist_systemddoc_DATA = %reldir%/systemd/redis.conf

# The starter becomes the configuration where there is none, and goes again if
# nobody has changed it.
CONFIGURATION = $(DESTDIR)$(sysconfdir)/mortsafe/mortsafe.conf

install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(sysconfdir)/mortsafe"
	test -e "$(CONFIGURATION)" || \
		$(INSTALL_DATA) "$(srcdir)/%reldir%/starter.conf" "$(CONFIGURATION)"

uninstall-local:
	! cmp -s "$(srcdir)/%reldir%/starter.conf" "$(CONFIGURATION)" || \
		rm -f "$(CONFIGURATION)"

EXTRA_DIST += %reldir%/status.png %reldir%/starter.conf %reldir%/systemd/mortsafe.service.in
if HAVE_SYSTEMD
dist_systemdsystemunit_DATA = %reldir%/systemd/mortsafe.socket
nodist_systemdsystemunit_DATA = %reldir%/systemd/mortsafe.service
CLEANFILES += %reldir%/systemd/mortsafe.service
sysusersdir = $(prefix)/lib/sysusers.d
dist_sysusers_DATA = %reldir%/sysusers.d/mortsafe.conf
tmpfilesdir = $(prefix)/lib/tmpfiles.d
dist_tmpfiles_DATA = %reldir%/tmpfiles.d/mortsafe.conf

%reldir%/systemd/mortsafe.service: %reldir%/systemd/mortsafe.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %reldir%/systemd && \
		$(SED) 's|@sbindir[@]|$(sbindir)|g' \
			"$(srcdir)/%reldir%/systemd/mortsafe.service.in" >$@.tmp && \
		mv $@.tmp $@
endif

RECIPE_TESTS = test/test_unit.sh test/test_prometheus.py test/test_redis_recipe.py
TESTS += $(RECIPE_TESTS)
EXTRA_DIST += $(RECIPE_TESTS)
