"""An IMAP server with folders, messages, UIDs and flags that keeps its word,
until a test tells it not to.

Three hooks, all None in an honest server:

    take(conn, cmd)     before the command does anything; True: taken over
    edit(cmd, out)      the answers, as a list of bytes, the tagged one last;
                        gives the list that is sent
    literal(conn, n)    a literal of n bytes was announced by APPEND; bytes:
                        the refusal that is sent instead of taking it

`cmd` is a Command. Everything received is kept in .received.
"""
import calendar
import re
import socket
import time

from mail import LETTERS
from mock import Server

SYSTEM = b"(\\Answered \\Flagged \\Deleted \\Seen \\Draft)"
CAPS = "IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ UIDPLUS NAMESPACE"


class Mail:
    def __init__(self, uid, body, flags=(), date=1793613600):
        self.uid, self.body, self.date = uid, body, date
        self.flags = set(flags)

    @property
    def letters(self):
        return "".join(sorted(LETTERS[f] for f in self.flags))


class Folder:
    def __init__(self, uidvalidity=7):
        self.uidvalidity = uidvalidity
        self.uidnext = 1
        self.mails = []

    def add(self, body, flags=(), date=1793613600):
        m = Mail(self.uidnext, body, flags, date)
        self.mails.append(m)
        self.uidnext += 1
        return m

    def number(self, mail):
        return self.mails.index(mail) + 1


class Command:
    def __init__(self, tag, line, literals):
        self.tag, self.line, self.literals = tag, line, literals
        m = re.match(rb"\S+ ((?:UID )?\S+) ?(.*)", line, re.S)
        self.name = m.group(1).upper().decode() if m else ""
        self.rest = m.group(2) if m else b""

    def mailbox(self):
        m = re.match(rb'"((?:[^"\\]|\\.)*)"|(\S+)', self.rest)
        if m.group(1) is not None:
            return re.sub(rb"\\(.)", rb"\1", m.group(1)).decode()
        return m.group(2).decode()

    def uids(self):
        return expand(self.rest.split()[0])


def expand(text):
    """[(lo, hi)] of a UID set."""
    out = []
    for part in text.split(b","):
        lo, _, hi = part.partition(b":")
        out.append((int(lo), int(hi or lo)))
    return out


def date_text(t):
    return time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(t)).encode()


