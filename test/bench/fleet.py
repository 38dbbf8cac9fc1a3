# SPDX-License-Identifier: BSD-2-Clause
"""The part of test/bench/run about the store that a fleet shares: what a Redis on
the same cores costs, what a flood costs it, and what its absence costs the mail."""
import contextlib
import math
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import time

from rig import (DEFAULTS, LOGINS, OFFER, STRANGERS, THREE_WINDOWS, Comparison, Daemon,
                 Failed, thousands)

TURNS, SECONDS = 4, 2  # at most: this part is to be short
HEAD = ["32 connections, default limits, Redis on a Unix socket, log to a file",
        "floor, messages/s", "mortsafe, messages/s", "ratio (at least 0.50)",
        "ratio by processor time, Redis here / elsewhere", "mortsafe p50 / p99, µs",
        "above the floor, CPU µs/message (at most 60)", "Redis, CPU µs/message",
        "commands a message (at most 4)", "waits a message (at most 2)",
        "bytes a message to / from Redis"]
ROWS = (("logins on 587, 1 message a connection", 1, LOGINS),
        ("logins on 587, 10 messages a connection", 10, LOGINS),
        ("strangers on 25, 1 message a connection", 1, STRANGERS),
        ("strangers on 25, 10 messages a connection", 10, STRANGERS))
MAIL_S, SUBJECTS = 50000, 10000000  # the fleet that figures are made up for
BUSY = 0.6  # of a core, at most, in planning
# OPTNEG's answer: a step that is not wanted
NO_HELO = 0x02


# ---- Redis ----

def server():
    """Debian's redis-tools is enough: its redis-check-rdb is the server."""
    path = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    if path is None:
        raise Failed("no redis-server and no redis-check-rdb")
    return path


def version():
    try:
        said = subprocess.run(["redis-server", "--version"], executable=server(),
                              capture_output=True, text=True, check=False).stdout
    except Failed:
        return "no Redis"
    found = re.search(r"v=(\S+)", said)
    return "Redis " + (found.group(1) if found else "of an unknown version")


class Redis(Daemon):
    """A server of our own in folder WHERE, on a Unix socket, nothing on disk."""

    def __init__(self, where, identity):
        conf = where + "/redis.conf"
        super().__init__("redis", ["redis-server", conf], where)
        self.executable, self.identity, self.link = server(), identity, None
        with open(conf, "w") as f:
            f.write("port 0\nunixsocket %s\nunixsocketperm 777\nsave \"\"\n"
                    "appendonly no\ndaemonize no\ndir %s\nloglevel warning\n"
                    % (self.sock, where))

    def answers(self):
        try:
            return self.ask("PING") == "PONG"
        except OSError:
            return False

    def ask(self, *words):
        if self.link is None:
            with contextlib.ExitStack() as stack:
                s = stack.enter_context(socket.socket(socket.AF_UNIX))
                s.settimeout(5)
                s.connect(self.sock)
                self.link = s.makefile("rwb")
        self.link.write(b"*%d\r\n" % len(words))
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            self.link.write(b"$%d\r\n%s\r\n" % (len(word), word))
        self.link.flush()
        return self.reply()

    def reply(self):
        line = self.link.readline()
        if line[:1] in (b"+", b"-"):
            return line[1:-2].decode()
        n = int(line[1:])
        if line[:1] == b"*":
            return [self.reply() for _ in range(n)]
        if line[:1] == b"$":
            return self.link.read(n + 2)[:-2] if n >= 0 else None
        return n

    def info(self, section):
        text = self.ask("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def evalsha(self):
        found = re.match(r"calls=(\d+)",
                         self.info("commandstats").get("cmdstat_evalsha", ""))
        return int(found.group(1)) if found else 0

    def meter(self):
        cpu, stats = self.info("cpu"), self.info("stats")
        return {"redis": (float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])) * 1e6,
                "bytes_in": int(stats["total_net_input_bytes"]),
                "bytes_out": int(stats["total_net_output_bytes"])}

    def used(self):
        return int(self.info("memory")["used_memory"])

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self, limit_s=120):
        if self.process is not None and self.process.poll() is None:
            self.go_on()
        super().stop(limit_s)


