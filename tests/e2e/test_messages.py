"""What a message may look like, and that its bytes and its date survive."""
import hashlib
import os

import pytest

from mail import lf, message, subject

HEAD = b"From: a@example.org\r\nSubject: %s\r\n\r\n"

# What Dovecot keeps byte for byte.
ODD = {
    "no-newline-at-end": HEAD % b"no-newline-at-end" + b"end",
    "no-headers": b"\r\njust a body\r\n",
    "no-body": b"Subject: no-body\r\n",
    "one-byte": b"x",
    "only-a-newline": b"\r\n",
    "eight-bit-header": b"Subject: eight-bit-header\r\nX: \xff\xfe\xc3\xa9"
                        b"\r\n\r\nbody \x80\r\n",
    "bare-cr": HEAD % b"bare-cr" + b"a\rb\r\rc\r\n",
    "cr-at-end": HEAD % b"cr-at-end" + b"a\r\nb\r",
    "cr-before-crlf": HEAD % b"cr-before-crlf" + b"a\r\r\nb\r\n",
    "long-line": HEAD % b"long-line" + b"x" * 300000 + b"\r\n",
    "long-header": b"Subject: long-header\r\nX-Long: " + b"y" * 100000 +
                   b"\r\n\r\nbody\r\n",
    "dots": HEAD % b"dots" + b".\r\n..\r\n.hidden\r\n.\r\n",
    "mbox-from": HEAD % b"mbox-from" + b"From me\r\n>From you\r\n",
    "looks-like-imap": HEAD % b"looks-like-imap" +
                       b")\r\na1 OK done\r\n* BYE\r\n{100}\r\n",
    "header-without-colon": b"Subject: header-without-colon\r\nnonsense\r\n"
                            b"\r\nbody\r\n",
    "folded": b"Subject: folded\r\nMessage-ID:\r\n <a@b>\r\nDate:\r\n\t Mon, "
              b"02 Nov 2026 10:00:00 +0000\r\n\r\nbody\r\n",
    "empty-lines": HEAD % b"empty-lines" + b"\r\n" * 5000,
    "all-bytes": HEAD % b"all-bytes" +
                 bytes(b for b in range(1, 256) if b not in (10, 13)) +
                 b"\r\n",
}

# Dovecot drops these CRs when it takes the message.
REWRITTEN = {"cr-at-end", "cr-before-crlf"}


def test_odd_messages_come_down(w):
    with w.box() as b:
        uid = {n: b.append(body) for n, body in ODD.items()}
        kept = {m.uid: m.body for m in b.messages()}
        w.sync()
    got = {m.uid: m.body for m in w.local.messages()}
    for name, u in uid.items():
        assert (kept[u] == ODD[name]) == (name not in REWRITTEN), name
        assert got[u] == lf(kept[u]), name
    w.quiet()


def test_odd_messages_go_up(w):
    w.sync()
    want = [lf(body) for n, body in ODD.items() if n not in REWRITTEN]
    for body in want:
        w.local.add(body)
    w.sync()
    with w.box() as b:
        assert sorted(lf(m.body) for m in b.messages()) == sorted(want)
    w.quiet()


def test_what_the_server_rewrites_goes_up_once(w):
    """The server keeps other bytes than it was sent: no reason to send them
    again, or to touch the file."""
    w.sync()
    want = {ODD[n].replace(b"b\r\n", b"b\n") for n in REWRITTEN}
    for body in want:
        w.local.add(body)
    w.run()
    assert {m.body for m in w.local.messages()} == want
    with w.box() as b:
        assert len(b.messages()) == len(want)
    w.quiet()


def test_files_with_crlf_go_up_unchanged(w):
    """A file that has CRLF, or both kinds, is sent with CRLF throughout and
    stays as it is on disk."""
    w.sync()
    mixed = b"Subject: mixed\r\n\r\none\ntwo\r\nthree\n"
    crlf = HEAD % b"crlf" + b"body\r\n"
    for body in (mixed, crlf):
        w.local.add(body)
    w.sync()
    assert sorted(m.body for m in w.local.messages()) == sorted((mixed, crlf))
    with w.box() as b:
        assert {m.body for m in b.messages()} == {
            crlf, lf(mixed).replace(b"\n", b"\r\n")}
    w.quiet()


@pytest.mark.parametrize("name,body", [
    ("nul", b"Subject: nul\n\na\0b\n"), ("empty", b"")])
def test_what_cannot_be_uploaded_is_reported_and_left(w, name, body):
    w.sync()
    path = w.local.add(body)
    w.local.add(lf(message("fine")))
    r = w.run(code=1)
    assert os.path.basename(path).split(":")[0] in r.text, r
    with open(path, "rb") as f:
        assert f.read() == body
    with w.box() as b:
        assert [subject(m.body) for m in b.messages()] == ["fine"]
    # Again: still said, still not sent, and the other one is not doubled.
    w.run(code=1)
    with w.box() as b:
        assert len(b.messages()) == 1
    os.unlink(path)
    w.sync()


