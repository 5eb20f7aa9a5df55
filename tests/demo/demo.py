#!/usr/bin/python3
"""make demo: a private server with sample mail, and wherry run twice.

Shows what came, what went and what it cost, leaves the mail in demo-data/
to look at, and no process behind.
"""
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))

from dovecot import Dovecot, fast_dir  # noqa: E402
from mail import Box, Maildir, lf, message, subject  # noqa: E402

DATA = os.path.join(TOP, "demo-data")
MAIL = os.path.join(DATA, "mail")

CONF = """# A wherry configuration: this is all it takes.
[general]
accounts = Demo
metadata = {data}/state

[Account Demo]
localrepository = Disk
remoterepository = Server

[Repository Disk]
type = Maildir
localfolders = {data}/mail

[Repository Server]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = demo
remotepass = secret
sslcacertfile = {ca}
"""


def say(text=""):
    print(text, flush=True)


def load(box):
    """Sample mail on the server."""
    sample = {
        "INBOX": ["Welcome aboard", "Lunch on Friday?", "Re: the boat",
                  "Timetable", "Photos (large)"],
        "Lists/sailing": ["[sailing] knots", "[sailing] weather"],
        "Entwürfe": ["Brief an Ann"]}
    for folder, subjects in sample.items():
        if folder != "INBOX":
            box.create(folder)
        for n, s in enumerate(subjects):
            size = 3000000 if "large" in s else 2000 * n
            box.append(message(s, size), folder, flags="S" * (n % 2))


def run(binary, conf, turn):
    """One run; says what wherry itself says about its cost."""
    begin = time.monotonic()
    p = subprocess.run(
        [binary, "-c", conf, "-u", "quiet", "--stats"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        errors="replace", timeout=60)
    took = time.monotonic() - begin
    if p.returncode != 0:
        say(p.stdout + p.stderr)
        raise SystemExit("wherry ended with %d" % p.returncode)
    say("  run %d took %.2f s; in its own words:" % (turn, took))
    for line in (p.stdout + p.stderr).splitlines():
        if line.strip():
            say("    " + line.rstrip())


def both(box, local):
    there = {(f, subject(m.body)): m.flags
             for f, ms in box.snapshot().items() for m in ms}
    here = {(f, subject(m.body)): m.flags
            for f, ms in local.snapshot().items() for m in ms}
    return there, here


def tell(side, before, after):
    """What changed on one side, a line each."""
    for key in sorted(set(before) | set(after)):
        name = "%s: %s" % key
        if key not in before:
            say("    %s + %s" % (side, name))
        elif key not in after:
            say("    %s - %s" % (side, name))
        elif before[key] != after[key]:
            say("    %s ~ %s (flags %s -> %s)" % (
                side, name, before[key] or "none", after[key] or "none"))


def main():
    binary = os.path.abspath(sys.argv[1])
    begin = time.monotonic()
    shutil.rmtree(DATA, ignore_errors=True)
    os.makedirs(DATA)
    home = fast_dir("wherry-demo-")
    try:
        with Dovecot(dir=home) as server, Box(server, "demo") as box:
            say("A private Dovecot listens on localhost:%d (TLS)." %
                server.tls_port)
            load(box)
            ca = os.path.join(DATA, "ca.pem")
            shutil.copy(server.ca, ca)
            conf = os.path.join(DATA, "wherry.conf")
            with open(conf, "w") as f:
                os.fchmod(f.fileno(), 0o600)
                f.write(CONF.format(data=DATA, port=server.tls_port, ca=ca))
            local = Maildir(MAIL)

            say()
            say("1. First run: everything comes down.")
            run(binary, conf, 1)
            there, here = both(box, local)
            for f in sorted({k[0] for k in here}):
                say("    %-16s %d messages" % (
                    f, sum(k[0] == f for k in here)))
            if there != here:
                raise SystemExit("the two sides differ")

            say()
            say("2. Now both sides change, and wherry runs again.")
            uid = {subject(m.body): m.uid for m in box.messages()}
            box.append(message("News from the server"))
            box.store(uid["Lunch on Friday?"], "+F")
            box.delete(uid["Timetable"])
            local.add(lf(message("Written offline")), flags="S")
            local.reflag(local.find("Welcome aboard"), "+SR")
            os.unlink(local.find("[sailing] knots", "Lists/sailing"))
            local.create("Notes")
            local.add(lf(message("A folder made here")), "Notes", flags="S")
            there, here = both(box, local)
            run(binary, conf, 2)
            after = both(box, local)
            say("  what came (here):")
            tell("here  ", here, after[1])
            say("  what went (server):")
            tell("server", there, after[0])
            if after[0] != after[1]:
                raise SystemExit("the two sides differ")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    say()
    say("Both sides hold the same %d messages in %d folders (%.1f s in all; "
        "no process is left)." % (
            len(after[1]), len({k[0] for k in after[1]}),
            time.monotonic() - begin))
    say("Look at the mail:       mutt -f %s" % os.path.relpath(
        os.path.join(MAIL, "INBOX")))
    say("The configuration:      %s" % os.path.relpath(conf))


main()
