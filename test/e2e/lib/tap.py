# SPDX-License-Identifier: BSD-2-Clause
"""Results as TAP: one line per check, the plan at the end, 0 or 1 as exit status."""
import os
import sys
import time
import traceback

_count = 0
_failed = []


def diag(text):
    for line in str(text).splitlines():
        print('# ' + line, flush=True)


def ok(passed, name, /, **seen):
    """One check; what was SEEN is shown when it fails."""
    global _count
    _count += 1
    name = ''.join(c if 32 <= ord(c) < 127 else '?' for c in name).replace('#', r'\#')
    print('%sok %d - %s' % ('' if passed else 'not ', _count, name), flush=True)
    if not passed:
        _failed.append(name)
        for key, value in seen.items():
            diag('  %s: %s' % (key, value))
    return bool(passed)


def equal(got, want, name, /, **seen):
    return ok(got == want, name, got=got, want=want, **seen)


def starts(got, want, name, /, **seen):
    """Does the reply GOT begin with WANT, as in '550 5.7.1'?"""
    return ok(str(got).startswith(want), name, got=got, want=want, **seen)


def skip(name, why):
    global _count
    _count += 1
    print('ok %d - %s # SKIP %s' % (_count, name, why), flush=True)


def run(*tests):
    """Run each test function; what it raises is a failed check of its name."""
    only = sys.argv[1:]
    for test in tests:
        if only and test.__name__ not in only:
            continue
        diag('-- ' + (test.__doc__ or test.__name__).strip().splitlines()[0])
        began = time.monotonic()
        try:
            test()
        except Exception:  # whatever went wrong, the other tests still count
            ok(False, '%s came to its end' % test.__name__,
               raised=traceback.format_exc())
        diag('   %.1f s' % (time.monotonic() - began))


def finish():
    print('1..%d' % _count)
    for name in _failed:
        diag('failed: ' + name)
    place = sys.modules.get('place')
    if place:  # what it began holds our output open, on which others wait
        place.leave()
    sys.stdout.flush()
    os._exit(1 if _failed or not _count else 0)
