# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of mortsafectl share: where it is, how it is run, and TAP."""
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, '..', '..'))
BUILD = os.environ.get('top_builddir') or '.'
CTL = os.path.abspath(os.environ.get('MORTSAFECTL') or os.path.join(BUILD, 'mortsafectl'))

count = failed = 0


def ok(passed, name, *seen):
    global count, failed
    count += 1
    print('%sok %d - %s' % ('' if passed else 'not ', count, name), flush=True)
    if not passed:
        failed += 1
        for one in seen:
            for line in str(one).splitlines():
                print('#   ' + line)


def environment(extra):
    env = {k: v for k, v in os.environ.items()
           if k not in ('LANG', 'LANGUAGE', 'NO_COLOR') and not k.startswith('LC_')}
    env.update({'TZ': 'UTC', 'LC_ALL': 'C.UTF-8', 'COLUMNS': '80'}, **extra)
    return env


def run(arguments, extra={}, **options):
    """mortsafectl with ARGUMENTS, words or a line of them."""
    if isinstance(arguments, str):
        arguments = arguments.split()
    return subprocess.run([CTL] + arguments, env=environment(extra), timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **options)


def end():
    print('1..%d' % count)
    return 1 if failed else 0
