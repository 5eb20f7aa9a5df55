"""The server of the benchmark: a private Dovecot with everything that it can,
mail on tmpfs if there is one, and what it costs. A user is loaded once and
copied for every client, so that all see the same."""
import os
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

from dovecot import Dovecot, fast_dir  # noqa: E402,F401
from mail import Box  # noqa: E402

EXTRA = """
mail_plugins = $mail_plugins zlib
protocol imap {
  mail_plugins = $mail_plugins imap_zlib
}
mail_max_userip_connections = 100
# What it logs of every session is of no use here.
imap_logout_format = in=%i out=%o
"""
TICK = os.sysconf("SC_CLK_TCK")


class Server(Dovecot):
    def __init__(self):
        super().__init__(storage="mdbox", extra=EXTRA)

    def load(self, user, mail):
        """The set, as it is before anybody syncs."""
        with Box(self, user) as box:
            create = [f for f in mail.folders if f != "INBOX"]
            pipeline(box, ["CREATE %s" % box.wire(f) for f in create])
            for i, folder in enumerate(mail.folders):
                append(box, folder, ((mail.make(g), mail.unread(g))
                                     for g in mail.numbers(i)))

    def copy(self, user, to):
        """to gets all that user has; neither is logged in."""
        self.settle()
        shutil.rmtree(self.home(to), ignore_errors=True)
        shutil.copytree(self.home(user), self.home(to), symlinks=True)
        for top, _, names in os.walk(self.home(to)):
            for n in [top] + [os.path.join(top, n) for n in names]:
                os.chown(n, *self.mail_ids)

    def remove(self, user):
        self.settle()
        shutil.rmtree(self.home(user), ignore_errors=True)

    def change(self, user, mail):
        """What another client did: the changes of the set."""
        added = 0
        with Box(self, user) as box:
            for folder, (flag, expunge, add) in mail.server_changes().items():
                box.select(folder)
                lines = []
                if flag:
                    lines.append("UID STORE %s +FLAGS.SILENT (\\Flagged)" %
                                 ",".join(map(str, flag)))
                if expunge:
                    those = ",".join(map(str, expunge))
                    lines += ["UID STORE %s +FLAGS.SILENT (\\Deleted)" %
                              those, "UID EXPUNGE " + those]
                pipeline(box, lines)
                append(box, folder, ((m, True) for m in add))
                added += len(add) - len(expunge)
        return added

    def count(self, user, mail):
        """(messages, flagged ones) of all folders."""
        messages = flagged = 0
        with Box(self, user) as box:
            for folder in mail.folders:
                messages += box.status(folder, "(MESSAGES)")["MESSAGES"]
                if len(mail.folders) < 1000:
                    box.select(folder, True)
                    answer = box.ok(box.c.search(None, "FLAGGED"))
                    flagged += len(answer[0].split())
        return messages, flagged

    # What it costs.

    def _processes(self):
        """(pid, name, ticks, ticks of children that ended) of its session."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % pid) as f:
                    head, _, tail = f.read().rpartition(")")
            except OSError:
                continue
            words = tail.split()
            if int(words[3]) == self.process.pid:
                yield (int(pid), head.partition("(")[2],
                       int(words[11]) + int(words[12]),
                       int(words[13]) + int(words[14]))

    def cpu(self):
        """Seconds of all its processes, ended ones too, since its start."""
        return sum(own + ended for _, _, own, ended
                   in self._processes()) / TICK

    def settle(self, timeout=20):
        """Until no session is left."""
        end = time.monotonic() + timeout
        while time.monotonic() < end and any(
                name == "imap" for _, name, _, _ in self._processes()):
            time.sleep(0.01)


def pipeline(box, lines, window=200):
    """Commands in flights; every one has to succeed."""
    c = box.c
    for at in range(0, len(lines), window):
        part = lines[at:at + window]
        c.sock.sendall("".join("q%d %s\r\n" % x for x in
                               enumerate(part)).encode())
        left = len(part)
        while left:
            line = c.file.readline()
            if not line:
                raise RuntimeError("the server closed the connection")
            if line.startswith(b"q"):
                left -= 1
                if b" OK" not in line[:12]:
                    raise RuntimeError("server: %r" % line)


def append(box, folder, mail, most=1 << 20):
    """Messages with CRLF, (bytes, unread), many in a command."""
    wire = box.wire(folder).encode()
    parts, size = [], 0

    def flush():
        nonlocal parts, size
        if not parts:
            return
        box.c.sock.sendall(b"m1 APPEND " + wire + b"".join(parts) + b"\r\n")
        while True:
            line = box.c.file.readline()
            if line.startswith(b"m1 "):
                if not line.startswith(b"m1 OK"):
                    raise RuntimeError("server: %r" % line)
                break
            if not line:
                raise RuntimeError("the server closed the connection")
        parts, size = [], 0
    for body, unread in mail:
        parts.append(b" (%s) {%d+}\r\n" % (
            b"" if unread else b"\\Seen", len(body)) + body)
        size += len(body)
        if size > most:
            flush()
    flush()
