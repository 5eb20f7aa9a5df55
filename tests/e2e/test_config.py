"""The command line, the configuration file, and what they say when wrong."""
import os
import re

import pytest

from mail import lf, message, subject


def rewrite(w, old, new):
    with open(w.conf) as f:
        text = f.read()
    assert old in text
    with open(w.conf, "w") as f:
        f.write(text.replace(old, new))


def test_no_configuration(w):
    """Five friendly lines."""
    os.unlink(w.conf)
    r = w.run(code=78, conf=False)
    lines = [x for x in r.text.splitlines() if x.strip()]
    assert 1 <= len(lines) <= 8, r
    assert "wherry.conf" in r.text


def test_named_configuration_is_missing(w):
    os.unlink(w.conf)
    r = w.run(code=78)
    assert w.conf in r.text


@pytest.mark.parametrize("place", [
    ".config/wherry/wherry.conf", ".config/offlineimap/config",
    ".offlineimaprc"])
def test_places(w, place):
    path = os.path.join(w.home, place)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.rename(w.conf, path)
    w.run(conf=False)
    w.check()


def test_default_metadata(make):
    """An OfflineIMAP configuration keeps OfflineIMAP's place."""
    w = make(general={"metadata": None})
    w.sync()
    assert os.listdir(os.path.join(w.home, ".local/state/wherry"))
    os.rename(w.conf, os.path.join(w.home, ".offlineimaprc"))
    w.run(conf=False)
    assert os.listdir(os.path.join(w.home, ".offlineimap"))


@pytest.mark.parametrize("args", [["--nonsense"], ["-c"], ["-u", "what"],
                                  ["-a"], ["extra", "words"]])
def test_usage(w, args):
    r = w.run(*args, code=64)
    assert r.err.strip()


@pytest.mark.parametrize("arg", ["--version", "-V", "-h", "--help"])
def test_about(w, arg):
    r = w.run(arg, conf=False)
    assert r.out.strip() and not r.err.strip()
    if "h" in arg:
        for option in ("-c", "-a", "-f", "-o", "-l", "-u", "-d",
                       "--dry-run", "--stats"):
            assert option in r.out


@pytest.mark.parametrize("old,new,words", [
    ("[general]", "[general", ()),
    ("[general]\n", "[general]\nnonsense\n", ()),
    ("[Account Test]", "[Account Other]", ("Test",)),
    ("accounts = Test\n", "", ("accounts",)),
    ("localrepository = Here", "localrepository = Nowhere",
     ("localrepository",)),
    ("type = IMAP", "type = POP3", ("type", "IMAP")),
    ("type = Maildir", "type = mbox", ("type", "Maildir")),
    ("sep = .", "sep = ab", ("sep",)),
    ("type = IMAP\n", "type = IMAP\nssl = perhaps\n", ("ssl",)),
    ("remoteport = ", "remoteport = x", ("remoteport",)),
    ("remotehost = localhost\n", "", ("remotehost",)),
    ("remoteuser = ", "xremoteuser = ", ("remoteuser",)),
    ("remoteuser", "remoteuser = %(loop)s\nloop = %(remoteuser)s\nx", ()),
    ("[Account Test]\n", "[Account Test]\nmaxage = 3\n", ("maxage",)),
    ("type = IMAP\n", "type = IMAP\nnametrans = lambda f: f + 'x'\n",
     ("nametrans",)),
    ("type = IMAP\n", "type = IMAP\nfolderfilter = lambda f: "
     "f.startswith('x')\n", ("folderfilter",)),
    ("type = IMAP\n", "type = IMAP\nfolderincludes = ['x']\n",
     ("folderincludes",)),
    ("type = IMAP\n", "type = IMAP\ncert_fingerprint = 12:34\n",
     ("cert_fingerprint",)),
])
def test_errors_name_the_place(w, old, new, words):
    """78, the file and the line or the option, and nothing was done."""
    rewrite(w, old, new)
    mark = w.server.log_mark()
    r = w.run(code=78)
    assert w.conf in r.text
    for word in words:
        assert word in r.text, r
    with open(w.conf) as f:
        lines = f.read().split("\n")
    changed = new.strip().split("\n")[-1]
    if words and words[0] in changed and changed in lines:
        n = 1 + lines.index(changed)
        assert re.search(r"%s:%d\b" % (re.escape(w.conf), n), r.text), r
    assert not os.path.isdir(w.root) or os.listdir(w.root) == []
    assert w.server.sessions(w.user, mark, timeout=0.1) == []


