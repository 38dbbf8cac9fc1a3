# SPDX-License-Identifier: BSD-2-Clause
"""The part `api` of test/bench/run: what questions cost those who send mail, and how
long those who ask have to wait."""
import contextlib
import socket
import statistics
import threading
import time

from rig import LIMITS, LOGINS, ROOMY, THREE_WINDOWS, Failed, take_turns, thousands

RATE = 50  # questions a second
SLOW = 100  # readers that take a byte now and then
QUESTIONS = ["/v1/status", "/v1/subjects?kind=user&sort=external", "/v1/decisions",
             "/v1/subjects/user%3Au1%40example.org", "/v1/limits"]


def request(path, host="localhost"):
    return ("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (path, host)).encode()


class Connection:
    """One that is kept; AT is a path or a port."""

    def __init__(self, at, slow=False):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(at, str) else socket.AF_INET)
        self.socket.settimeout(30)
        if slow:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        self.socket.connect(at if isinstance(at, str) else ("127.0.0.1", at))
        self.rest = b""

    def close(self):
        self.socket.close()

    def ask(self, path):
        """The status and the whole body."""
        self.socket.sendall(request(path))
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        size = int(fields["content-length"])
        while len(self.rest) < size:
            self._more()
        body, self.rest = self.rest[:size], self.rest[size:]
        return int(lines[0].split()[1]), body

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Failed("the API has hung up")
        self.rest += data


class Askers:
    """RATE questions a second on the Unix socket, and SLOW readers on the port."""

    def __init__(self, path, port):
        self.path, self.port = path, port
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._ask), threading.Thread(target=self._dawdle)]
        self.asked = self.dawdling = 0

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for t in self.threads:
            t.join()

    def _ask(self):
        link, due = Connection(self.path), time.monotonic()
        while not self.ending.is_set():
            link.ask(QUESTIONS[self.asked % len(QUESTIONS)])
            self.asked += 1
            due += 1 / RATE
            self.ending.wait(max(0, due - time.monotonic()))
        link.close()

    def _dawdle(self):
        readers = []
        while not self.ending.is_set():
            readers = [r for r in readers if self._byte(r)]
            while len(readers) < SLOW:
                readers.append(Connection(self.port, slow=True))
                readers[-1].socket.sendall(request("/v1/history?range=24h"))
            self.dawdling = len(readers)
            self.ending.wait(1)
        for r in readers:
            r.close()

    @staticmethod
    def _byte(reader):
        try:
            return reader.socket.recv(1) != b""
        except OSError:
            return False


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening(port):
    return "status { listen = inet:%d@127.0.0.1 }\n" % port


def throughput(bench):
    """One that is asked nothing and one that is, by turns."""
    with contextlib.ExitStack() as stack:
        pair, port = [], free_port()
        for name in ("quiet", "asked"):
            where = bench.folder("api-" + name)
            d = bench.mortsafe(where, LIMITS + (listening(port) if name == "asked" else ""))
            d.name = name
            stack.callback(d.stop)
            pair.append(d.start())
        options = ["-c", "32", "-m", "1", *LOGINS]
        for d in pair:
            bench.play(d, *options, "-n", "2000")
        with Askers(pair[1].dir + "/api.sock", port) as askers:
            figures = take_turns(bench, pair, [*options, "-t", str(bench.args.seconds)],
                                 bench.args.turns)
            if askers.dawdling < SLOW:
                raise Failed("only %d slow readers" % askers.dawdling)
    ratios = [a["rate"] / q["rate"] for a, q in zip(figures["asked"], figures["quiet"])]
    p99 = [statistics.median(f["p99"] for f in figures[n]) for n in ("quiet", "asked")]
    return [["throughput under %d questions a second and %d slow readers, against none"
             % (RATE, SLOW), "**%.2f** (%.2f to %.2f)"
             % (statistics.median(ratios), min(ratios), max(ratios)), "at least 0.97"],
            ["p99 of a message meanwhile, without / with, µs", "%.0f / %.0f" % tuple(p99), ""]]


def took(link, path, times=15):
    """The first answer's milliseconds, the median's, and the last body."""
    spans = []
    for _ in range(times):
        began = time.monotonic()
        status, body = link.ask(path)
        spans.append((time.monotonic() - began) * 1000)
        if status != 200:
            raise Failed("%s: %d %s" % (path, status, body[:200]))
    return spans[0], statistics.median(spans), body


def answers(bench):
    """How long questions take where there are a million subjects."""
    n, port = bench.args.subjects, free_port()
    where = bench.folder("api-many")
    d = bench.mortsafe(where, THREE_WINDOWS + listening(port), ROOMY).start()
    try:
        bench.play(d, "-m", "100", "-n", str(n), "-S", str(n), "-o", *LOGINS)
        unix, tcp = Connection(where + "/api.sock"), Connection(port)
        before = d.rss()
        first, many, _ = took(unix, "/v1/subjects?kind=sender&sort=recipients&limit=50")
        _, whole, _ = took(unix, "/v1/subjects?kind=sender&sort=recipients&limit=1000")
        _, scrape, metrics = took(tcp, "/metrics")
        _, page, html = took(tcp, "/")
        _, one, _ = took(unix, "/v1/subjects/user%3Au1%40example.org")
        more = d.rss() - before
    finally:
        d.stop()
    who = "%s subjects: " % thousands(n)
    return [[who + "first page of 50, first time / median", "%.1f / %.1f ms" % (first, many),
             "under 100 ms"],
            [who + "all 1,000 that are kept", "%.1f ms" % whole, ""],
            [who + "one subject", "%.1f ms" % one, ""],
            [who + "memory more after these questions", "%.1f MB" % (more / 1e6), ""],
            ["/metrics, %.0f KB" % (len(metrics) / 1024), "%.1f ms" % scrape, "under 5 ms"],
            ["status page, %.0f KB" % (len(html) / 1024), "%.1f ms" % page,
             "under 60 KB and 20 ms"]]