def test_bare_lf_on_a_server_that_keeps_it(w):
    """Dovecot completes bare LF at APPEND: whatever it kept comes down."""
    with w.box() as b:
        b.append(b"Subject: lf\n\none\ntwo\n")
        w.sync()
        w.quiet()


@pytest.mark.slow
def test_64_mib_both_ways(w):
    size = 64 << 20
    down = message("down", size)
    up = lf(message("up", size))
    with w.box() as b:
        b.append(down)
        w.run(timeout=120)
        got = w.local.messages()[0].body
        assert hashlib.sha1(got).digest() == hashlib.sha1(lf(down)).digest()
        w.local.add(up)
        w.run(timeout=120)
        hashes = {hashlib.sha1(lf(m.body)).digest() for m in b.messages()}
    assert hashes == {hashlib.sha1(lf(down)).digest(),
                      hashlib.sha1(up).digest()}
    w.quiet()


def test_dates_survive(w):
    """INTERNALDATE is the file's time, both ways."""
    with w.box() as b:
        b.append(message("old"), date=1000000000)
        w.sync()
        w.local.add(lf(message("older")), date=900000000)
        w.sync()
        assert {subject(m.body): m.date for m in b.messages()} == {
            "old": 1000000000, "older": 900000000}
    assert {subject(m.body): m.date for m in w.local.messages()} == {
        "old": 1000000000, "older": 900000000}


def test_names_of_files(w):
    """As OfflineIMAP writes them; unseen in new/, seen in cur/."""
    with w.box() as b:
        u1, u2 = b.append(message("a")), b.append(message("b"), flags="FS")
        w.sync()
    fmd5 = hashlib.md5(b"INBOX").hexdigest()
    a, b_ = w.local.find("a"), w.local.find("b")
    assert a.endswith(",U=%d,FMD5=%s:2," % (u1, fmd5)) and "/new/" in a
    assert b_.endswith(",U=%d,FMD5=%s:2,FS" % (u2, fmd5)) and "/cur/" in b_


def test_foreign_flags_and_fields_survive(w):
    """Letters and fields of other programs stay in the name."""
    with w.box() as b:
        b.append(message("m"), flags="S")
        uid = b.append(message("n"), flags="S")
        w.sync()
        for text in "mn":
            p = w.local.find(text)
            os.rename(p, p.replace(":2,S", ":2,PSab"))
        w.sync()
        b.store(uid, "+F")
        w.sync()
    assert w.local.find("m").endswith(":2,PSab")
    assert w.local.find("n").endswith(":2,FPSab")
    w.quiet()
    # A base with the fields of another server's Maildir.
    p = w.local.add(lf(message("sized")), flags="S")
    q = p.replace(":2,", ",S=1234,W=1250:2,")
    os.rename(p, q)
    w.sync()
    assert ",S=1234,W=1250" in w.local.find("sized")


def test_copy_with_our_uid_is_not_a_second_truth(w):
    """A mail reader copied a file with its U=: the copy is equal, so it is
    left and said, or uploaded once; never a loss, never more at each run."""
    with w.box() as b:
        b.append(message("m"), flags="S")
        w.sync()
        p = w.local.find("m")
        with open(p, "rb") as f:
            body = f.read()
        copy = os.path.join(os.path.dirname(p), "9." + os.path.basename(p))
        with open(copy, "wb") as f:
            f.write(body)
        w.run(code=(0, 1))
        n = len(b.messages())
        assert n in (1, 2)
        assert len(w.local.files()) == 2
        w.run(code=(0, 1))
        assert len(b.messages()) == n


def test_different_file_with_a_taken_uid_goes_up(w):
    with w.box() as b:
        b.append(message("m"), flags="S")
        w.sync()
        p = w.local.find("m")
        other = os.path.join(os.path.dirname(p), "9." + os.path.basename(p))
        with open(other, "wb") as f:
            f.write(lf(message("other")))
        w.run()
        assert sorted(subject(m.body) for m in b.messages()) == [
            "m", "other"]
        w.sync()


def test_moved_file_becomes_a_message_of_the_new_folder(w):
    """Moved with its name, as some mail readers do."""
    with w.box() as b:
        b.create("Archive")
        b.append(message("m"), flags="S")
        b.append(message("stay"))
        w.sync()
        p = w.local.find("m")
        os.rename(p, w.local.path("Archive", "cur", os.path.basename(p)))
        w.sync()
        assert [subject(m.body) for m in b.messages("Archive")] == ["m"]
        assert [subject(m.body) for m in b.messages()] == ["stay"]
    w.quiet()


def test_doomed_message(w):
    """Marked deleted before it was ever copied: a flag, nothing more."""
    with w.box() as b:
        b.append(message("m"), flags="T")
        w.sync()
        assert w.local.flags_of(w.local.find("m")) == "T"
        assert len(b.messages()) == 1


def test_identical_messages_stay_several(w):
    same = message("twin")
    with w.box() as b:
        for _ in range(3):
            b.append(same)
        w.sync()
        for _ in range(3):
            w.local.add(lf(same))
        w.sync()
        assert len(b.messages()) == 6
    w.quiet()
