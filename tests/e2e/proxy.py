"""A TCP relay to 127.0.0.1 that counts, and can cut or delay."""
import select
import socket
import threading
import time

from listener import Listener


class Proxy:
    """cut_down, cut_up: the line breaks after so many bytes of a connection
    in that direction. delay_s: added each way. events: where what happens is
    written down in its order, as (this proxy, number of the connection,
    "open", "up", "down" or "shut", what passed); those of proxies that share
    such a list are in the order of their client, too. hold_down: behind so many
    bytes nothing more goes that way, and the line does not break either."""

    clients = set()  # sockets of proxies that share a list of events

    def __init__(self, port, delay_s=0.0, events=None, hold_down=None):
        self.to = port
        self.delay_s = delay_s
        self.hold_down = hold_down
        self.cut_down = self.cut_up = None
        self.bytes_down = self.bytes_up = 0
        self.lock = threading.Lock()
        self.open = []
        self.shared = events is not None
        self.events = events if self.shared else []
        self.taken = 0
        self.listener = Listener(self._take)
        self.port = self.listener.port

    def _settle(self):
        """What was sent before is written down before."""
        end = time.monotonic() + 2
        try:
            while select.select(list(self.clients), [], [], 0)[0] and \
                    time.monotonic() < end:
                time.sleep(0.001)
        except (OSError, ValueError):
            pass  # one was closed

    def _take(self, a):
        if self.shared:
            self._settle()
        try:
            b = socket.create_connection(("127.0.0.1", self.to))
        except OSError:
            a.close()
            return
        for s in (a, b):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open += [a, b]
        state = {"no": self.taken}
        self.taken += 1
        self.events.append((self, state["no"], "open", b""))
        if self.shared:
            self.clients.add(a)
        for args in ((a, b, "up", state), (b, a, "down", state)):
            threading.Thread(target=self._pump, args=args,
                             daemon=True).start()

    def _pump(self, a, b, way, state):
        left = self.cut_up if way == "up" else self.cut_down
        try:
            while True:
                # Events are in the order of the client.
                data = a.recv(65536, socket.MSG_PEEK if way == "up" else 0)
                if not data:
                    break
                event = (self, state["no"], way, data[:400])
                if way == "up":
                    self.events.append(event)
                    a.recv(len(data))
                if self.delay_s:
                    time.sleep(self.delay_s)
                if way == "down":
                    self.events.append(event)
                with self.lock:
                    if way == "up":
                        self.bytes_up += len(data)
                    else:
                        self.bytes_down += len(data)
                if way == "down" and self.hold_down is not None and \
                        self.bytes_down > self.hold_down:
                    continue
                if left is not None:
                    data, more = data[:left], len(data) >= left
                    left -= len(data)
                    b.sendall(data)
                    if more:
                        break
                else:
                    b.sendall(data)
        except OSError:
            pass
        if way == "up":
            self.events.append((self, state["no"], "shut", b""))
            self.clients.discard(a)
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    @staticmethod
    def most_open(events):
        """So many connections were there at the same time, at most. LOGOUT
        ends one: that it was shut is seen later."""
        now, most = set(), 0
        for proxy, no, what, passed in events:
            if what == "open":
                now.add((proxy, no))
            elif what == "shut" or (what == "up" and b" LOGOUT" in passed):
                now.discard((proxy, no))
            most = max(most, len(now))
        return most

    def __exit__(self, *unused):
        self.listener.stop()
        self.clients.difference_update(self.open)
        for s in self.open:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