class Imap(Server):
    def __init__(self, caps=CAPS, prefix="", sep="/", greeting=b"* OK hi\r\n"):
        self.folders = {"INBOX": Folder()}
        self.caps = caps
        self.prefix, self.sep = prefix, sep
        self.greeting = greeting
        self.plus = b"+ go\r\n"
        self.uidnext_told = True
        self.uid_last = False
        self.quoted_echo = False
        self.syntax = b"BAD"
        self.honest()
        super().__init__()

    def honest(self):
        self.take = self.edit = self.literal = None

    # The wire

    def talk(self, conn):
        conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn.send(self.greeting)
        conn.folder = None
        while True:
            cmd = self.command(conn)
            if cmd is None or (self.take and self.take(conn, cmd)):
                continue
            handler = getattr(self, "do_" + cmd.name.lower().replace(
                " ", "_"), None)
            out = []
            if handler is None:
                done = self.syntax + b" no such command"
            else:
                done = handler(conn, cmd, out) or b"OK done"
            out.append(cmd.tag + b" " + done + b"\r\n")
            if self.edit:
                out = self.edit(cmd, out)
            conn.send(b"".join(out))
            if cmd.name == "LOGOUT":
                raise EOFError

    def command(self, conn):
        line, literals = conn.line(), []
        tag = line.split(b" ", 1)[0]
        while True:
            m = re.search(rb"\{(\d+)(\+?)\}$", line)
            if not m:
                return Command(tag, line, literals)
            n = int(m.group(1))
            refusal = self.literal and self.literal(conn, n)
            if refusal:
                conn.send(tag + b" " + refusal + b"\r\n")
                if m.group(2):
                    self.exactly(conn, n)
                    conn.line()
                return None
            if not m.group(2):
                conn.send(self.plus)
            literals.append(self.exactly(conn, n))
            line = line[:m.start()] + b"~" + conn.line()

    def exactly(self, conn, n):
        while len(conn.buffer) < n:
            data = conn.sock.recv(65536)
            if not data:
                raise EOFError
            self.hear(data)
            conn.buffer += data
        out, conn.buffer = conn.buffer[:n], conn.buffer[n:]
        return out

    # Commands

    def do_capability(self, conn, cmd, out):
        out.append(b"* CAPABILITY %s\r\n" % self.caps.encode())

    def do_authenticate(self, conn, cmd, out):
        if len(cmd.rest.split()) == 1:
            conn.send(b"+ \r\n")
            conn.line()

    def do_login(self, conn, cmd, out):
        pass

    do_id = do_noop = do_check = do_subscribe = do_login

    def do_logout(self, conn, cmd, out):
        out.append(b"* BYE bye\r\n")

    def do_namespace(self, conn, cmd, out):
        out.append(b'* NAMESPACE (("%s" "%s")) NIL NIL\r\n' % (
            self.prefix.encode(), self.sep.encode()))

    def do_list(self, conn, cmd, out):
        if cmd.rest.rstrip().endswith(b' ""'):
            out.append(b'* LIST (\\Noselect) "%s" ""\r\n' %
                       self.sep.encode())
            return
        for name in self.folders:
            out.append(b'* LIST () "%s" "%s"\r\n' % (
                self.sep.encode(), name.encode()))

    def status(self, f):
        return {"MESSAGES": len(f.mails), "UIDNEXT": f.uidnext,
                "UIDVALIDITY": f.uidvalidity,
                "UNSEEN": sum("\\Seen" not in m.flags for m in f.mails)}

    def do_status(self, conn, cmd, out):
        f = self.folders.get(cmd.mailbox())
        if f is None:
            return b"NO [NONEXISTENT] no such folder"
        values = self.status(f)
        asked = re.search(r"\(([^)]*)\)$", cmd.rest.decode()).group(1).split()
        out.append(b'* STATUS "%s" (%s)\r\n' % (
            cmd.mailbox().encode(), " ".join(
                "%s %d" % (k, values[k]) for k in asked).encode()))

    def do_create(self, conn, cmd, out):
        name = cmd.mailbox()
        if not name.startswith(self.prefix):
            return b"NO Invalid mailbox name"
        if name in self.folders:
            return b"NO [ALREADYEXISTS] there"
        self.folders[name] = Folder()

    def do_select(self, conn, cmd, out):
        f = self.folders.get(cmd.mailbox())
        if f is None:
            return b"NO [NONEXISTENT] no such folder"
        conn.folder = f
        out += [b"* FLAGS %s\r\n" % SYSTEM,
                b"* OK [PERMANENTFLAGS %s] ok\r\n" % SYSTEM,
                b"* %d EXISTS\r\n" % len(f.mails), b"* 0 RECENT\r\n",
                b"* OK [UIDVALIDITY %d] ok\r\n" % f.uidvalidity]
        if self.uidnext_told:
            out.append(b"* OK [UIDNEXT %d] ok\r\n" % f.uidnext)
        return b"OK [READ-WRITE] selected"

    def do_examine(self, conn, cmd, out):
        self.do_select(conn, cmd, out)
        return b"OK [READ-ONLY] selected"

    def hit(self, conn, cmd):
        if conn.folder is None:
            return []
        sets = cmd.uids()
        return [m for m in conn.folder.mails
                if any(lo <= m.uid <= hi for lo, hi in sets)]

    def item(self, m, item):
        """One item of a FETCH answer."""
        if item == b"UID":
            return b"UID %d" % m.uid
        if item == b"FLAGS":
            return b"FLAGS (%s)" % " ".join(sorted(m.flags)).encode()
        if item == b"RFC822.SIZE":
            return b"RFC822.SIZE %d" % len(m.body)
        if item == b"INTERNALDATE":
            return b'INTERNALDATE "%s"' % date_text(m.date)
        if item == b"BODY.PEEK[]":
            return b"BODY[] {%d}\r\n%s" % (len(m.body), m.body)
        names = re.search(rb"\((.*)\)", item).group(1)
        head = m.body.split(b"\r\n\r\n")[0] + b"\r\n"
        text = b"".join(
            g for n in names.split()
            for g in re.findall(rb"(?im)^%s:.*\r\n(?:[ \t].*\r\n)*" % n,
                                head)) + b"\r\n"
        if self.quoted_echo:
            names = b" ".join(b'"%s"' % n for n in names.split())
        return b"BODY[HEADER.FIELDS (%s)] {%d}\r\n%s" % (
            names, len(text), text)

    def fetch_line(self, folder, m, items):
        if self.uid_last:
            items = sorted(items, key=lambda i: i == b"UID")
        return b"* %d FETCH (%s)\r\n" % (
            folder.number(m), b" ".join(self.item(m, i) for i in items))

    def do_uid_fetch(self, conn, cmd, out):
        items = re.findall(
            rb"BODY\.PEEK\[HEADER[^]]*\]|[A-Z0-9.]+(?:\[\])?",
            cmd.rest.split(b" ", 1)[1])
        for m in self.hit(conn, cmd):
            out.append(self.fetch_line(conn.folder, m, items))

    def do_uid_store(self, conn, cmd, out):
        m = re.match(rb"\S+ ([+-]?)FLAGS(?:\.SILENT)? \((.*)\)", cmd.rest)
        flags = set(m.group(2).decode().split())
        for mail in self.hit(conn, cmd):
            if m.group(1) == b"+":
                mail.flags |= flags
            elif m.group(1) == b"-":
                mail.flags -= flags
            else:
                mail.flags = set(flags)

    def do_uid_copy(self, conn, cmd, out):
        name = cmd.rest.split(b" ", 1)[1].strip(b'"').decode()
        f, hit = self.folders.get(name), self.hit(conn, cmd)
        if f is None:
            return b"NO [TRYCREATE] no such folder"
        new = [f.add(m.body, m.flags, m.date).uid for m in hit]
        if hit and "UIDPLUS" in self.caps:
            return b"OK [COPYUID %d %s %s] copied" % (
                f.uidvalidity, b",".join(b"%d" % m.uid for m in hit),
                b",".join(b"%d" % u for u in new))

    def drop(self, conn, mails, out):
        for m in list(mails):
            out.append(b"* %d EXPUNGE\r\n" % conn.folder.number(m))
            conn.folder.mails.remove(m)

    def do_uid_expunge(self, conn, cmd, out):
        if "UIDPLUS" not in self.caps:
            return self.syntax + b" what"
        self.drop(conn, [m for m in self.hit(conn, cmd)
                         if "\\Deleted" in m.flags], out)

    def do_expunge(self, conn, cmd, out):
        self.drop(conn, [m for m in conn.folder.mails
                         if "\\Deleted" in m.flags], out)

    def do_uid_search(self, conn, cmd, out):
        uids = [b"%d" % m.uid for m in conn.folder.mails
                if cmd.rest != b"DELETED" or "\\Deleted" in m.flags]
        out.append(b" ".join([b"* SEARCH"] + uids) + b"\r\n")

    def do_append(self, conn, cmd, out):
        f = self.folders.get(cmd.mailbox())
        if f is None:
            return b"NO [TRYCREATE] no such folder"
        if len(cmd.literals) > 1 and "MULTIAPPEND" not in self.caps:
            return self.syntax + b" one message at a time"
        uids = []
        for m, body in zip(re.finditer(
                rb'\(([^)]*)\) (?:"([^"]*)" )?~', cmd.line), cmd.literals):
            flags = m.group(1).decode().split()
            date = 1793613600
            if m.group(2):
                t, zone = m.group(2).decode().strip().rsplit(" ", 1)
                date = calendar.timegm(time.strptime(t, "%d-%b-%Y %H:%M:%S"))
            uids.append(f.add(body, flags, date).uid)
        if f is conn.folder:
            out.append(b"* %d EXISTS\r\n" % len(f.mails))
        if "UIDPLUS" in self.caps:
            told = b"%d" % uids[0]
            if len(uids) > 1:
                told += b":%d" % uids[-1]
            return b"OK [APPENDUID %d %s] stored" % (f.uidvalidity, told)
