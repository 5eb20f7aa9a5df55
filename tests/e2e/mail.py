"""Messages, and what both sides hold.

A snapshot of the server and one of a Maildir have the same shape:
{folder: [Message]}; folder names are as a person writes them, with "/"
between levels. same() compares the two.
"""
import base64
import collections
import hashlib
import imaplib
import os
import re
import socket
import time

imaplib._MAXLINE = 100 << 20

LETTERS = {"\\Seen": "S", "\\Answered": "R", "\\Flagged": "F",
           "\\Deleted": "T", "\\Draft": "D"}
FLAGS = {v: k for k, v in LETTERS.items()}
ALL = "DFRST"

# flags: sorted letters; body: the bytes as they are there; uid: 0 if none;
# name: the file's name, "" on the server.
Message = collections.namedtuple("Message", "uid flags body name date")


def message(subject, size=0, text="hello"):
    """A plausible message with CRLF line ends and a Subject to find it by."""
    head = ("From: Ann <ann@example.org>\r\nTo: bob@example.org\r\n"
            "Subject: %s\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n"
            "Message-ID: <%s@example.org>\r\n\r\n%s\r\n" % (
                subject, re.sub(r"\W", ".", subject), text)).encode()
    line = b"0123456789 the quick brown fox jumps over the lazy dog\r\n"
    missing = size - len(head)
    if missing > 0:
        head += line * (missing // len(line) + 1)
    return head


def lf(body):
    """As a message of the server is stored in a file."""
    return body.replace(b"\r\n", b"\n")


def plain(body):
    """The same for both sides, whoever wrote the message."""
    return re.sub(rb"\r*\n", b"\n", body)


def subject(body):
    m = re.search(rb"(?im)^subject: *([^\r\n]*)", body)
    return m.group(1).decode() if m else hashlib.md5(
        plain(body)).hexdigest()


# Modified UTF-7 (RFC 3501 5.1.3).

def utf7_enc(name):
    out, run = "", ""

    def flush():
        nonlocal out, run
        if run:
            b = base64.b64encode(run.encode("utf-16-be")).decode()
            out += "&" + b.rstrip("=").replace("/", ",") + "-"
            run = ""
    for c in name:
        if " " <= c <= "~":
            flush()
            out += "&-" if c == "&" else c
        else:
            run += c
    flush()
    return out


def utf7_dec(name):
    def one(m):
        if not m.group(1):
            return "&"
        b = m.group(1).replace(",", "/")
        return base64.b64decode(b + "=" * (-len(b) % 4)).decode("utf-16-be")
    return re.sub(r"&([A-Za-z0-9+,]*)-", one, name)


class Box:
    """The server's side, seen and changed by the test itself."""

    def __init__(self, server, user, host="127.0.0.1"):
        self.server = server
        self.user = user
        self.c = server.login(user, host)
        self.c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sep = self._separator()

    def close(self):
        try:
            self.c.logout()
        except (imaplib.IMAP4.error, OSError):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def ok(self, answer):
        if answer[0] != "OK":
            raise AssertionError("server: %r" % (answer,))
        return answer[1]

    def _separator(self):
        line = self.ok(self.c.list('""', '""'))[0].decode()
        return re.search(r'\) "(.*?)" ', line).group(1)

    def wire(self, folder):
        name = utf7_enc(folder).replace("/", self.sep)
        return '"%s"' % name.replace("\\", "\\\\").replace('"', '\\"')

    def create(self, folder):
        self.ok(self.c.create(self.wire(folder)))

    def delete_folder(self, folder):
        self.ok(self.c.delete(self.wire(folder)))

    def select(self, folder, readonly=False):
        self.ok(self.c.select(self.wire(folder), readonly))

    def append(self, body, folder="INBOX", flags="", date=None):
        """The UID of the new message."""
        names = "(%s)" % " ".join(FLAGS[f] for f in flags)
        when = None
        if date is not None:
            when = imaplib.Time2Internaldate(date)
        self.c.literal = None
        # imaplib changes bare line ends; we send exactly what we are given.
        tag_args = [self.wire(folder), names] + ([when] if when else [])
        self.c.literal = body
        answer = self.ok(self.c._simple_command("APPEND", *tag_args))
        m = re.search(rb"APPENDUID \d+ (\d+)", answer[-1])
        return int(m.group(1)) if m else 0

    def append_many(self, bodies, folder="INBOX", batch=500):
        """Fast: MULTIAPPEND with LITERAL+. bodies may be a generator."""
        wire = self.wire(folder).encode()
        sock, file = self.c.sock, self.c.file
        parts, n = [], 0

        def flush():
            nonlocal parts, n
            if n:
                sock.sendall(b"m1 APPEND " + wire + b"".join(parts) + b"\r\n")
                while True:
                    line = file.readline()
                    if line.startswith(b"m1 "):
                        assert line.startswith(b"m1 OK"), line
                        break
                    assert line, "server closed"
            parts, n = [], 0
        for body in bodies:
            parts.append(b" {%d+}\r\n" % len(body) + body)
            n += 1
            if n == batch:
                flush()
        flush()

    def store(self, uids, change, folder="INBOX"):
        """change: "+SF" or "-T"."""
        if isinstance(uids, int):
            uids = [uids]
        self.select(folder)
        names = "(%s)" % " ".join(FLAGS[f] for f in change[1:])
        self.ok(self.c.uid("STORE", ",".join(map(str, uids)),
                           change[0] + "FLAGS.SILENT", names))

    def delete(self, uids, folder="INBOX"):
        if isinstance(uids, int):
            uids = [uids]
        if not uids:
            return
        self.store(uids, "+T", folder)
        self.ok(self.c.uid("EXPUNGE", ",".join(map(str, uids))))

    def folders(self):
        """{folder: set of attributes}"""
        out = {}
        for line in self.ok(self.c.list()):
            if line is None:
                continue
            if isinstance(line, tuple):
                attributes, name = line[0].decode(), line[1].decode()
            else:
                m = re.match(r'\((.*?)\) (?:"(?:.*?)"|NIL) (.*)$',
                             line.decode())
                attributes, name = m.group(1), m.group(2)
                if name.startswith('"'):
                    name = re.sub(r"\\(.)", r"\1", name[1:-1])
            name = utf7_dec(name.replace(self.sep, "/"))
            out[name] = set(attributes.split())
        return out

    def status(self, folder, items=None):
        items = items or self.server.status_items
        line = self.ok(self.c.status(self.wire(folder), items))[0].decode()
        return dict((k, int(v)) for k, v in re.findall(
            r"([A-Z]+) (\d+)", line[line.rindex("("):]))

    def messages(self, folder="INBOX"):
        self.select(folder, True)
        out = []
        answer = self.ok(self.c.uid(
            "FETCH", "1:4294967295", "(UID FLAGS INTERNALDATE BODY.PEEK[])"))
        for part in answer:
            if not isinstance(part, tuple):
                continue
            head = part[0].decode()
            uid = int(re.search(r"UID (\d+)", head).group(1))
            words = re.search(r"FLAGS \((.*?)\)", head).group(1).split()
            flags = "".join(sorted(
                LETTERS[w] for w in words if w in LETTERS))
            date = time.mktime(imaplib.Internaldate2tuple(part[0]))
            out.append(Message(uid, flags, part[1], "", int(date)))
        return sorted(out)

    def snapshot(self):
        return {f: self.messages(f) for f, a in self.folders().items()
                if not {"\\Noselect", "\\NonExistent"} & a}

    def marks(self):
        """What must not move when nothing is to be done."""
        return {f: self.status(f) for f, a in self.folders().items()
                if not {"\\Noselect", "\\NonExistent"} & a}


def server_snapshot(server, user):
    with Box(server, user) as b:
        return b.snapshot()


class Maildir:
    """The local side, seen and changed as a mail reader does it."""

    def __init__(self, root, sep="."):
        self.root = str(root)
        self.sep = sep

    def path(self, folder, *more):
        """Of an existing folder; of a new one, with modified UTF-7."""
        for name in (folder, utf7_enc(folder)):
            p = os.path.join(self.root, name.replace("/", self.sep))
            if os.path.isdir(p):
                break
        return os.path.join(p, *more)

    def create(self, folder):
        for d in ("tmp", "new", "cur"):
            os.makedirs(self.path(folder, d), 0o700, exist_ok=True)

    def folders(self):
        out = []
        for top, dirs, _ in os.walk(self.root):
            if {"cur", "new", "tmp"} <= set(dirs):
                name = os.path.relpath(top, self.root)
                if name == ".":
                    continue
                out.append(utf7_dec(name.replace(self.sep, "/")))
            dirs[:] = [d for d in dirs if d not in ("cur", "new", "tmp")]
        return sorted(out)

    def files(self, folder="INBOX"):
        """Paths of all message files."""
        out = []
        for d in ("new", "cur"):
            p = self.path(folder, d)
            out += [os.path.join(p, n) for n in os.listdir(p)
                    if not n.startswith(".")]
        return sorted(out)

    @staticmethod
    def flags_of(path):
        m = re.search(r":2,([A-Za-z]*)", os.path.basename(path))
        return "".join(sorted(c for c in (m.group(1) if m else "")
                              if c in ALL))

    @staticmethod
    def uid_of(path):
        m = re.search(r",U=(\d+)", os.path.basename(path))
        return int(m.group(1)) if m else 0

    def messages(self, folder="INBOX"):
        out = []
        for p in self.files(folder):
            with open(p, "rb") as f:
                body = f.read()
            out.append(Message(self.uid_of(p), self.flags_of(p), body,
                               os.path.basename(p),
                               int(os.stat(p).st_mtime)))
        return sorted(out)

    def snapshot(self):
        return {f: self.messages(f) for f in self.folders()}

    def marks(self):
        """Names, inodes and times of every file and folder."""
        out = {}
        for top, dirs, names in os.walk(self.root):
            for n in dirs + names:
                p = os.path.join(top, n)
                s = os.lstat(p)
                if os.path.basename(top) == "tmp" or n == "tmp":
                    continue
                out[os.path.relpath(p, self.root)] = (
                    s.st_ino, s.st_size, s.st_mtime_ns)
        return out

    def leftovers(self):
        """Files in any tmp/."""
        out = []
        for top, _, names in os.walk(self.root):
            if os.path.basename(top) == "tmp":
                out += [os.path.join(top, n) for n in names]
        return out

    counter = 0

    def add(self, body, folder="INBOX", flags="", where=None, date=None):
        """A new file, as a mail reader files it; the path."""
        Maildir.counter += 1
        name = "%d.%d_%d.reader" % (1700000000 + Maildir.counter, os.getpid(),
                                    Maildir.counter)
        where = where or ("cur" if flags else "new")
        if where == "cur":
            name += ":2," + "".join(sorted(flags))
        tmp = self.path(folder, "tmp", name)
        with open(tmp, "wb") as f:
            f.write(body)
        if date is not None:
            os.utime(tmp, (date, date))
        to = self.path(folder, where, name)
        os.rename(tmp, to)
        return to

    def find(self, text, folder="INBOX"):
        """The path of the one message with this subject."""
        hits = []
        for p in self.files(folder):
            with open(p, "rb") as f:
                if subject(f.read(65536)) == text:
                    hits.append(p)
        assert len(hits) == 1, (text, hits)
        return hits[0]

    def index(self, folder="INBOX"):
        """{subject: path}"""
        out = {}
        for p in self.files(folder):
            with open(p, "rb") as f:
                out[subject(f.read(65536))] = p
        return out

    def reflag(self, path, change):
        """change "+S", "-FT"; a message that a person saw lives in cur/."""
        name = os.path.basename(path)
        stem = name.split(":2,")[0]
        flags = set(self.flags_of(path))
        if change[0] == "+":
            flags |= set(change[1:])
        else:
            flags -= set(change[1:])
        folder = os.path.dirname(os.path.dirname(path))
        to = os.path.join(folder, "cur",
                          stem + ":2," + "".join(sorted(flags)))
        os.rename(path, to)
        return to


def essence(snapshot):
    """Without UIDs, names and dates: what must be equal on both sides."""
    return {f: sorted((m.flags, plain(m.body)) for m in ms)
            for f, ms in snapshot.items()}


def brief(snapshot):
    """Readable in an assertion."""
    return {f: sorted((subject(m.body), m.flags, m.uid) for m in ms)
            for f, ms in snapshot.items()}


def same(server, local, uids=True):
    """Both sides hold the same folders and messages, and every file carries
    the UID of its message."""
    there, here = brief(server), brief(local)
    if not uids:
        there, here = ({f: [x[:2] for x in ms] for f, ms in side.items()}
                       for side in (there, here))
    assert there == here
    assert essence(server) == essence(local)
    if not uids:
        return
    for f, ms in local.items():
        by_uid = {m.uid: m for m in server[f]}
        assert len({m.uid for m in ms}) == len(ms), "a UID twice in " + f
        for m in ms:
            assert m.uid in by_uid, (f, m.name)
            assert plain(m.body) == plain(by_uid[m.uid].body), (f, m.name)