class Host(Daemon):
    """A mortsafe that has its counts in a Redis."""

    def __init__(self, argv, where, redis):
        super().__init__("mortsafe", argv, where)
        self.redis = redis

    def start(self, limit_s=60):
        super().start(limit_s)
        self.wait_up()
        return self

    def said(self, since):
        with open(self.log, errors="replace") as log:
            log.seek(since)
            return log.read()

    def here(self):
        return os.path.getsize(self.log)

    def line(self, since, pattern, limit_s=5):
        """The first line of the log behind SINCE that PATTERN fits; it may take time."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            found = re.search("^.*%s.*\n" % pattern, self.said(since), re.M)
            if found:
                return found.group(0)
            time.sleep(0.001)
        raise Failed("%s does not log %s" % (self.name, pattern))

    def counts(self):
        """What it tells on SIGUSR2 of its store and of itself, by name."""
        since = self.here()
        self.process.send_signal(signal.SIGUSR2)
        told = [self.line(since, "store: type="), self.line(since, "counts: ")]
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", " ".join(told))}

    def meter(self):
        counts = self.counts()
        return {**super().meter(), **self.redis.meter(),
                **{k: counts[k] for k in ("waits", "commands")}}

    def is_up(self):
        """Does the store decide?  One message tells."""
        since = self.here()
        with Session(self.sock, "probe@example.org") as session:
            session.mail()
            session.end()
        return "store=local" not in self.line(since, "user=probe@example.org")

    def wait_up(self, limit_s=10):
        began = time.monotonic()
        while not self.is_up():
            if time.monotonic() - began > limit_s:
                raise Failed("the store does not come into use: " + self.last_words())
            time.sleep(0.005)
        return time.monotonic() - began


def make_host(bench, redis, where, extra, key):
    store = ("store {{ type = redis  url = unix:%s  path = {dir}/store }}\n"
             "privacy {{ key_file = %s }}" % (redis.sock, key))
    bench.write_conf(where, extra, store)
    return Host(bench.command(where), where, redis)


@contextlib.contextmanager
def fleet(bench, name, extra, n=1):
    """A Redis and N hosts, all running; with a Host for each."""
    where = bench.folder(name)
    key = where + "/site.key"
    made = subprocess.run([bench.mortsafe_bin or "mortsafe", *bench.as_user, "--make-key", key],
                          capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Failed("mortsafe --make-key: " + made.stderr.strip())
    with contextlib.ExitStack() as stack:
        redis = Redis(where, bench.identity())
        stack.callback(redis.stop)
        redis.start()
        hosts = [make_host(bench, redis, bench.folder("%s-%d" % (name, i)), extra, key)
                 for i in range(n)]
        for host in hosts:
            stack.callback(host.stop)
            host.start()
        yield redis, hosts


# ---- a mail server that can be led by the hand ----

class Session:
    """A session of a login, as Postfix would have it, on a milter's socket."""

    def __init__(self, path, user, client="192.0.2.9"):
        self.user, self.buf = user, b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.socket.sendall(OFFER)
        _, answer = self.answer()
        flags = struct.unpack(">I", answer[8:12])[0]
        self.tell(b"C", b"host.example\0004" + struct.pack(">H", 40000) +
                  client.encode() + b"\0",
                  j="mx.example.org", _="host.example [%s]" % client, daemon_name="MSA",
                  daemon_port="587", client_addr=client)
        self.answer()
        if not flags & NO_HELO:
            self.tell(b"H", b"host.example\0", tls_version="TLSv1.3")
            self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def tell(self, command, data=b"", **macros):
        pairs = b"".join(b"%s\0%s\0" % ((k if len(k) == 1 else "{%s}" % k).encode(),
                                        v.encode()) for k, v in macros.items())
        out = b""
        if macros:
            out = struct.pack(">I", len(pairs) + 2) + b"D" + command + pairs
        self.socket.sendall(out + struct.pack(">I", len(data) + 1) + command + data)

    def answer(self):
        """Its command and its data; what only asks for patience is passed over."""
        while True:
            while len(self.buf) < 4 or len(self.buf) < 4 + struct.unpack(
                    ">I", self.buf[:4])[0]:
                got = self.socket.recv(4096)
                if not got:
                    raise Failed("the milter hung up")
                self.buf += got
            end = 4 + struct.unpack(">I", self.buf[:4])[0]
            command, data, self.buf = self.buf[4:5], self.buf[5:end], self.buf[end:]
            if command != b"p":
                return command, data

    def ask_mail(self):
        self.tell(b"M", b"<%s>\0" % self.user.encode(), tls_version="TLSv1.3",
                  auth_type="PLAIN", auth_authen=self.user, mail_addr=self.user)

    def ask_rcpt(self):
        self.tell(b"R", b"<friend@example.com>\0", rcpt_addr="friend@example.com",
                  rcpt_host="example.com")

    def mail(self):
        """A message up to its recipient; the answer to the last word."""
        self.ask_mail()
        said = self.answer()
        if said[0] == b"c":
            self.ask_rcpt()
            said = self.answer()
        return said

    def end(self):
        self.tell(b"E", b"", i="4BENCH")
        return self.answer()


