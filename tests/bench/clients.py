"""The programs that are compared: how each is configured, started and cleaned
up, and what a run of it cost."""
import os
import re
import shutil
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PASSWORD = "secret"


class Failed(Exception):
    pass


class TooLong(Exception):
    pass


class Client:
    """One client with one user and one Maildir; folders are directories of
    the Maildir's top with the server's names."""

    name = title = conf = ""
    can = "abcde"  # scenarios

    def __init__(self, tools, ca, top, user):
        self.tools, self.ca, self.user = tools, ca, user
        self.top = top
        self.dir = os.path.join(top, "mail")
        self.state = os.path.join(top, "state")

    def reset(self):
        shutil.rmtree(self.top, ignore_errors=True)
        for d in (self.dir, self.state):
            os.makedirs(d)

    def configure(self, port):
        path = os.path.join(self.top, "conf")
        with open(path, "w") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(self.conf.format(
                port=port, user=self.user, password=PASSWORD, ca=self.ca,
                dir=self.dir, state=self.state))
        return path

    def words(self, port, scenario):
        raise NotImplementedError

    def run(self, port, scenario, cap):
        """{wall, cpu, peak} of a run: seconds, seconds, KiB."""
        cost = os.path.join(self.top, "cost")
        words = [self.tools["run"]] + self.words(port, scenario)
        env = {"PATH": os.environ["PATH"], "HOME": self.top,
               "LC_ALL": "C.UTF-8"}
        out = os.path.join(self.top, "out")
        with open(cost, "w") as f, open(out, "wb") as o:
            # As descriptor 3, whatever number it has here.
            p = subprocess.Popen(
                ["/bin/sh", "-c", 'exec "$@" 3>"$COST"', "sh"] + words,
                stdin=subprocess.DEVNULL, stdout=o, stderr=o,
                env={**env, "COST": f.name}, start_new_session=True)
            try:
                code = p.wait(cap)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
                raise TooLong from None
        with open(out, errors="replace") as f:
            text = f.read()
        if code:
            raise Failed("%s ended with %d:\n%s" % (self.name, code,
                                                    text[-2000:]))
        with open(cost) as f:
            wall, user, system, peak = map(int, f.read().split())
        return {"wall": wall / 1e6, "cpu": (user + system) / 1e6,
                "peak": peak, **self.said(text)}

    def said(self, text):
        """More costs, from what the program printed."""
        return {}

    # The Maildir, as a mail reader changes it.

    def parts(self, folders):
        for folder in folders:
            for part in ("new", "cur"):
                path = os.path.join(self.dir, folder, part)
                if os.path.isdir(path):
                    yield path

    def count(self, mail):
        """(messages, flagged ones)"""
        messages = flagged = 0
        for path in self.parts(mail.folders):
            names = [n for n in os.listdir(path) if n[0] != "."]
            messages += len(names)
            flagged += sum("F" in n.rpartition(":2,")[2] for n in names
                           if ":2," in n)
        return messages, flagged

    def flag(self, mail, n):
        """n messages that were not get a flag, spread over all folders."""
        files = []
        for path in self.parts(mail.folders):
            files += [os.path.join(path, f) for f in sorted(
                os.listdir(path)) if f[0] != "." and
                "F" not in f.rpartition(":2,")[2]]
        step = max(len(files) // max(n, 1), 1)
        for path in files[step // 2::step][:n]:
            stem, _, flags = os.path.basename(path).partition(":2,")
            top = os.path.dirname(os.path.dirname(path))
            os.rename(path, os.path.join(top, "cur", "%s:2,%s" % (
                stem, "".join(sorted(flags + "F")))))

    def add(self, mail, n):
        for i in range(n):
            top = os.path.join(self.dir, mail.folder(i))
            name = "%d.%d.reader" % (1790000000 + i, i)
            tmp = os.path.join(top, "tmp", name)
            with open(tmp, "wb") as f:
                f.write(mail.make(i, b"mine").replace(b"\r\n", b"\n"))
            os.rename(tmp, os.path.join(top, "cur", name + ":2,S"))


class Wherry(Client):
    name = "wherry"
    title = "wherry"
    conf = """[general]
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
remoteuser = {user}
remotepass = {password}
sslcacertfile = {ca}
"""

    def words(self, port, scenario):
        return [self.tools["wherry"], "-c", self.configure(port),
                "-u", "quiet", "--stats"]

    def said(self, text):
        m = re.search(r"received (\d+) bytes, sent (\d+) bytes", text)
        return {"inside": int(m.group(1)) + int(m.group(2)),
                "received": int(m.group(1))} if m else {}


class WherryNas(Wherry):
    """A static build: all that its peak holds is its own."""
    name = "wherry-nas"
    title = "wherry, static"

    def words(self, port, scenario):
        return [self.tools[self.name]] + super().words(port, scenario)[1:]


class Mbsync(Client):
    """Without COMPRESS, which costs the server more than a fast line."""
    name = "mbsync"
    title = "mbsync"
    more = "DisableExtension COMPRESS=DEFLATE"
    conf = """IMAPAccount a
Host localhost
Port {port}
User {user}
Pass {password}
SSLType IMAPS
CertificateFile {ca}
%s

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

    def configure(self, port):
        self.conf = type(self).conf % self.more
        return super().configure(port)

    def words(self, port, scenario):
        return ["mbsync", "-q", "-c", self.configure(port), "-a"]


class MbsyncCompressed(Mbsync):
    name = "mbsync-z"
    title = "mbsync, COMPRESS"
    more = ""


class OfflineImap(Client):
    name = "offlineimap"
    title = "OfflineIMAP"
    conf = """[general]
accounts = a
metadata = {state}
ui = quiet
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
remoteuser = {user}
remotepass = {password}
ssl = yes
sslcacertfile = {ca}
"""

    def words(self, port, scenario):
        return ["offlineimap", "-c", self.configure(port)]


class Floor(Client):
    """Not a sync: the least that one costs (floor.c)."""
    name = "floor"
    title = "bare client"
    can = "ab"

    def words(self, port, scenario):
        words = [self.tools["floor"], "fetch" if scenario == "a" else "list",
                 "localhost", str(port), self.user, PASSWORD, self.ca]
        return words + [self.dir] if scenario == "a" else words


ALL = {c.name: c for c in (Wherry, WherryNas, Mbsync, MbsyncCompressed, OfflineImap,
                           Floor)}


def build_tools(wherry, static, out):
    """{name: path} of the programs that the benchmark brings itself."""
    tools = {"wherry": os.path.abspath(wherry),
             "wherry-nas": os.path.abspath(static)}
    for name, flags in (("run", ["-static"]),
                        ("floor", ["-lssl", "-lcrypto"])):
        path = tools[name] = os.path.join(out, name)
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", path,
                        os.path.join(HERE, name + ".c")] + flags, check=True)
    return tools


def versions(tools):
    """One line each."""
    def first(*words):
        try:
            p = subprocess.run(words, capture_output=True, text=True,
                               check=False)
        except OSError:
            return ""
        return (p.stdout + p.stderr).strip().split("\n")[0]
    found = [first(tools["wherry"], "-V").split(", CA")[0],
             first("mbsync", "--version").replace("isync", "mbsync"),
             "OfflineIMAP " + first("offlineimap", "--version"),
             "Dovecot " + first("/usr/sbin/dovecot", "--version")]
    return [f for f in found if f.strip()]


def settle():
    """A Maildir that changed within this second is looked at again by some
    of them, or waited for; nobody shall be measured at that."""
    time.sleep(1.2)
