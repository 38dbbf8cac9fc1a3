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
firewalldocdir = $(docdir)/firewall
dist_firewalldoc_DATA = %reldir%/firewall/router.nft \
	%reldir%/firewall/bridge.nft %reldir%/firewall/host.nft
systemddocdir = $(docdir)/systemd
dist_systemddoc_DATA = %reldir%/systemd/redis.conf %reldir%/systemd/webhook.conf \
	%reldir%/systemd/resolver.conf

# What `mortsafectl listed' knows of public DNS lists.
dist_pkgdata_DATA = %reldir%/lists

# The letters of `notice', a folder a language, and a leaflet to hand out.
notices_dedir = $(pkgdatadir)/notices/de
dist_notices_de_DATA = \
	%reldir%/notices/de/leaflet.txt \
	%reldir%/notices/de/postmaster.txt \
	%reldir%/notices/de/quarantined.txt \
	%reldir%/notices/de/released.txt \
	%reldir%/notices/de/report-customer.txt \
	%reldir%/notices/de/report-provider.txt \
	%reldir%/notices/de/report-words.txt \
	%reldir%/notices/de/throttled.txt \
	%reldir%/notices/de/words.txt
notices_endir = $(pkgdatadir)/notices/en
dist_notices_en_DATA = \
	%reldir%/notices/en/leaflet.txt \
	%reldir%/notices/en/postmaster.txt \
	%reldir%/notices/en/quarantined.txt \
	%reldir%/notices/en/released.txt \
	%reldir%/notices/en/report-customer.txt \
	%reldir%/notices/en/report-provider.txt \
	%reldir%/notices/en/report-words.txt \
	%reldir%/notices/en/throttled.txt \
	%reldir%/notices/en/words.txt
notices_esdir = $(pkgdatadir)/notices/es
dist_notices_es_DATA = \
	%reldir%/notices/es/leaflet.txt \
	%reldir%/notices/es/postmaster.txt \
	%reldir%/notices/es/quarantined.txt \
	%reldir%/notices/es/released.txt \
	%reldir%/notices/es/report-customer.txt \
	%reldir%/notices/es/report-provider.txt \
	%reldir%/notices/es/report-words.txt \
	%reldir%/notices/es/throttled.txt \
	%reldir%/notices/es/words.txt
notices_frdir = $(pkgdatadir)/notices/fr
dist_notices_fr_DATA = \
	%reldir%/notices/fr/leaflet.txt \
	%reldir%/notices/fr/postmaster.txt \
	%reldir%/notices/fr/quarantined.txt \
	%reldir%/notices/fr/released.txt \
	%reldir%/notices/fr/report-customer.txt \
	%reldir%/notices/fr/report-provider.txt \
	%reldir%/notices/fr/report-words.txt \
	%reldir%/notices/fr/throttled.txt \
	%reldir%/notices/fr/words.txt
notices_itdir = $(pkgdatadir)/notices/it
dist_notices_it_DATA = \
	%reldir%/notices/it/leaflet.txt \
	%reldir%/notices/it/postmaster.txt \
	%reldir%/notices/it/quarantined.txt \
	%reldir%/notices/it/released.txt \
	%reldir%/notices/it/report-customer.txt \
	%reldir%/notices/it/report-provider.txt \
	%reldir%/notices/it/report-words.txt \
	%reldir%/notices/it/throttled.txt \
	%reldir%/notices/it/words.txt
notices_nldir = $(pkgdatadir)/notices/nl
dist_notices_nl_DATA = \
	%reldir%/notices/nl/leaflet.txt \
	%reldir%/notices/nl/postmaster.txt \
	%reldir%/notices/nl/quarantined.txt \
	%reldir%/notices/nl/released.txt \
	%reldir%/notices/nl/report-customer.txt \
	%reldir%/notices/nl/report-provider.txt \
	%reldir%/notices/nl/report-words.txt \
	%reldir%/notices/nl/throttled.txt \
	%reldir%/notices/nl/words.txt
notices_pldir = $(pkgdatadir)/notices/pl
dist_notices_pl_DATA = \
	%reldir%/notices/pl/leaflet.txt \
	%reldir%/notices/pl/postmaster.txt \
	%reldir%/notices/pl/quarantined.txt \
	%reldir%/notices/pl/released.txt \
	%reldir%/notices/pl/report-customer.txt \
	%reldir%/notices/pl/report-provider.txt \
	%reldir%/notices/pl/report-words.txt \
	%reldir%/notices/pl/throttled.txt \
	%reldir%/notices/pl/words.txt
notices_ptdir = $(pkgdatadir)/notices/pt
dist_notices_pt_DATA = \
	%reldir%/notices/pt/leaflet.txt \
	%reldir%/notices/pt/postmaster.txt \
	%reldir%/notices/pt/quarantined.txt \
	%reldir%/notices/pt/released.txt \
	%reldir%/notices/pt/report-customer.txt \
	%reldir%/notices/pt/report-provider.txt \
	%reldir%/notices/pt/report-words.txt \
	%reldir%/notices/pt/throttled.txt \
	%reldir%/notices/pt/words.txt

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

RECIPE_TESTS = test/test_unit.sh test/test_prometheus.py test/test_redis_recipe.py \
	test/test_firewall.py test/test_leaflet.py
TESTS += $(RECIPE_TESTS)
EXTRA_DIST += $(RECIPE_TESTS)
