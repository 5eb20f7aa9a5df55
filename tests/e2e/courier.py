"""Courier's imapd behind a listener of our own: the listener speaks TLS and
takes the login, everything after it is Courier. So it needs neither its
authentication daemon nor its compiled-in paths. Unpacked, not installed
(tests/servers.sh)."""
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading

from cyrus import HERE, Foreign, fetch, libraries, try_library
from dovecot import PASSWORD, Certificates, fast_dir
from listener import Listener

# What Courier says of itself (its own default), without ways to log in that
# the listener does not know.
CAPABILITY = ("IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT "
              "THREAD=REFERENCES SORT QUOTA IDLE")


class Courier(Foreign):
    def __init__(self):
        self.top = fetch("courier")
        self.env = libraries(self.top)
        self.imapd = os.path.join(self.top, "usr/bin/imapd")
        self.dir = fast_dir("wherry-courier-")
        self.children = []
        self.listeners = []
        try:
            self.build()
        except Exception:
            self.stop()
            raise

    def build(self):
        fam = os.path.join(self.dir, "libfam.so.0")
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC",
                        "-o", fam, os.path.join(HERE, "nofam.c")], check=True)
        self.env["LD_LIBRARY_PATH"] += ":" + self.dir
        try_library(self.imapd, self.env)
        self.certificates = Certificates(os.path.join(self.dir, "tls"))
        self.ca = self.certificates.ca

    def start(self):
        self.port = self.listen(None)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificates.cert,
                                self.certificates.key)
        self.tls_port = self.listen(context)
        return self

    def listen(self, context):
        def take(c):
            threading.Thread(target=self.session, args=(c, context),
                             daemon=True).start()
        self.listeners.append(Listener(take))
        return self.listeners[-1].port

    def session(self, c, context):
        try:
            c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context:
                c = context.wrap_socket(c, server_side=True)
            self.talk(c)
        except OSError:
            pass
        finally:
            c.close()

    def talk(self, c):
        c.sendall(b"* OK [CAPABILITY %s] Courier-IMAP ready.\r\n" %
                  CAPABILITY.encode())
        rest = b""
        while True:
            while b"\r\n" not in rest:
                data = c.recv(4096)
                if not data:
                    return
                rest += data
            line, _, rest = rest.partition(b"\r\n")
            tag, _, command = line.partition(b" ")
            words = command.split(b" ")
            verb = words[0].upper()
            if verb == b"LOGIN":
                user, password = re.findall(rb'"((?:[^"\\]|\\.)*)"|(\S+)',
                                            command[6:])
                user, password = user[0] or user[1], \
                    password[0] or password[1]
            elif verb == b"CAPABILITY":
                c.sendall(b"* CAPABILITY %s\r\n%s OK done\r\n" % (
                    CAPABILITY.encode(), tag))
                continue
            elif verb == b"LOGOUT":
                c.sendall(b"* BYE\r\n%s OK done\r\n" % tag)
                return
            else:
                c.sendall(tag + b" NO Error in IMAP command received by "
                          b"server.\r\n")
                continue
            if password.decode() == PASSWORD:
                return self.hand_over(c, tag.decode(), user.decode(), rest)
            c.sendall(tag + b" NO Login failed.\r\n")

    def hand_over(self, c, tag, user, rest):
        home = os.path.join(self.dir, user)
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(home, "Maildir", part), exist_ok=True)
        ours, its = socket.socketpair()
        env = dict(self.env, AUTHENTICATED=user, AUTHADDR=user,
                   IMAPLOGINTAG=tag, HOME=home, TCPREMOTEIP="127.0.0.1",
                   TCPREMOTEPORT="1", PROTOCOL="IMAP",
                   IMAP_CAPABILITY=CAPABILITY, IMAP_TRASHFOLDERNAME="Trash",
                   IMAP_EMPTYTRASH="", IMAP_USELOCKS="1", IMAP_KEYWORDS="1",
                   IMAP_ENHANCEDIDLE="0", IMAP_OBSOLETE_CLIENT="0",
                   IMAP_MAXPENDING="0", IMAP_IDLE_TIMEOUT="60",
                   MAILDIR=os.path.join(home, "Maildir"))
        with open(os.path.join(self.dir, "log"), "ab") as log:
            p = subprocess.Popen([self.imapd, "Maildir"], stdin=its,
                                 stdout=its, stderr=log, env=env, cwd=home)
        its.close()
        self.children.append(p)
        up = threading.Thread(target=self.pump, args=(c, ours, rest),
                              daemon=True)
        up.start()
        self.pump(ours, c, b"")
        # Who is about to read from a number that is free again reads what is
        # another connection's.
        up.join()
        ours.close()
        p.wait()
        self.children.remove(p)

    @staticmethod
    def pump(a, b, rest):
        """From a to b, to the end."""
        try:
            if rest:
                b.sendall(rest)
            while True:
                data = a.recv(65536)
                if not data:
                    break
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        for s in self.listeners:
            s.stop()
        for p in list(self.children):
            p.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()
