# What the network says: the resolver, SPF, lists.
noinst_LTLIBRARIES += %reldir%/libdns.la
%canon_reldir%_libdns_la_LIBADD = $(UNBOUND_LIBS)
%canon_reldir%_libdns_la_SOURCES = \
	%reldir%/dnsbl.c %reldir%/dnsbl.h \
	%reldir%/gate.c %reldir%/gate.h \
	%reldir%/resolver.c %reldir%/resolver.h \
	%reldir%/spf.c %reldir%/spf.h

# SPF records are read here, and nowhere else: a process without files, network
# and time.
libexec_PROGRAMS += mortsafe-spf
mortsafe_spf_SOURCES = \
	%reldir%/worker/main.c
mortsafe_spf_LDADD = $(SPF2_LIBS) $(SECCOMP_LIBS)
mortsafe_spf_CPPFLAGS = $(AM_CPPFLAGS) $(SECCOMP_CFLAGS)
