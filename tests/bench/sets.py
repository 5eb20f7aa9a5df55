"""The mail of the benchmark: the same bytes in every run, on every machine.

S  1,000 messages as people have them, 43 MB, in 5 folders
M  20,000 messages of 4 KiB in 20 folders
L  200,000 messages of 1 KiB in one folder
F  10 messages of 1 KiB in each of 500 folders
K  10,000 folders with one message each

Scaled, S, M and L have fewer messages, F and K fewer folders. Every tenth
message is unread. What changes between two runs is decided here, too, by the
number of a message in its set.
"""
import base64
import random

FULL = {"S": (1000, 5), "M": (20000, 20), "L": (200000, 1), "F": (5000, 500),
        "K": (10000, 10000)}
TITLES = {
    "S": "{:,} messages as people have them",
    "M": "{:,} messages of 4 KiB",
    "L": "{:,} messages of 1 KiB",
    "F": "{:,} messages of 1 KiB",
    "K": "{:,} messages of 1 KiB",
}
UPLOAD = 1000

WORDS = ("the of and to in is that for it was on are as with his they at be "
         "this from have or by one had not but what all were when we there "
         "can an your which their said if do will each about how up out them "
         "then she many some so these would other into has more her two like "
         "him see time could no make than first been its who now people my "
         "made over did down only way find use may water long little very "
         "after words called just where most know meeting invoice Tuesday "
         "attached regards project contract deadline review").split()

# Of a hundred messages so many have up to so many bytes of text, and of
# attachment.
REALISTIC = ((45, 4000, 0), (25, 12000, 0), (12, 30000, 0), (9, 8000, 60000),
             (6, 6000, 250000), (3, 4000, 650000))


def _text(r, size):
    lines, n = [], 0
    while n < size:
        line = " ".join(r.choices(WORDS, k=r.randint(8, 13)))
        lines.append(line)
        n += len(line) + 2
    return "\r\n".join(lines).encode() + b"\r\n"


def _head(number, kind, more=b""):
    return (b"Return-Path: <ann@example.org>\r\n"
            b"From: Ann Example <ann@example.org>\r\n"
            b"To: Bob Example <bob@example.net>\r\n"
            b"Subject: %s %d\r\n"
            b"Date: Mon, 02 Nov 2026 10:%02d:%02d +0000\r\n"
            b"Message-ID: <%s.%d@example.org>\r\n%s\r\n" % (
                kind, number, number // 60 % 60, number % 60, kind, number,
                more))


class Plain:
    """Messages of one size; their text is cut from a long one."""

    def __init__(self, size):
        self.size = size
        self.text = _text(random.Random(size), 64 << 10)

    def __call__(self, number, kind=b"note"):
        head = _head(number, kind)
        want = max(self.size - len(head), 2)
        at = number * 97 % (len(self.text) - want)
        body = self.text[at:at + want - 2]
        # A bare CR or LF at either cut would not come back as it went.
        return head + body.lstrip(b"\n").rstrip(b"\r") + b"\r\n"


class Realistic:
    """Text of several lengths, some with an attachment in base64."""

    def __init__(self):
        self.noise = random.Random(1).randbytes(1 << 20)
        self.pick = [row for row in REALISTIC for _ in range(row[0])]

    def __call__(self, number, kind=b"letter"):
        r = random.Random(number)
        _, text, attached = self.pick[number * 37 % 100]
        body = _text(r, r.randint(text // 4, text))
        if not attached:
            return _head(number, kind) + body
        size = r.randint(attached // 3, attached)
        at = r.randint(0, len(self.noise) - size)
        data = base64.b64encode(self.noise[at:at + size])
        lines = b"\r\n".join(data[i:i + 76] for i in range(0, len(data), 76))
        mime = (b"MIME-Version: 1.0\r\n"
                b"Content-Type: multipart/mixed; boundary=\"=-cut-%d\"\r\n"
                % number)
        return (_head(number, kind, mime) + b"\r\n--=-cut-%d\r\n"
                b"Content-Type: text/plain\r\n\r\n%s\r\n--=-cut-%d\r\n"
                b"Content-Type: application/octet-stream\r\n"
                b"Content-Transfer-Encoding: base64\r\n\r\n%s\r\n"
                b"--=-cut-%d--\r\n" % (number, body, number, lines, number))


class Set:
    """One of them, scaled. Message g lies in folder g % folders."""

    def __init__(self, name, scale=1.0):
        self.name = name
        messages, folders = FULL[name]
        if name in "FK":
            each = messages // folders
            folders = max(round(folders * scale), 5)
            messages = folders * each
        else:
            messages = max(round(messages * scale / folders), 10) * folders
        self.messages = messages
        self.folders = ["INBOX"] + ["f%05d" % i for i in range(1, folders)]
        self.uploads = max(round(UPLOAD * scale), 20)
        self.make = {"S": Realistic, "M": lambda: Plain(4096)}.get(
            name, lambda: Plain(1024))()

    def title(self):
        n = len(self.folders)
        return "%s: %s in %s" % (
            self.name, TITLES[self.name].format(self.messages),
            "one folder" if n == 1 else "{:,} folders".format(n))

    def folder(self, number):
        return self.folders[number % len(self.folders)]

    def numbers(self, folder_number):
        """Its messages, in the order of their UIDs, which are 1 and up."""
        return range(folder_number, self.messages, len(self.folders))

    def uid(self, number):
        return number // len(self.folders) + 1

    def unread(self, number):
        return self.row(number) % 10 == 9

    def row(self, number):
        """A number of its own that goes on from folder to folder, so that
        what is picked by it is spread over all of them."""
        n = len(self.folders)
        return number // n + number % n * 7

    def picked(self, every, at):
        return [g for g in range(self.messages)
                if self.row(g) % every == at]

    def server_changes(self):
        """{folder: (uids to flag, uids to expunge, messages to add)}"""
        out = {}

        def of(number):
            return out.setdefault(self.folder(number), ([], [], []))
        for g in self.picked(100, 3):
            of(g)[0].append(self.uid(g))
        for g in self.picked(200, 7):
            of(g)[1].append(self.uid(g))
        for g in self.picked(200, 11):
            of(g)[2].append(self.make(g, b"later"))
        return out
