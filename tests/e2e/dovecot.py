"""A private Dovecot on loopback, for tests and for the demo.

It has its own configuration, data and run folder, listens on free ports of
127.0.0.1 (and 127.0.0.2, a name its certificate does not carry), takes any
user with the password `secret`, and is gone after stop(). It runs as root or
as anybody.
"""
import collections
import getpass
import imaplib
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

PASSWORD = "secret"


def free_port():
    """A port that was free on both loopback addresses a moment ago."""
    while True:
        with socket.socket() as a, socket.socket() as b:
            a.bind(("127.0.0.1", 0))
            port = a.getsockname()[1]
            try:
                b.bind(("127.0.0.2", port))
            except OSError:
                continue
            return port


def fast_dir(prefix):
    """A new folder, in memory if the machine offers it."""
    shm = "/dev/shm"
    base = None
    if os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 4 << 30:
        base = shm
    path = tempfile.mkdtemp(prefix=prefix, dir=base)
    os.chmod(path, 0o755)
    return path


class Certificates:
    """A CA made on the spot, and one server certificate signed by it."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.ca = os.path.join(folder, "ca.pem")
        self.ca_key = os.path.join(folder, "ca.key")
        self._openssl("req", "-x509", *self._new_key(), "-keyout",
                      self.ca_key, "-out", self.ca, "-days", "30", "-subj",
                      "/CN=Test CA", "-addext",
                      "keyUsage=critical,keyCertSign,cRLSign")
        self.cert, self.key = self.make(
            "server", "DNS:localhost,IP:127.0.0.1")

    @staticmethod
    def _new_key():
        return ["-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes"]

    @staticmethod
    def _openssl(*args):
        subprocess.run(["openssl", *args], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def make(self, name, san, days=30):
        """(certificate, key) signed by the CA; san as openssl writes it."""
        stem = os.path.join(self.folder, name)
        with open(stem + ".ext", "w") as f:
            f.write("subjectAltName=%s\nextendedKeyUsage=serverAuth\n" % san)
        self._openssl("req", *self._new_key(), "-keyout", stem + ".key",
                      "-out", stem + ".csr", "-subj", "/CN=" + name)
        self._openssl("x509", "-req", "-in", stem + ".csr", "-CA", self.ca,
                      "-CAkey", self.ca_key, "-CAcreateserial", "-days",
                      str(days), "-extfile", stem + ".ext", "-out",
                      stem + ".pem")
        return stem + ".pem", stem + ".key"

    def self_signed(self, name, san):
        stem = os.path.join(self.folder, name)
        self._openssl("req", "-x509", *self._new_key(), "-keyout",
                      stem + ".key", "-out", stem + ".pem", "-days", "30",
                      "-subj", "/CN=" + name, "-addext",
                      "subjectAltName=" + san)
        return stem + ".pem", stem + ".key"


class Dovecot:
    """storage: mdbox, sdbox or maildir. capability: the exact list to
    announce after login (imap_capability), to play a poorer server. ssl:
    False for a server that knows no TLS. extra: more configuration."""

    status_items = "(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)"

    def __init__(self, storage="mdbox", capability=None, mechanisms=None,
                 tls=True, separator="/", prefix="", extra="", dir=None):
        self.storage = storage
        self.capability = capability
        self.mechanisms = mechanisms or "plain login cram-md5"
        self.tls = tls
        self.separator = separator
        self.prefix = prefix
        self.extra = extra
        self.own_dir = dir is None
        self.dir = dir or fast_dir("wherry-dovecot-")
        self.log = os.path.join(self.dir, "log")
        self.log_read, self.logged_in = 0, collections.Counter()
        self.process = None
        self.certificates = Certificates(os.path.join(self.dir, "tls"))
        self.ca = self.certificates.ca

    def home(self, user):
        return os.path.join(self.dir, "home", user)

    def _config(self):
        root = os.geteuid() == 0
        mail_user = "nobody" if root else getpass.getuser()
        who = pwd.getpwnam(mail_user)
        self.mail_ids = (who.pw_uid, who.pw_gid)
        c = """
