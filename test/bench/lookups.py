# SPDX-License-Identifier: BSD-2-Clause
"""The part `lookups` of test/bench/run: what SPF and DNS lists cost those about whom
nothing is asked, and those about whom the cache knows everything."""
import contextlib
import json
import os
import re
import socket
import subprocess
import sys

from rig import LIMITS, LOGINS, STRANGERS, Comparison, Daemon, Failed, find

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e", "lib"))
import dns  # noqa: E402

HEAD = ["store embedded, log to a file", "off, messages/s", "on, messages/s", "ratio",
        "ratio by processor time", "off, CPU µs/message", "on, CPU µs/message with the worker",
        "off, p50 µs", "on, p50 µs", "on above off, p50 µs"]
ZONE = """\
$ttl 3600
example.net       TXT  v=spf1 include:spf.example.net -all
many.example      TXT  v=spf1 mx a:mail.many.example include:spf.example.net -all
many.example      MX   10 mx.many.example
mx.many.example   A    203.0.113.1
mail.many.example A    203.0.113.2
spf.example.net   TXT  v=spf1 ip4:203.0.113.0/24 ip4:0.0.0.0/0 ~all
2.0.0.127.list.test  A  127.0.0.2
*.list.test       TXT  nobody
"""
# headers are asked of the MTA in both, so that what differs is looking up
OFF = "verdict { header = X-Spam-Flag }\n"
ON = OFF + """\
resolver { server = %(server)s }
spf { program = %(program)s  helo = ignore }
%(lists)s"""
LISTS = "dnsbl one { zone = list.test }\n"
# private addresses are not looked up
PUBLIC = ["-A", "198.18.0.1"]


class WithWorker(Daemon):
    """mortsafe and its mortsafe-spf, which is charged to it."""

    def worker(self):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open("/proc/%s/stat" % pid) as f:
                name, fields = f.read().rsplit(")", 1)
                if name.endswith("(mortsafe-spf") and int(fields.split()[1]) == self.process.pid:
                    return pid
        raise Failed("mortsafe-spf does not run")

    def cpu_s(self):
        with open("/proc/%s/stat" % self.worker()) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return super().cpu_s() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def compare(bench, row):
    """mortsafe that looks nothing up, and one that does, by turns."""
    title, connections, lists, who = row
    program = find(bench.args.build, "mortsafe-spf")
    if program is None:
        raise Failed("no mortsafe-spf below %s" % bench.args.build)
    where = re.sub(r"[^a-z0-9]+", "-", title)[:40]  # the socket's name has to fit
    folders = [bench.folder("%s-%s%s" % (name, where, connections)) for name in ("off", "on")]
    with contextlib.ExitStack() as stack:
        server = dns.Dns(ZONE, free_port())
        stack.callback(server.stop)
        off = bench.mortsafe(folders[0], LIMITS + OFF)
        off.name = "floor"  # what is compared with
        bench.mortsafe(folders[1], LIMITS + ON % {
            "server": server.at, "program": os.path.abspath(program), "lists": lists})
        on = WithWorker("mortsafe", bench.command(folders[1]), folders[1])
        for d in (off, on):
            stack.callback(d.stop)
            d.start()
        c = Comparison(bench, [off, on], ["-c", connections, "-m", "1", *who], bench.args.turns,
                       bench.args.seconds)
        asked = server.asked()
    if lists and asked > 6:  # but for the lists' test points
        raise Failed("%d questions were asked about logins" % asked)
    return [[title, "%.0f" % c.floor["rate"], "%.0f" % c.ours["rate"], c.ratio,
             "%.2f" % c.by_cpu(), "%.0f" % c.floor["cpu"], "%.0f" % c.ours["cpu"],
             "%.0f" % c.floor["p50"], "%.0f" % c.ours["p50"],
             "%.0f" % (c.ours["p50"] - c.floor["p50"])]]


def engine(bench):
    """What spfbench measures in its own process, without a milter."""
    programs = [find(bench.args.build, *names) for names in (
        ("test/bench/spfbench", "spfbench"), ("mortsafe-spf",))]
    if None in programs:
        raise Failed("no spfbench or no mortsafe-spf below %s" % bench.args.build)
    run = subprocess.run([programs[0], "-j", programs[1]], capture_output=True, text=True,
                         check=False)
    if run.returncode != 0:
        raise Failed("spfbench: %s" % run.stderr.strip())
    return [["SPF in process: %s, median (99th of a hundred)" % r["what"],
             "%.0f µs (%.0f)" % (r["median"], r["high"]),
             r["figure"].replace("<", "under").replace("us", "µs")]
            for r in json.loads(run.stdout)]


ROWS = (
    ("logins, SPF and a list, 32 connections (ratio 1.00)", "32", LISTS, LOGINS + PUBLIC),
    ("strangers, two answers from the cache, 1 connection (at most 300 µs above)", "1", "",
     STRANGERS + PUBLIC),
    ("strangers, five answers from the cache, 1 connection", "1", "",
     STRANGERS + PUBLIC + ["-f", "many.example"]),
    ("strangers, two answers from the cache, 32 connections", "32", "", STRANGERS + PUBLIC))
