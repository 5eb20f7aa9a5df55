"""The server of hostile.py with CONDSTORE and QRESYNC: it notices what a test
did to its messages between two commands."""
import re

from hostile import CAPS, Folder, Imap, expand
from mail import message

QRESYNC = CAPS + " ENABLE CONDSTORE QRESYNC ESEARCH"
CONDSTORE = CAPS + " CONDSTORE ESEARCH"


class Tracked(Imap):
    def __init__(self, caps=QRESYNC, **more):
        self.enabled = set()
        super().__init__(caps=caps, **more)

    def fill(self, names, each, step=0):
        """So many messages "name.j" in each folder, the j-th longer by j
        times step; every folder with a UIDVALIDITY of its own."""
        for i, name in enumerate(names):
            f = self.folders[name] = Folder(uidvalidity=7 + i)
            for j in range(each):
                f.add(message("%s.%d" % (name, j), step * j))

    def track(self, f):
        """Gives every change since the last look a modseq."""
        now = {m.uid: m for m in f.mails}
        was = f.__dict__.setdefault("was", {})
        f.__dict__.setdefault("modseq", 1)
        f.__dict__.setdefault("gone", [])
        for uid in sorted(set(was) - set(now)):
            f.modseq += 1
            f.gone.append((f.modseq, uid))
            del was[uid]
        for uid, m in sorted(now.items()):
            if was.get(uid) != m.flags:
                f.modseq += 1
                m.modseq = f.modseq
                was[uid] = set(m.flags)

    def command(self, conn):
        cmd = super().command(conn)
        for f in self.folders.values():
            self.track(f)
        return cmd

    def status(self, f):
        return {**super().status(f), "HIGHESTMODSEQ": f.modseq}

    def do_enable(self, conn, cmd, out):
        out.append(b"* ENABLED %s\r\n" % cmd.rest)
        conn.qresync = b"QRESYNC" in cmd.rest

    def changed(self, f, since, hits, out, size=False):
        for m in hits:
            if m.modseq > since:
                out.append(b"* %d FETCH (UID %d FLAGS (%s) MODSEQ (%d)%s)\r\n"
                           % (f.number(m), m.uid,
                              " ".join(sorted(m.flags)).encode(), m.modseq,
                              b" RFC822.SIZE %d" % len(m.body) if size
                              else b""))

    def do_select(self, conn, cmd, out):
        m = re.search(rb"\(QRESYNC \((\d+) (\d+)(?: 1:(\d+))?\)\)", cmd.rest)
        done = super().do_select(conn, cmd, out)
        f = conn.folder
        if done[:2] != b"OK":
            return done
        out.append(b"* OK [HIGHESTMODSEQ %d] ok\r\n" % f.modseq)
        if m and int(m.group(1)) == f.uidvalidity:
            since, top = int(m.group(2)), int(m.group(3) or f.uidnext - 1)
            gone = [u for s, u in f.gone if s > since and u <= top]
            if gone:
                out.append(b"* VANISHED (EARLIER) %s\r\n" %
                           b",".join(b"%d" % u for u in gone))
            self.changed(f, since, [x for x in f.mails if x.uid <= top], out)
        return done

    def do_uid_fetch(self, conn, cmd, out):
        m = re.search(rb"\(CHANGEDSINCE (\d+)\)", cmd.rest)
        if m:
            self.changed(conn.folder, int(m.group(1)), self.hit(conn, cmd),
                         out, b"RFC822.SIZE" in cmd.rest)
        else:
            super().do_uid_fetch(conn, cmd, out)

    def drop(self, conn, mails, out):
        if not getattr(conn, "qresync", False):
            return super().drop(conn, mails, out)
        if mails:
            out.append(b"* VANISHED %s\r\n" %
                       b",".join(b"%d" % m.uid for m in mails))
        for m in mails:
            conn.folder.mails.remove(m)

    def do_uid_search(self, conn, cmd, out):
        m = re.match(rb"(?:RETURN \((\w+)\) )?UID (\S+)$", cmd.rest)
        if not m:
            return super().do_uid_search(conn, cmd, out)
        what, among = m.group(1), expand(m.group(2))
        uids = [b"%d" % x.uid for x in conn.folder.mails
                if any(lo <= x.uid <= hi for lo, hi in among)]
        found = (b" COUNT %d" % len(uids) if what == b"COUNT" else
                 b" ALL " + b",".join(uids) if uids else b"")
        out.append(b'* ESEARCH (TAG "%s") UID%s\r\n' % (cmd.tag, found)
                   if what else b" ".join([b"* SEARCH"] + uids) + b"\r\n")
