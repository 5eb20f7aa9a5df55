#!/usr/bin/python3
"""A line between client and server: latency, a rate, and counters.

	line.py PORT DELAY_MS RATE_BIT_S

relays connections to PORT of 127.0.0.1; DELAY_MS is added each way, RATE (0:
none) is shared by all connections, in each direction. Prints its own port,
then answers every line on its standard input with a line of JSON: what went
through since the last one.

Every piece is stamped when it arrives and leaves at its own time, whatever is
in front of or behind it: a full line is as late as an empty one, not later.
What TCP itself needs to connect is not delayed, the first byte is.

A turn is a piece to the client on a connection whose last piece was one from
the client, as the client sees it: at least one for each wait.
"""
import collections
import json
import os
import select
import socket
import subprocess
import sys
import time

PIECE = 1 << 20  # read at once without a rate
SLICE = 8192  # and with one
# So much may be under way in one direction of a connection (as in a large
# window of TCP); with a rate, so many seconds.
WINDOW = 16 << 20
QUEUE_S = 0.1
NAP_S = 0.0005


class Pipe:
    """One direction of one connection."""

    def __init__(self, link, source, sink, up):
        self.link, self.source, self.sink, self.up = link, source, sink, up
        self.queue = collections.deque()  # (due, bytes; b"" is the end)
        self.queued = 0
        self.ended = False
        self.blocked = False


class Line:
    def __init__(self, port, delay_s, rate):
        self.to, self.delay_s, self.rate = port, delay_s, rate / 8
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.setblocking(False)
        self.poll = select.epoll()
        self.poll.register(self.listener, select.EPOLLIN)
        self.poll.register(0, select.EPOLLIN)
        self.pipes = {}  # source's fd: Pipe
        self.known = {}  # fd: what epoll waits for there
        self.free_at = {True: 0.0, False: 0.0}  # by direction, with a rate
        self.reset()

    def reset(self):
        self.total = {"up": 0, "down": 0, "turns": 0, "most_turns": 0,
                      "connections": 0}

    def accept(self):
        a, _ = self.listener.accept()
        b = socket.create_connection(("127.0.0.1", self.to))
        self.total["connections"] += 1
        link = {"last_up": False, "turns": 0, "open": 2}
        for s in (a, b):
            s.setblocking(False)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pipes[a.fileno()] = Pipe(link, a, b, True)
        self.pipes[b.fileno()] = Pipe(link, b, a, False)

    def full(self, p, now):
        if self.rate and self.free_at[p.up] > now + QUEUE_S:
            return True
        return p.queued > WINDOW

    def count_client(self, p, up):
        if p.link["last_up"] and not up:
            p.link["turns"] += 1
            self.total["turns"] += 1
            self.total["most_turns"] = max(self.total["most_turns"],
                                           p.link["turns"])
        p.link["last_up"] = up

    def read(self, p, now):
        try:
            data = p.source.recv(SLICE if self.rate else PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            p.ended = True
        elif p.up:
            self.count_client(p, True)
        self.total["up" if p.up else "down"] += len(data)
        if self.rate:
            now = max(now, self.free_at[p.up]) + len(data) / self.rate
            self.free_at[p.up] = now
        p.queue.append((now + self.delay_s, data))
        p.queued += len(data)

    def write(self, p, now):
        """What is due; how long until the next is."""
        p.blocked = False
        while p.queue and p.queue[0][0] <= now:
            due, data = p.queue[0]
            try:
                if not data:
                    p.sink.shutdown(socket.SHUT_WR)
                    n = 0
                else:
                    n = p.sink.send(data)
            except BlockingIOError:
                p.blocked = True
                return None
            except OSError:
                # Nobody is there: what is left goes nowhere.
                p.queue.clear()
                self.end(p)
                return None
            if not p.up and data:
                self.count_client(p, False)
            p.queued -= n
            if n == len(data):
                p.queue.popleft()
                if not data:
                    self.end(p)
            else:
                p.queue[0] = (due, memoryview(data)[n:])
        return p.queue[0][0] - now if p.queue else None

    def end(self, p):
        p.ended = True
        p.link["open"] -= 1
        if p.link["open"] <= 0:
            for s in (p.source, p.sink):
                self.pipes.pop(s.fileno(), None)
                self.watch(s.fileno(), 0)
                s.close()

    def watch(self, fd, events):
        if self.known.get(fd, 0) == events:
            return
        if self.known.pop(fd, 0):
            self.poll.unregister(fd)
        if events:
            self.poll.register(fd, events)
            self.known[fd] = events

    def interest(self, now):
        """Tells epoll what to wait for."""
        want = dict.fromkeys(self.known, 0)
        for p in self.pipes.values():
            if not p.ended and not self.full(p, now):
                fd = p.source.fileno()
                want[fd] = want.get(fd, 0) | select.EPOLLIN
            if p.blocked:
                fd = p.sink.fileno()
                want[fd] = want.get(fd, 0) | select.EPOLLOUT
        for fd, events in want.items():
            self.watch(fd, events)

    def step(self):
        now = time.monotonic()
        waits = []
        for p in list(self.pipes.values()):
            wait = self.write(p, now)
            if wait is not None:
                waits.append(wait)
        self.interest(now)
        if any(self.full(p, now) for p in self.pipes.values()):
            waits.append(0.005)
        events = self.poll.poll(max(min(waits), 0) if waits else -1)
        now = time.monotonic()
        for fd, event in events:
            if fd == self.listener.fileno():
                self.accept()
            elif fd == 0:
                if not self.answer():
                    return False
            elif fd in self.pipes and not self.pipes[fd].ended and \
                    event & ~select.EPOLLOUT:
                self.read(self.pipes[fd], now)
        if self.pipes:
            # Larger pieces, fewer of them: this process has not to be what
            # the others wait for.
            time.sleep(NAP_S)
        return True

    def answer(self):
        if not os.read(0, 100):
            return False
        print(json.dumps(self.total), flush=True)
        self.reset()
        return True

    def run(self):
        print(self.listener.getsockname()[1], flush=True)
        while self.step():
            pass


class Relay:
    """It, in a process of its own. Without delay and rate there is none:
    the port is the server's, and nothing is counted."""

    def __init__(self, port, spec):
        self.delay_ms, self.rate = parse(spec)
        self.process = None
        self.port = port
        if self.delay_ms or self.rate:
            self.process = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), str(port),
                 str(self.delay_ms), str(self.rate)], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.port = int(self.process.stdout.readline())

    def take(self):
        """What went through since the last call; {} without a line."""
        if not self.process:
            return {}
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


def parse(spec):
    """"100": 100 ms of round trip; "20M": 20 Mbit/s; "20M+40": both. The
    delay each way in ms, and bits per second."""
    delay, rate = 0.0, 0
    for word in spec.split("+"):
        if word.endswith("M"):
            rate = int(float(word[:-1]) * 1e6)
        else:
            delay = float(word) / 2
    return delay, rate


def title(spec):
    delay, rate = parse(spec)
    words = []
    if rate:
        words.append("%g Mbit/s" % (rate / 1e6))
    if delay or not rate:
        words.append("%g ms" % (delay * 2))
    return ", ".join(words)


if __name__ == "__main__":
    Line(int(sys.argv[1]), float(sys.argv[2]) / 1000,
         int(sys.argv[3])).run()
