# SPDX-License-Identifier: BSD-2-Clause
"""What all parts of test/bench/run share: configurations, the programs that are
measured and how they are started, loaded and stopped."""
import contextlib
import json
import os
import pwd
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

RUN_AS = "nobody"
TICK = os.sysconf("SC_CLK_TCK")
# OPTNEG: version 6, actions 0x1ff, steps 0x1fffff, as Postfix offers
OFFER = struct.pack(">IcIII", 13, b"O", 6, 0x1FF, 0x1FFFFF)

BASE = """\
mode = enforce
socket = local:{dir}/mortsafe.sock
socket_mode = 0666
domains local {{ list = example.org }}
users {{ fold = yes default_domain = example.org }}
limit message {{ off = yes }}
{store}
api {{ socket = {dir}/api.sock }}
log {{ to = stderr level = info }}
"""
EMBEDDED = "store {{ type = embedded path = {dir}/store }}"
ROOMY = "store {{ type = embedded path = {dir}/store memory = 4G }}"
MEMORY = "store {{ type = memory }}"
# raised out of reach, not taken away: they are counted all the same
DEFAULTS = """\
limit burst { key = user count = messages rate = 1000000/1m }
limit user { key = user count = external rate = 1000000/1h, 1000000/1d }
limit user_all { key = user count = recipients rate = 1000000/1h, 1000000/1d }
limit user_bad { key = user count = bad_recipients rate = 1000000/1h, 1000000/1d }
"""
LIMITS = DEFAULTS + """\
limit c { key = client count = external rate = 1000000/1h }
limit p { key = prefix count = recipients rate = 1000000/1h }
limit u { key = user count = external rate = 1000000/1h }
"""
THREE_WINDOWS = DEFAULTS + """\
limit s { key = sender count = recipients rate = 1000000/1m, 1000000/1h, 1000000/1d }
"""
LOGINS = ["-p", "587", "-D", "MSA", "-s", "-C", "1000", "-U", "1000"]
STRANGERS = ["-p", "25", "-C", "1000", "-f", "example.net", "-d", "example.org"]


class Failed(Exception):
    """A row could not be measured; its text says why."""


def thousands(n):
    return format(n, ",")


# ---- programs ----

