# Faults of the shared store: a proxy that has them, and their matrix; of the DNS.
check_PROGRAMS += %reldir%/proxy
%canon_reldir%_proxy_SOURCES = %reldir%/proxy.c
%canon_reldir%_proxy_LDADD =

FAULT_TESTS = %reldir%/t_dns.py %reldir%/t_faults.py %reldir%/t_zombies.py
TESTS += $(FAULT_TESTS)
EXTRA_DIST += $(FAULT_TESTS) %reldir%/matrix.py %reldir%/standin.py

# all rows, some twenty minutes
faults: check-programs
	$(PYTHON3) $(srcdir)/test/fault/matrix.py

check-programs: $(check_PROGRAMS) $(check_DATA) all

.PHONY: faults check-programs
