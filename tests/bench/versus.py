#!/usr/bin/python3
"""Times of wherry beside mbsync (without COMPRESS), in one run.

	versus.py [./wherry] [MESSAGES [FOLDERS]]

Same server, same mail, TLS, Maildir in memory if the machine has it. Best of
three. The figures are printed, never asserted: they move with the machine,
their ratios less so.
"""
import os
import resource
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

from dovecot import Dovecot, fast_dir  # noqa: E402
from mail import Box, lf, message  # noqa: E402

MBSYNC = """IMAPAccount a
Host localhost
Port {port}
User bench
Pass secret
SSLType IMAPS
CertificateFile {ca}
DisableExtension COMPRESS=DEFLATE

IMAPStore far
Account a

MaildirStore near
Path {dir}/
Inbox {dir}/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns *
Create Near
Expunge Both
Sync All
SyncState {state}/
"""
WHERRY = """[general]
accounts = a
metadata = {state}
[Account a]
localrepository = l
remoterepository = r
[Repository l]
type = Maildir
localfolders = {dir}
sep = /
[Repository r]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = bench
remotepass = secret
sslcacertfile = {ca}
"""


class Client:
    def __init__(self, name, binary, template, server, top):
        self.name, self.binary = name, binary
        self.top = os.path.join(top, name)
        self.dir = os.path.join(self.top, "mail")
        self.state = os.path.join(self.top, "state")
        self.conf = os.path.join(top, name + ".conf")
        with open(self.conf, "w") as f:
            f.write(template.format(port=server.tls_port, ca=server.ca,
                                    dir=self.dir, state=self.state))
        os.chmod(self.conf, 0o600)
        self.reset()

    def reset(self):
        shutil.rmtree(self.top, ignore_errors=True)
        for d in (self.dir, self.state):
            os.makedirs(d)

    def run(self):
        words = {"wherry": [self.binary, "-c", self.conf, "-u", "quiet"],
                 "mbsync": [self.binary, "-q", "-c", self.conf, "-a"]}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        p = subprocess.run(words[self.name], stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=600)
        wall = time.monotonic() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if p.returncode:
            sys.stderr.write(p.stdout.decode(errors="replace") +
                             p.stderr.decode(errors="replace"))
            raise SystemExit("%s ended with %d" % (self.name, p.returncode))
        return wall, (after.ru_utime + after.ru_stime - before.ru_utime -
                      before.ru_stime)

    def add(self, n, folder="INBOX"):
        for i in range(n):
            name = os.path.join(self.dir, folder, "cur",
                                "%d.%d.bench:2,S" % (time.time_ns(), i))
            with open(name, "wb") as f:
                f.write(lf(message("up%d" % i, 4000)))


def main():
    wherry = os.path.abspath(sys.argv[1] if len(sys.argv) > 1
                             else "./wherry")
    total = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    folders = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    top = fast_dir("wherry-bench-")
    results = {}
    try:
        with Dovecot() as server, Box(server, "bench") as box:
            names = ["INBOX"] + ["f%d" % i for i in range(1, folders)]
            for f in names:
                if f != "INBOX":
                    box.create(f)
                box.append_many((message("m%d" % i, 4000) for i in range(
                    total // folders)), f)
            clients = [Client("mbsync", shutil.which("mbsync"), MBSYNC,
                              server, top),
                       Client("wherry", wherry, WHERRY, server, top)]

            def measure(what, prepare=lambda c: None, times=3):
                for c in clients:
                    got = []
                    for _ in range(times):
                        prepare(c)
                        got.append(c.run())
                    results[what, c.name] = min(got)
            measure("first sync", lambda c: c.reset())
            measure("nothing changed")

            def server_changes(_):
                for f in names:
                    uid = [m for m in range(1, total // folders + 1)]
                    box.store(uid[::100], "+F", f)
                    box.store(uid[1::100], "-F", f)
                    box.append(message("new", 4000), f)
            measure("server changes", server_changes, 1)
            measure("upload of 200", lambda c: c.add(200), 1)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print("%d messages of 4 KiB in %d folders, no delay" % (total, folders))
    print("%-18s %10s %10s %8s %10s %10s" % (
        "", "mbsync", "wherry", "ratio", "cpu mbsync", "cpu wherry"))
    for what in dict.fromkeys(k[0] for k in results):
        m, w = results[what, "mbsync"], results[what, "wherry"]
        print("%-18s %9.3fs %9.3fs %7.2fx %9.2fs %9.2fs" % (
            what, m[0], w[0], m[0] / max(w[0], 1e-6), m[1], w[1]))


main()