def test_unknown_mechanism(make):
    w = make(remote={"auth_mechanisms": "NONSENSE"})
    r = w.run(code=(77, 78))
    assert "auth_mechanisms" in r.text


def test_all_errors_at_once(w):
    """Not one per run."""
    rewrite(w, "type = IMAP\n", "type = IMAP\nnametrans = lambda f: f*2\n")
    rewrite(w, "[Account Test]\n", "[Account Test]\nmaxage = 3\n")
    r = w.run(code=78)
    assert "nametrans" in r.text and "maxage" in r.text


def test_grammar(w):
    """DEFAULT, continuation lines, colons, comments, interpolation, keys in
    any case."""
    rewrite(w, "[general]\n", "# comment\n; another\n[DEFAULT]\nTop = %s\n"
            "\n[general]\n" % w.dir)
    rewrite(w, "localfolders = " + w.root, "LocalFolders: %(top)s/mail")
    rewrite(w, "type = IMAP\n", "TYPE : IMAP\nfolderfilter = lambda f:\n"
            "    f in [ 'INBOX',\n    # a comment\n           'Work' ]\n")
    with w.box() as b:
        b.create("Work")
        b.create("Junk")
        b.append(message("m"), "Work")
        w.run()
        assert set(w.local.folders()) == {"INBOX", "Work"}


def test_home_and_variables(make):
    w = make(local={"localfolders": "~/mail"},
             general={"metadata": "$HOME/state"})
    w.local.root = os.path.join(w.home, "mail")
    w.metadata = os.path.join(w.home, "state")
    w.sync()
    assert os.path.isdir(w.metadata)


def test_unknown_options_are_only_noted(w):
    rewrite(w, "[Account Test]\n", "[Account Test]\nfrobnicate = yes\n")
    r = w.run()
    assert "frobnicate" in r.text


def test_unknown_account(w):
    r = w.run("-a", "Nobody", code=(64, 78))
    assert "Nobody" in r.text


def test_quiet_and_log(w):
    with w.box() as b:
        b.append(message("m"))
    log = os.path.join(w.dir, "log")
    r = w.run("-u", "quiet", "-l", log)
    assert r.text == ""
    first = os.path.getsize(log)
    assert first > 0
    w.run("-u", "quiet", "-l", log)
    assert os.path.getsize(log) > first, "a log is appended to"


@pytest.mark.parametrize("ui", ["ttyui", "basic"])
def test_talking(w, ui):
    with w.box() as b:
        b.append(message("m"))
    r = w.run("-u", ui)
    assert "INBOX" in r.text


def test_control_bytes_are_escaped(w):
    """No terminal sequence of a folder or server reaches the screen."""
    from mock import Imap
    with Imap(greeting=b"* OK \x1b[2J hello\r\n",
              folders=["INBOX", "a\x1b]0;x\x07b"]) as mock:
        w.server, w.tls = mock, "plain"
        w.configure(remote={"sslcacertfile": None})
        r = w.run("-d", "imap", code=None)
        assert "\x1b" not in r.text and "\x07" not in r.text


def test_stats(w):
    with w.box() as b:
        for i in range(5):
            b.append(message("m%d" % i))
        w.run()
        w.local.add(lf(message("up")))
        r = w.run("--stats")
        assert [subject(m.body) for m in b.messages()].count("up") == 1
    assert re.search(r"\d", r.text)
    assert "memory" in r.text.lower() or "peak" in r.text.lower()


def test_open_file_with_password_is_said(w):
    os.chmod(w.conf, 0o644)
    r = w.run()
    assert w.conf in r.text
    os.chmod(w.conf, 0o600)
    r = w.run()
    assert "warning" not in r.text.lower()


def test_last_of_two_values(w):
    rewrite(w, "remotepass = secret", "remotepass = no\nremotepass = secret")
    w.sync()


def test_crlf_and_bom_free_files(w):
    with open(w.conf, "rb") as f:
        text = f.read()
    with open(w.conf, "wb") as f:
        f.write(text.replace(b"\n", b"\r\n"))
    w.sync()
