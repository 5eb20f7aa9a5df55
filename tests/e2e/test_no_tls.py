"""A build without TLS: the machine itself and nowhere else, and clear words."""
import pytest

from mail import lf, message

pytestmark = pytest.mark.own


@pytest.fixture
def plain(make, build, monkeypatch):
    monkeypatch.setenv("WHERRY", build("no-tls", "", "TLS=none"))
    return lambda **more: make(**dict({"tls": "plain"}, **more))


def test_loopback(plain):
    """Both ways; by default, though the server would take CRAM-MD5 too."""
    w = plain()
    with w.box() as b:
        b.append(message("m"))
        w.sync()
        w.local.add(lf(message("n")))
        w.sync()


@pytest.mark.parametrize("tls", ["imaps", "starttls"])
def test_refused(plain, tls):
    r = plain(tls=tls).run(code=1)
    assert "built without TLS" in r.text and "ssl = no" in r.text


def test_nowhere_else(plain):
    """192.0.2.1 is nobody's (RFC 5737): what would go there would go by the
    network. Nothing is sent, not even a SYN that has to time out."""
    r = plain(remote={"remotehost": "192.0.2.1"}).run(code=2, timeout=30)
    assert "connects to this machine alone" in r.text


def test_shown(plain):
    r = plain().run("-V", conf=False)
    assert "without TLS" in r.out and "without: cram-md5" in r.out
