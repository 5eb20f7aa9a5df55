"""A private Cyrus on loopback: the same face as dovecot.Dovecot, as far as
the tests of both need it. It is unpacked, not installed (tests/servers.sh),
and takes any user with any password."""
import getpass
import imaplib
import os
import pwd
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

from dovecot import PASSWORD, Certificates, fast_dir, free_port

HERE = os.path.dirname(os.path.abspath(__file__))


class NotHere(Exception):
    """This server cannot be had on this machine."""


def fetch(name):
    """The folder where tests/servers.sh has put it."""
    p = subprocess.run([os.path.join(os.path.dirname(HERE), "servers.sh"),
                        name], capture_output=True, text=True, check=False)
    if p.returncode:
        raise NotHere("%s cannot be fetched: %s" % (
            name, (p.stdout + p.stderr).strip()[-300:]))
    return p.stdout.strip()


def libraries(top):
    """The environment in which its programs find their libraries."""
    found = {d for d, _, names in os.walk(top)
             if any(".so" in n for n in names)}
    return {"PATH": os.environ["PATH"], "LC_ALL": "C",
            "LD_LIBRARY_PATH": ":".join(sorted(found))}


def try_library(program, env):
    p = subprocess.run(["ldd", program], env=env, capture_output=True,
                       text=True, check=False)
    missing = [line.split()[0] for line in p.stdout.splitlines()
               if "not found" in line]
    if p.returncode or missing:
        raise NotHere("%s: no %s" % (os.path.basename(program),
                                     ", ".join(missing) or "library"))


class Foreign:
    """What the tests ask of a server that is not Dovecot."""
    status_items = "(MESSAGES UIDNEXT UIDVALIDITY)"
    ca = None

    def login(self, user, host="127.0.0.1"):
        c = imaplib.IMAP4(host, self.port)
        c.login(user, PASSWORD)
        return c

    # It keeps no account of what a session cost.

    def log_mark(self):
        return 0

    def cost(self, user, since):
        return {"bodies": 0, "headers": 0, "body_bytes": 0, "expunged": 0,
                "appended": 0, "in": 0, "out": 0}


class Cyrus(Foreign):
    status_items = "(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)"

    def __init__(self):
        self.top = fetch("cyrus")
        self.bin = os.path.join(self.top, "usr/lib/cyrus/bin")
        self.env = libraries(self.top)
        try_library(os.path.join(self.bin, "imapd"), self.env)
        self.dir = fast_dir("wherry-cyrus-")
        self.certificates = Certificates(os.path.join(self.dir, "tls"))
        self.ca = self.certificates.ca
        self.process = None

    def path(self, *more):
        return os.path.join(self.dir, *more)

    def configure(self):
        user = "nobody" if os.geteuid() == 0 else getpass.getuser()
        self.port, self.tls_port = free_port(), free_port()
        with open(self.path("imapd.conf"), "w") as f:
            f.write("""configdirectory: {dir}/config
partition-default: {dir}/mail
defaultpartition: default
cyrus_user: {user}
admins: admin
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: {dir}/auth
autocreate_users: anyone
autocreate_quota: 0
virtdomains: off
tls_server_cert: {cert}
tls_server_key: {key}
tls_session_timeout: 0
proc_path: {dir}/proc
mboxname_lockpath: {dir}/lock
idlesocket: {dir}/config/socket/idle
skiplist_unsafe: yes
""".format(dir=self.dir, user=user, cert=self.certificates.cert,
                key=self.certificates.key))
        with open(self.path("cyrus.conf"), "w") as f:
            f.write("""START {{
  recover cmd="{bin}/ctl_cyrusdb -C {dir}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {dir}/imapd.conf" listen="127.0.0.1:{port}" \
prefork=1
  imaps cmd="{bin}/imapd -C {dir}/imapd.conf -s" \
listen="127.0.0.1:{tls_port}" prefork=1
}}
EVENTS {{
}}
""".format(bin=self.bin, dir=self.dir, port=self.port,
                tls_port=self.tls_port))
        for d in ("config", "config/socket", "config/db", "config/log",
                  "config/proc", "config/msg", "config/user", "config/quota",
                  "config/sieve", "mail", "proc", "lock"):
            os.makedirs(self.path(d), exist_ok=True)
        if os.geteuid() == 0:
            who = pwd.getpwnam(user)
            for top, dirs, names in os.walk(self.dir):
                for n in [""] + names:
                    os.chown(os.path.join(top, n), who.pw_uid, who.pw_gid)
            os.chmod(self.dir, 0o755)

    def answer_passwords(self):
        """As saslauthd: four counted words (user, password, service, realm),
        and everybody is welcome who says the one password."""
        self.auth = socket.socket(socket.AF_UNIX)
        self.auth.bind(self.path("auth"))
        os.chmod(self.path("auth"), 0o777)
        self.auth.listen(50)

        def words(c):
            for _ in range(4):
                n, = struct.unpack(">H", c.recv(2, socket.MSG_WAITALL))
                yield c.recv(n, socket.MSG_WAITALL) if n else b""

        def serve():
            while True:
                try:
                    c, _ = self.auth.accept()
                except OSError:
                    return
                with c:
                    try:
                        said = list(words(c))
                        text = b"OK" if said[1] == PASSWORD.encode() else \
                            b"NO"
                        c.sendall(struct.pack(">H", len(text)) + text)
                    except (OSError, struct.error):
                        pass
        threading.Thread(target=serve, daemon=True).start()

    def start(self):
        self.configure()
        self.answer_passwords()
        env = dict(self.env, CYRUS_VERBOSE="0")
        with open(self.path("out"), "ab") as out:
            self.process = subprocess.Popen(
                [os.path.join(self.bin, "master"), "-C",
                 self.path("imapd.conf"), "-M", self.path("cyrus.conf"),
                 "-p", self.path("config/pid"), "-D"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=env, start_new_session=True)
        end = time.monotonic() + 40
        while time.monotonic() < end and self.process.poll() is None:
            if self.greets(self.port) and self.greets(self.tls_port, True):
                return self
            time.sleep(0.05)
        with open(self.path("out"), errors="replace") as f:
            said = f.read()[-2000:]
        self.stop()
        raise RuntimeError("cyrus does not start:\n" + said)

    def greets(self, port, tls=False):
        """Both have processes of their own, which the first who comes waits
        for."""
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.settimeout(10)
                if tls:
                    s = ssl.create_default_context(
                        cafile=self.ca).wrap_socket(
                            s, server_hostname="localhost")
                with s:
                    return s.recv(4) == b"* OK"
        except OSError:
            return False

    def stop(self):
        p, self.process = self.process, None
        if p is not None:
            try:
                os.killpg(p.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            p.wait()
        self.auth.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()
