"""Where the system's root certificates are looked for."""
import os
import re
import subprocess

import pytest

from mail import message
from wherry import TOP, binary

PLACES = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/opt/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
]


def elsewhere(script, *words):
    """A command line that runs words where /etc, /opt and /usr/local are
    empty but for what script makes."""
    hide = "".join("mount -t tmpfs none %s; " % d
                   for d in ("/etc", "/opt", "/usr/local"))
    return ["unshare", "-rm", "sh", "-ec", hide + script +
            'exec "$@"', "sh", *words]


@pytest.fixture(autouse=True)
def can_hide():
    if subprocess.run(elsewhere("", "true"), capture_output=True).returncode:
        pytest.skip("no mount namespaces here")


def put(path, how="echo x >"):
    return "mkdir -p '%s'; %s '%s'; " % (os.path.dirname(path), how, path)


def found(script, **env):
    r = subprocess.run(elsewhere(script, binary(), "-V"), text=True,
                       capture_output=True, cwd=TOP,
                       env={"PATH": os.environ["PATH"], **env})
    assert r.returncode == 0, r.stderr
    return re.search(r"CA bundle (\S*)", r.stdout).group(1)


def test_order():
    """The first that holds something, whatever is behind it."""
    for i, place in enumerate(PLACES):
        assert found("".join(put(p) for p in PLACES[i:])) == place
    # What is empty, a directory, or leads nowhere is none.
    for how in ("touch", "mkdir", "ln -s /nowhere"):
        assert found("".join(put(p, how) for p in PLACES[:-1]) +
                     put(PLACES[-1])) == PLACES[-1]


def test_environment_first(tmp_path):
    mine = str(tmp_path / "mine.pem")
    assert found(put(PLACES[0]), SSL_CERT_FILE=mine) == mine
    assert found(put(PLACES[0]), SSL_CERT_FILE="") == PLACES[0]


@pytest.mark.parametrize("place", PLACES)
def test_used(make, server, place):
    """It is what certificates are verified against."""
    w = make(remote={"sslcacertfile": None, "remotehost": "127.0.0.1"})
    with w.box() as b:
        b.append(message("m"))
    w.sync(prefix=elsewhere(put(place, "cp '%s'" % server.ca)))


def test_none(make):
    w = make(remote={"sslcacertfile": None, "remotehost": "127.0.0.1"})
    mark = w.server.log_mark()
    r = w.run(code=78, prefix=elsewhere(""))
    assert "sslcacertfile" in r.text
    assert w.server.sessions(w.user, mark, timeout=0.3) == []
