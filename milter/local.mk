# How we are asked and how we answer: the daemon.
sbin_PROGRAMS += mortsafe
mortsafe_LDADD = policy/store/libstore.la policy/libpolicy.la $(MILTER_LIBS)
mortsafe_SOURCES = \
	%reldir%/main.c