def find(build, *names):
    for name in names:
        path = os.path.join(build, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return None


class Daemon:
    """A milter of ours, started on DIR/NAME.sock and stopped by its pid."""

    def __init__(self, name, argv, where):
        self.name, self.argv, self.dir = name, argv, where
        self.sock = "%s/%s.sock" % (where, name)
        self.log = "%s/%s.log" % (where, name)
        self.identity = {}  # else that of whoever started us
        self.executable = None  # else the first word of ARGV
        self.process = None
        self.start_s = None
        self.wants = None

    def start(self, limit_s=60):
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.argv, executable=self.executable, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, cwd=self.dir, **self.identity)
        while not self.answers():
            if self.process.poll() is not None:
                raise Failed("%s ended with code %s: %s" %
                             (self.name, self.process.returncode, self.last_words()))
            if time.monotonic() - began > limit_s:
                self.stop()
                raise Failed("%s does not answer" % self.name)
            time.sleep(0.002)
        self.start_s = time.monotonic() - began
        return self

    def answers(self):
        """Does it answer a negotiation?"""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            try:
                s.connect(self.sock)
                s.sendall(OFFER)
                self.wants = s.recv(4096)
                s.sendall(struct.pack(">Ic", 1, b"Q"))
            except OSError:
                return False
        return self.wants[4:5] == b"O"

    def events(self):
        """The events and macros that it wants, in its answer to OFFER."""
        return self.wants[13:]

    def last_words(self):
        with open(self.log, errors="replace") as log:
            return " / ".join(log.read().splitlines()[-3:])

    def stop(self, limit_s=120):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("%s did not stop" % self.name) from None

    def cpu_s(self):
        with open("/proc/%d/stat" % self.process.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def meter(self):
        """What a message is to be charged with, as it has added up so far."""
        return {"cpu": self.cpu_s() * 1e6}

    def rss(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024


class Bench:
    def __init__(self, args, work):
        self.args, self.work = args, work
        b = args.build
        self.load = find(b, "test/bench/milterload", "milterload")
        self.floor_bin = find(b, "test/bench/floor", "floor")
        self.micro = find(b, "test/bench/microbench", "microbench")
        self.mortsafe_bin = find(b, "mortsafe", "milter/mortsafe")
        self.as_user = ["-u", RUN_AS] if os.geteuid() == 0 else []
        if not (self.load and self.floor_bin):
            sys.exit("run: no milterload and floor below %s: `make bench-programs`"
                     " first, or name the build folder with --build" % b)

    def folder(self, name):
        path = os.path.join(self.work, name)
        os.mkdir(path, 0o755)
        os.mkdir(path + "/store", 0o700)
        if os.geteuid() == 0:
            who = pwd.getpwnam(RUN_AS)
            os.chown(path + "/store", who.pw_uid, who.pw_gid)
            os.chown(path, who.pw_uid, who.pw_gid)
        return path

    def identity(self):
        """For subprocess: as the user that mortsafe becomes."""
        return {"user": RUN_AS, "extra_groups": []} if os.geteuid() == 0 else {}

    def floor(self, where):
        return Daemon("floor", [self.floor_bin, "local:%s/floor.sock" % where], where)

    def write_conf(self, where, extra, store=EMBEDDED):
        with open(where + "/mortsafe.conf", "w") as f:
            f.write(BASE.format(dir=where, store=store.format(dir=where)) + extra)

    def command(self, where):
        if self.mortsafe_bin is None:
            raise Failed("no mortsafe below %s" % self.args.build)
        return [self.mortsafe_bin, "-f", "-x", where + "/mortsafe.conf"] + self.as_user

    def mortsafe(self, where, extra, store=EMBEDDED):
        self.write_conf(where, extra, store)
        return Daemon("mortsafe", self.command(where), where)

    def loader(self, daemon, *options):
        return subprocess.Popen([self.load, "-j", *options, "local:" + daemon.sock],
                                stdout=subprocess.PIPE, text=True)

    def played(self, loader, daemon):
        """What a loader has found, once it has ended."""
        said = loader.communicate()[0]
        if loader.returncode != 0:
            raise Failed("load on %s: %s" % (daemon.name, said.strip()))
        return json.loads(said)

    def attempt(self, daemon, *options):
        """Load, whatever the answers are."""
        return self.played(self.loader(daemon, *options), daemon)

    def play(self, daemon, *options):
        """Load of which every message must be accepted."""
        result = self.attempt(daemon, *options)
        refused = result["messages"] - result["verdicts"]["accepted"]
        if refused:
            raise Failed("%s did not accept %d of %d messages" %
                         (daemon.name, refused, result["messages"]))
        return result


# ---- by turns ----

def take_turns(bench, pair, options, n):
    """Load both N times by turns; all figures of each turn by daemon."""
    figures = {d.name: [] for d in pair}
    for turn in range(n):
        for d in pair if turn % 2 == 0 else reversed(pair):
            before = d.meter()
            result = bench.play(d, *options)
            count = result["messages"]
            figures[d.name].append({
                "rate": result["rate"], "p50": result["took_us"]["message"]["p50"],
                "p99": result["took_us"]["message"]["p99"],
                "load": result["cpu_s"] * 1e6 / count,
                **{k: (v - before[k]) / count for k, v in d.meter().items()}})
    return figures


class Comparison:
    """A floor and a mortsafe that run already, loaded by turns: medians."""

    def __init__(self, bench, pair, options, turns, seconds):
        for d in pair:
            bench.play(d, *options, "-n", "2000")
        if pair[0].events() != pair[1].events():
            raise Failed("floor asks for other events or macros than mortsafe")
        figures = take_turns(bench, pair, [*options, "-t", str(seconds)], turns)
        self.floor, self.ours = (
            {k: statistics.median(f[k] for f in figures[d.name])
             for k in figures[d.name][0]} for d in pair)
        ratios = [m["rate"] / f["rate"]
                  for m, f in zip(figures["mortsafe"], figures["floor"])]
        self.ratio = "**%.2f** (%.2f to %.2f)" % (
            statistics.median(ratios), min(ratios), max(ratios))

    def by_cpu(self, more=0):
        """The ratio where the cores are full; MORE: of others, a message."""
        return ((self.floor["cpu"] + self.floor["load"]) /
                (self.ours["cpu"] + self.ours["load"] + more))

    def above(self):
        return self.ours["cpu"] - self.floor["cpu"]
