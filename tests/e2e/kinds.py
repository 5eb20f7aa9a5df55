"""The servers that the table is run against: name -> arguments of the
`servers` fixture (conftest.py).

What a Dovecot announces is what wherry may use, so one program plays several:
`condstore` has no QRESYNC, `neither` has no modseq either, `gmail` and
`exchange` announce what those two do. Cyrus and Courier are themselves."""

BASE = ("IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ UIDPLUS "
        "MOVE UNSELECT NAMESPACE CHILDREN LIST-EXTENDED LIST-STATUS "
        "MULTIAPPEND SPECIAL-USE")
GMAIL = ("IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID CHILDREN SASL-IR UIDPLUS "
         "ENABLE MOVE CONDSTORE ESEARCH UTF8=ACCEPT LIST-EXTENDED LIST-STATUS "
         "LITERAL- SPECIAL-USE APPENDLIMIT=35651584")
EXCHANGE = ("IMAP4rev1 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE "
            "NAMESPACE LITERAL+")

KINDS = {
    "dovecot": {},
    "dovecot-maildir": {"storage": "maildir"},
    "condstore": {"capability": BASE + " CONDSTORE ESEARCH"},
    "condstore-search": {"capability": BASE + " CONDSTORE"},
    "esearch": {"capability": BASE + " ESEARCH"},
    "neither": {"capability": BASE},
    "gmail": {"capability": GMAIL},
    "exchange": {"capability": EXCHANGE},
    "cyrus": {"foreign": "cyrus"},
    "courier": {"foreign": "courier"},
}


def start(foreign=None, **kind):
    """A running server of that kind."""
    if foreign == "cyrus":
        from cyrus import Cyrus
        return Cyrus().start()
    if foreign == "courier":
        from courier import Courier
        return Courier().start()
    from dovecot import Dovecot
    return Dovecot(**kind).start()
