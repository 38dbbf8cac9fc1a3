# SPDX-License-Identifier: BSD-2-Clause
"""Where a test program lives: a folder, ports of its own, and processes it must end.

Environment, for all test programs here:
    MORTSAFE               the program to be tested (else the one in this folder, or in the source tree)
    MORTSAFE_USER          whom it becomes (nobody)
    MORTSAFE_E2E_ROOT      where mail servers are unpacked (/var/cache/mortsafe-e2e)
    MORTSAFE_E2E_KEEP=1    leave the folder with logs, configurations and queues
    MORTSAFE_E2E_STOP=1    stop each mortsafe in good order, for sanitizers that speak at exit
    MORTSAFE_E2E_SEED      for other random recipients than those of seed 1
    MORTSAFE_E2E_SESSIONS  how many sessions t_protocol.py opens and closes (2000)
An argument is the name of the one test to run.
"""
import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

if os.geteuid() != 0:
    print('1..0 # SKIP only root can start a mail server')
    sys.exit(0)

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_held = []        # sockets that keep a port's number ours
_undo = []        # what ends things, newest last
_folder = None


def _public():
    """A folder for temporary files that every user may search, with a name that leaves
    room for those of sockets below it."""
    for name in tempfile.gettempdir(), '/tmp', '/var/tmp':
        parts = [name]
        while parts[-1] != '/':
            parts.append(os.path.dirname(parts[-1]))
        if len(name) < 40 and all(os.stat(p).st_mode & 1 for p in parts):
            return name
    raise RuntimeError('no folder for temporary files that every user may search')


def folder():
    """The program's own folder, which every user may search."""
    global _folder
    if _folder is None:
        _folder = tempfile.mkdtemp(prefix='mortsafe-e2e-', dir=_public())
        os.chmod(_folder, 0o755)
        undo(_clean)
    return _folder


def path(*parts):
    return os.path.join(folder(), *parts)


def _clean():
    if os.environ.get('MORTSAFE_E2E_KEEP'):
        print('# kept: ' + _folder)
    else:
        shutil.rmtree(_folder, ignore_errors=True)


def write(name, text, mode=0o644):
    with open(path(name), 'w') as out:
        out.write(text)
    os.chmod(path(name), mode)
    return path(name)


def undo(function):
    _undo.append(function)


def leave():
    while _undo:
        try:
            _undo.pop()()
        except Exception as e:  # the next thing must be ended all the same
            print('# while ending: %r' % e)


atexit.register(leave)
for _signal in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(_signal, lambda *_: (leave(), os._exit(70)))


def _has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(('::1', 0))
        return True
    except OSError:
        return False


IPV6 = _has_ipv6()


def _loopbacks():
    yield socket.AF_INET, '127.0.0.1'
    if IPV6:
        yield socket.AF_INET6, '::1'


def port():
    """A free loopback port.  An abstract socket of that number keeps other test
    programs off it; it lies below the ports that the kernel gives to clients."""
    while True:
        number = random.randrange(20000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind('\0mortsafe-e2e-%d' % number)
            for family, host in _loopbacks():
                with socket.socket(family) as probe:
                    probe.bind((host, number))
        except OSError:
            claim.close()
            continue
        _held.append(claim)
        return number


def listening(number):
    """Asked of the kernel: a trial connection would be a session."""
    end = ':%04X' % number
    for name in '/proc/net/tcp', '/proc/net/tcp6':
        with open(name) as table:
            for line in table:
                field = line.split()
                if field[1].endswith(end) and field[3] == '0A':
                    return True
    return False


def until(condition, what, seconds=10):
    """Wait until CONDITION() is true and return that, or fail."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError('waited %s s for: %s' % (seconds, what))
        time.sleep(0.01)


def call(*command, **how):
    """Run a command that must succeed; returns what it printed."""
    done = subprocess.run(command, stdin=how.pop('stdin', subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          errors='replace', **how)
    if done.returncode:
        raise RuntimeError('%s: exit %d: %s%s' % (' '.join(command), done.returncode,
                                                 done.stdout, done.stderr))
    return done.stdout


def mortsafe_path():
    top = os.path.join(HERE, '..', '..')
    found = os.environ.get('MORTSAFE')
    for name in [found] if found else ['mortsafe', top + '/mortsafe', top + '/build/mortsafe']:
        if os.access(name, os.X_OK):
            return os.path.abspath(name)
    sys.exit('no mortsafe: build it, or say MORTSAFE=/its/path')
