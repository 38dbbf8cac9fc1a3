# The operator's tool: a client of the daemon's API.
bin_PROGRAMS += mortsafectl
mortsafectl_SOURCES = \
	%reldir%/main.c
mortsafectl_LDADD = policy/libpolicy.la $(CURL_LIBS) $(JANSSON_LIBS)