def in_step(sessions, ask):
    """Have all ask at once; how long the last one waits, in seconds."""
    began = time.monotonic()
    for session in sessions:
        ask(session)
    waiting = {s.socket: s for s in sessions}
    while waiting:
        ready = select.select(list(waiting), [], [], 20)[0]
        if not ready:
            raise Failed("%d sessions have no answer after 20 s" % len(waiting))
        for one in ready:
            waiting.pop(one).answer()
    return time.monotonic() - began


# ---- rows ----

measured = {}  # what a message and a subject cost, for follows()


def turns(bench):
    return min(bench.args.turns, TURNS), min(bench.args.seconds, SECONDS)


def throughput(bench, row):
    title, per_connection, who = row
    name = "redis-" + re.sub(r"\W+", "-", title)
    with fleet(bench, name, DEFAULTS) as (redis, hosts):
        with contextlib.ExitStack() as stack:
            floor = bench.floor(redis.dir)
            stack.callback(floor.stop)
            floor.start()
            c = Comparison(bench, [floor, hosts[0]],
                           ["-c", "32", "-m", str(per_connection), *who], *turns(bench))
        check_all_shared(hosts[0])
    ours = c.ours
    if row is ROWS[0]:
        measured.update(ours)
    return [[
        title, "%.0f" % c.floor["rate"], "%.0f" % ours["rate"], c.ratio,
        "%.2f / %.2f" % (c.by_cpu(ours["redis"]), c.by_cpu()),
        "%.0f / %.0f" % (ours["p50"], ours["p99"]), "%.0f" % c.above(),
        "%.0f" % ours["redis"], "%.2f" % ours["commands"], "%.2f" % ours["waits"],
        "%.0f / %.0f" % (ours["bytes_in"], ours["bytes_out"])]]


def check_all_shared(host):
    """Figures of a store that was away would say nothing."""
    local = host.said(0).count("store=local")
    if local > 5:  # it may still have been on its way up
        raise Failed("%d decisions were made without the store" % local)


def subject(bench):
    """What a subject with three windows takes in Redis."""
    n = 2000 if bench.args.quick else 20000
    with fleet(bench, "redis-subject", THREE_WINDOWS) as (redis, hosts):
        # all logins first: they are subjects, too
        bench.play(hosts[0], "-n", "2000", "-m", "100", "-S", "1", "-o", *LOGINS)
        time.sleep(1)
        before = redis.used(), redis.ask("DBSIZE")
        bench.play(hosts[0], "-n", str(n), "-m", "100", "-S", str(n), "-o", *LOGINS)
        time.sleep(1)
        after = redis.used(), redis.ask("DBSIZE")
        keys = [k for k in redis.ask("SCAN", 0, "COUNT", 2000)[1]
                if redis.ask("TYPE", k) == "hash" and redis.ask("HLEN", k) == 4]
        if not keys:
            raise Failed("no subject has three windows")
        first = max(redis.ask("MEMORY", "USAGE", k, "SAMPLES", 0) for k in keys)
        second = max(redis.ask("MEMORY", "USAGE", k + b":d", "SAMPLES", 0) or 0
                     for k in keys)
        form = ", ".join(sorted({redis.ask("OBJECT", "ENCODING", k).decode()
                                 for k in keys}))
    measured["subject"] = (after[0] - before[0]) / n
    return [["memory a subject with three windows in Redis, MEMORY USAGE of its two keys",
             "%d + %d bytes" % (first, second), "under 400 + name"],
            ["... how its hash is kept", form, "listpack"],
            ["... of all Redis uses, %s subjects, %.1f keys each"
             % (thousands(n), (after[1] - before[1]) / n),
             "%.0f bytes" % measured["subject"], ""]]


