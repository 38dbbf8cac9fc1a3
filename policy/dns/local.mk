# What the network says: the resolver, SPF, lists.
noinst_LTLIBRARIES += %reldir%/libdns.la
%canon_reldir%_libdns_la_LIBADD = $(UNBOUND_LIBS)
%canon_reldir%_libdns_la_SOURCES = \
	%reldir%/answers.c %reldir%/answers.h \
	%reldir%/dnsbl.c %reldir%/dnsbl.h \
	%reldir%/gate.c %reldir%/gate.h \
	%reldir%/resolvconf.c %reldir%/resolvconf.h \
	%reldir%/resolver.c %reldir%/resolver.h \
	%reldir%/spf.c %reldir%/spf.h \
	%reldir%/spf_check.c %reldir%/spf_check.h \
	%reldir%/spf_process.c %reldir%/spf_process.h \
	%reldir%/spf_wire.c %reldir%/spf_wire.h \
	%reldir%/unbound.c %reldir%/unbound.h

# SPF records are read here, and nowhere else: a process without files, network
# and time.
SPF_JUDGE = \
	%reldir%/spf_wire.c %reldir%/spf_wire.h \
	%reldir%/worker/judge.c %reldir%/worker/judge.h \
	%reldir%/worker/macro.c %reldir%/worker/macro.h \
	%reldir%/worker/name.c %reldir%/worker/name.h \
	%reldir%/worker/record.c %reldir%/worker/record.h
libexec_PROGRAMS += mortsafe-spf
mortsafe_spf_SOURCES = $(SPF_JUDGE) \
	%reldir%/worker/main.c \
	%reldir%/worker/sandbox.c %reldir%/worker/sandbox.h
mortsafe_spf_LDADD = $(SPF2_LIBS) $(SECCOMP_LIBS)
mortsafe_spf_CPPFLAGS = $(AM_CPPFLAGS) $(SECCOMP_CFLAGS)
