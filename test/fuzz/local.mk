# Fuzz targets; without --enable-fuzzing they play their seeds as tests.
FUZZ_TARGETS = \
	%reldir%/fuzz_address

check_PROGRAMS += $(FUZZ_TARGETS)

if FUZZING
FUZZ_MAIN =
FUZZ_LINK = -fsanitize=fuzzer
else
FUZZ_MAIN = %reldir%/main.c
FUZZ_LINK =
TESTS += $(FUZZ_TARGETS)
endif

%canon_reldir%_fuzz_address_SOURCES = %reldir%/fuzz_address.c %reldir%/fuzz.h $(FUZZ_MAIN)
%canon_reldir%_fuzz_address_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