def follows(_):
    """What one Redis, and a Cluster, can carry by these figures."""
    if "redis" not in measured:
        raise Failed("the first row was not measured")
    cpu, ours = measured["redis"], measured
    rows = [["a Redis on a machine of its own, one core at %.0f %%" % (BUSY * 100),
             "%s messages/s" % thousands(int(BUSY * 1e6 / cpu)), ""],
            ["%s messages/s: masters of a Cluster" % thousands(MAIL_S),
             "%d" % math.ceil(MAIL_S * cpu / 1e6 / BUSY), ""],
            ["... and their network, to and from all of them",
             "%.0f and %.0f Mbit/s" % (MAIL_S * ours["bytes_in"] * 8 / 1e6,
                                       MAIL_S * ours["bytes_out"] * 8 / 1e6), ""]]
    if "subject" in measured:
        rows.append(["%s subjects: memory of all masters together" % thousands(SUBJECTS),
                     "%.1f GB" % (SUBJECTS * measured["subject"] / 1e9), ""])
    return rows


def hosts(bench):
    """Three hosts, 200 sessions, one login: is its limit one number?"""
    limit = 1000
    extra = DEFAULTS + ("limit total { key = user  count = recipients  rate = %d/1h }\n"
                        % limit)
    with fleet(bench, "redis-hosts", extra, 3) as (_, daemons):
        who = [*LOGINS[:-1], "1"]
        loaders = [(bench.loader(d, "-c", str(c), "-m", "5", "-n", "700", *who), d)
                   for d, c in zip(daemons, (67, 67, 66))]
        sums = [bench.played(*one)["recipients"]["accepted"] for one in loaders]
    return [["recipients let through by three hosts, 200 sessions of one login, limit %s"
             % thousands(limit),
             "%s (%s)" % (thousands(sum(sums)), " + ".join(map(str, sums))), "1,000"]]


REFUSED = DEFAULTS.replace("rate = 1000000/1m", "rate = 30/1m") + (
    "limit crowd { key = client  count = connections  rate = 30/1m\n"
    "              in = strangers  on = mx  mode = enforce }\n")
FLOODS = (
    ("a login over its limit, 100 messages a session", 100, [*LOGINS[:-1], "1"], "below 0.1"),
    ("the same, 1 message a session", 1, [*LOGINS[:-1], "1"], "at most 1"),
    ("a client over a fleet's limit on connections", 1,
     ["-p", "25", "-C", "1", "-f", "example.net", "-d", "example.org"], "below 0.1"))


def floods(bench):
    """Commands that refused mail costs Redis."""
    rows = []
    for i, (title, per_connection, who, figure) in enumerate(FLOODS):
        with fleet(bench, "redis-flood-%d" % i, REFUSED) as (redis, daemons):
            play = ["-c", "32", "-m", str(per_connection)]
            bench.attempt(daemons[0], *play, "-n", "200", *who)
            before = redis.evalsha()
            result = bench.attempt(daemons[0], *play, "-t", "2", *who)
            n = redis.evalsha() - before
        refused = result["verdicts"]["deferred"] + result["verdicts"]["rejected"]
        if refused < 0.9 * result["messages"]:
            raise Failed("%s: only %d of %d were refused" %
                         (title, refused, result["messages"]))
        rows.append(["EVALSHA a refused attempt: " + title,
                     "%.4f (%.0f attempts/s)" % (n / result["messages"], result["rate"]),
                     figure])
    return rows


def outage(bench):
    """Redis hangs while sessions stand side by side; then it goes on."""
    rows = []
    for n in (100, 200):
        with fleet(bench, "redis-hang-%d" % n, DEFAULTS) as (redis, daemons):
            host = daemons[0]
            with contextlib.ExitStack() as stack:
                sessions = [stack.enter_context(Session(host.sock, "u%d@example.org" % i))
                            for i in range(n)]
                redis.hang()
                waits = [in_step(sessions, Session.ask_mail),
                         in_step(sessions, Session.ask_rcpt)]
            rows.append(["Redis hangs, %d sessions in lockstep: the longest wait" % n,
                         "%.0f ms at MAIL, %.0f ms at RCPT" % tuple(w * 1e3 for w in waits),
                         "at most 1 s"])
            if n == 100:
                took = bench.play(host, "-c", "32", "-t", "1", *LOGINS)["took_us"]
                rows.append(["... afterwards, while it hangs: an answer, p99",
                             "%.1f ms at MAIL, %.1f ms at RCPT" % tuple(
                                 took[k]["p99"] / 1e3 for k in ("mail", "rcpt")),
                             "under 20 ms"])
            redis.go_on()
            took = host.wait_up()
            rows.append(["... it goes on: until the first decision of its own",
                         "%.2f s" % took, "under 2 s"])
    return rows
