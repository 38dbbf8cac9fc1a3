#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A test program that comes to a bad end takes along what it began: whoever reads its
output waits for nobody."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'e2e', 'lib')
sys.path.insert(0, LIB)
from tap import equal, finish, ok, run, skip

PROGRAM = '''
import subprocess, sys
sys.dont_write_bytecode = True
sys.path.insert(0, %r)
import place, tap
def breaks():
    child = subprocess.Popen(['sleep', '100'])  # which holds our output open
    place.undo(child.kill)
    print('#', place.folder())
    raise RuntimeError
tap.run(breaks)
tap.finish()
''' % LIB
PATIENCE_S = 30


def test_leave():
    """what a test program leaves behind"""
    if os.geteuid() != 0:
        skip('a program that breaks leaves nobody behind', 'only root')
        return
    child = subprocess.Popen([sys.executable, '-c', PROGRAM], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, encoding='utf-8')
    try:
        said, _ = child.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        ok(False, 'a program that breaks leaves nobody behind')
        return
    ok('not ok 1' in said, 'a program that breaks leaves nobody behind', said=said)
    equal(child.returncode, 1, 'and has failed')
    folder = said.split('# /', 1)[1].split()[0]
    ok(not os.path.exists('/' + folder), 'nor its folder', said=said)


run(test_leave)
finish()
