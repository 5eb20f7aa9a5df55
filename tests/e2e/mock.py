"""A server of a few lines for what no honest server does.

Everything a client sends is kept in .received, so that a test can say what
was never sent.
"""
import re
import socket
import ssl
import threading

from listener import Listener


class Server:
    """Listens on 127.0.0.1; talk(connection) runs for each client in a
    thread of its own. Looks like a Dovecot to the driver."""

    ca = ""

    def __init__(self, talk=None):
        self.received = b""
        self.lock = threading.Lock()
        self.connections = []
        if talk is not None:
            self.talk = lambda conn: talk(self, conn)
        self.listener = Listener(self._take)
        self.port = self.tls_port = self.listener.port

    def _take(self, s):
        conn = Connection(self, s)
        self.connections.append(conn)
        threading.Thread(target=self._serve, args=(conn,),
                         daemon=True).start()

    def hear(self, data):
        """Connections have a thread each, and += is more than one step."""
        with self.lock:
            self.received += data

    def _serve(self, conn):
        try:
            self.talk(conn)
        except (OSError, EOFError):
            pass
        finally:
            conn.close()

    def talk(self, conn):
        raise NotImplementedError

    def log_mark(self):
        return 0

    def stop(self):
        self.listener.stop()
        for c in self.connections:
            c.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()


class Connection:
    def __init__(self, server, sock):
        self.server = server
        self.sock = sock
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data)

    def wrap(self, cert, key):
        """TLS from here on, as the server."""
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(cert, key)
        self.sock = c.wrap_socket(self.sock, server_side=True)

    def line(self):
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self.server.hear(data)
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r")

    def drain(self):
        """Reads until the client goes."""
        while True:
            data = self.sock.recv(65536)
            if not data:
                return
            self.server.hear(data)

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        try:
            self.sock.close()
        except OSError:
            pass


class Imap(Server):
    """Enough of IMAP to log in, list and select empty folders. `answer` may
    take over: answer(conn, tag, command, line) -> True if it did."""

    def __init__(self, folders=("INBOX",), capability="IMAP4rev1 UIDPLUS "
                 "AUTH=PLAIN", greeting=b"* OK hello\r\n", answer=None):
        self.folders = list(folders)
        self.capability = capability.encode()
        self.greeting = greeting
        self.answer = answer
        super().__init__()

    def talk(self, conn):
        conn.send(self.greeting)
        while True:
            line = conn.line()
            m = re.match(rb"(\S+) (UID \S+|\S+)", line)
            if not m:
                conn.send(b"* BAD what\r\n")
                continue
            tag, command = m.group(1), m.group(2).upper().decode()
            if self.answer and self.answer(conn, tag, command, line):
                continue
            self.usual(conn, tag, command, line)

    def usual(self, conn, tag, command, line):
        if command == "CAPABILITY":
            conn.send(b"* CAPABILITY " + self.capability + b"\r\n")
        elif command == "AUTHENTICATE" and len(line.split()) == 3:
            conn.send(b"+ \r\n")
            conn.line()
        elif command == "NAMESPACE":
            conn.send(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
        elif command == "LIST":
            if line.rstrip().endswith(b'""'):
                conn.send(b'* LIST (\\Noselect) "/" ""\r\n')
            else:
                for f in self.folders:
                    conn.send(b'* LIST () "/" "%s"\r\n' % f.encode())
        elif command in ("SELECT", "EXAMINE"):
            conn.send(b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen "
                      b"\\Draft)\r\n* 0 EXISTS\r\n* 0 RECENT\r\n"
                      b"* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 1] ok\r\n"
                      b"* OK [PERMANENTFLAGS (\\Answered \\Flagged "
                      b"\\Deleted \\Seen \\Draft \\*)] ok\r\n")
        elif command == "STATUS":
            name = re.search(rb'STATUS ("[^"]*"|\S+)', line).group(1)
            conn.send(b"* STATUS " + name + b" (MESSAGES 0 UIDNEXT 1 "
                      b"UIDVALIDITY 7 UNSEEN 0)\r\n")
        elif command == "LOGOUT":
            conn.send(b"* BYE bye\r\n" + tag + b" OK bye\r\n")
            raise EOFError
        conn.send(tag + b" OK done\r\n")