base_dir = {dir}/run
state_dir = {dir}/run
log_path = {log}
protocols = imap
listen = 127.0.0.1, 127.0.0.2
mail_location = {storage}:~/mail
mail_fsync = never
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
first_valid_gid = 1
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
auth_cache_size = 0
mail_max_userip_connections = 50
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/home/%n
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
}}
service imap-login {{
  service_count = 0
  process_min_avail = 1
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = {tls}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
imap_logout_format = in=%i out=%o headers=%{{fetch_hdr_count}} \
bodies=%{{fetch_body_count}} body_bytes=%{{fetch_body_bytes}} \
expunged=%{{expunged}} appended=%{{appended}}
""".format(dir=self.dir, log=self.log, storage=self.storage,
           uid=who.pw_uid, gid=who.pw_gid, mechanisms=self.mechanisms,
           password=PASSWORD, separator=self.separator, prefix=self.prefix,
           port=self.port, tls_port=self.tls_port,
           tls="yes" if self.tls else "no")
        if self.tls:
            c += "ssl = yes\nssl_cert = <%s\nssl_key = <%s\n" % (
                self.certificates.cert, self.certificates.key)
        else:
            c += "ssl = no\n"
        if self.capability:
            c += "imap_capability = %s\n" % self.capability
        if not root:
            me = getpass.getuser()
            import grp
            group = grp.getgrgid(os.getgid()).gr_name
            c += ("default_internal_user = %s\ndefault_login_user = %s\n"
                  "default_internal_group = %s\n" % (me, me, group))
        return c + self.extra

    def start(self):
        os.makedirs(os.path.join(self.dir, "home"), exist_ok=True)
        os.makedirs(os.path.join(self.dir, "run"), exist_ok=True)
        for attempt in range(5):
            self.port, self.tls_port = free_port(), free_port()
            conf = os.path.join(self.dir, "dovecot.conf")
            with open(conf, "w") as f:
                f.write(self._config())
            if os.geteuid() == 0:
                os.chown(os.path.join(self.dir, "home"), *self.mail_ids)
            dovecot = shutil.which("dovecot", path=os.environ.get(
                "PATH", "") + ":/usr/sbin:/usr/local/sbin")
            # Its output goes to a file: a daemon that holds a pipe open
            # would keep whoever reads that pipe waiting.
            with open(os.path.join(self.dir, "out"), "ab") as out:
                self.process = subprocess.Popen(
                    [dovecot, "-c", conf, "-F"], stdin=subprocess.DEVNULL,
                    stdout=out, stderr=out, start_new_session=True)
            if self._wait_ready():
                return self
            self._end()
        raise RuntimeError("dovecot does not start:\n" + self.trouble())

    def trouble(self):
        text = ""
        for name in ("out", "log"):
            path = os.path.join(self.dir, name)
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    text += f.read()[-2000:]
        return text

    def _wait_ready(self):
        end = time.monotonic() + 15
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return False
            try:
                with socket.create_connection(
                        ("127.0.0.1", self.port), 1) as s:
                    s.settimeout(10)
                    if s.recv(4) == b"* OK":
                        return True
            except OSError:
                time.sleep(0.02)
        return False

    def _end(self):
        """Ends the master and what is left of its session, by its ids."""
        p, self.process = self.process, None
        if p is None:
            return
        if p.poll() is None:
            p.terminate()
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        p.wait()

    def stop(self):
        self._end()
        if self.own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()

    def login(self, user, host="127.0.0.1"):
        """A plain imaplib connection for the test itself: the same mail
        under another login, so that sessions() tells them apart."""
        c = imaplib.IMAP4(host, self.port)
        c.login(user + "@test", PASSWORD)
        return c

    def context(self):
        return ssl.create_default_context(cafile=self.ca)

    # What a session cost, read from the server's own log.

    def at_work(self):
        """Users who are logged in, but for those of login()."""
        with open(self.log, "rb") as f:
            f.seek(self.log_read)
            text = f.read()
        text = text[:text.rfind(b"\n") + 1]
        self.log_read += len(text)
        for m in re.finditer(rb"Login: user=<([^>]*)>|imap\(([^)]*)\)<[^\n]*?"
                             rb": (?:Disconnected|Logged out)", text):
            user = (m.group(1) or m.group(2)).decode()
            self.logged_in[user] += 1 if m.group(1) else -1
        return {u for u, n in self.logged_in.items()
                if n > 0 and not u.endswith("@test")}

    def idle(self, user=None, timeout=10):
        """Waits until the sessions of user, or of all, have ended: they do
        that some time after the client has gone, and log it then."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if not (self.at_work() & {user} if user else self.at_work()):
                return
            time.sleep(0.01)
        self.logged_in.clear()

    def log_settle(self, timeout=10):
        """One process writes the log, and may be behind all others: waits
        for what a session that begins now leaves there."""
        end = time.monotonic() + timeout
        size = os.path.getsize(self.log)
        try:
            self.login("mark").logout()
        except imaplib.IMAP4.error:
            return
        line = re.compile(rb"imap\(mark@test\)<[^\n]*?: (?:Disconnected|"
                          rb"Logged out)[^\n]*\n")
        while time.monotonic() < end:
            with open(self.log, "rb") as f:
                f.seek(size)
                if line.search(f.read()):
                    return
            time.sleep(0.005)

    def log_mark(self):
        """A place in the log, once the sessions before it have logged."""
        self.log_settle()
        last = -1
        while True:
            self.idle()
            size = os.path.getsize(self.log)
            if size == last:
                return size
            last = size
            time.sleep(0.06)

    def sessions(self, user, since, at_least=1, timeout=30):
        """One dict of counters per session of user that ended after `since`
        (a log_mark()). Waits until there are at_least so many, and as many
        as logged in since then."""
        end = time.monotonic() + timeout
        line = re.compile(r"imap\(%s\)<[^\n]*?: (?:Disconnected|Logged out)"
                          r"[^\n]* in=(?P<all>[^\n]*)" % re.escape(user))
        while True:
            found = []
            with open(self.log, errors="replace") as f:
                f.seek(since)
                text = f.read()
                began = text.count("Login: user=<%s>" % user)
                for m in line.finditer(text):
                    words = ("in=" + m.group("all")).split()
                    found.append({k: int(v) for k, v in (
                        w.split("=") for w in words if "=" in w)})
            if len(found) >= max(at_least, began) or time.monotonic() > end:
                return found
            time.sleep(0.02)

    def cost(self, user, since):
        """The same, summed."""
        total = {"bodies": 0, "headers": 0, "body_bytes": 0, "expunged": 0,
                 "appended": 0, "in": 0, "out": 0}
        for s in self.sessions(user, since):
            for k, v in s.items():
                total[k] = total.get(k, 0) + v
        return total


if __name__ == "__main__":
    with Dovecot() as d:
        print(d.port, d.tls_port, d.ca)
        time.sleep(3600)
