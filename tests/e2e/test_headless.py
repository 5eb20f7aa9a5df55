"""Records whose head is lost, or was never written, belong to nobody knows
which UIDVALIDITY."""
import glob
import os

from mail import lf, message, subject


def lose_heads(w):
    heads = glob.glob(os.path.join(w.metadata, "Account-*", "wherry", "*",
                                   "head"))
    assert heads
    for h in heads:
        os.unlink(h)


def test_renumbered_meanwhile(w):
    """Nothing is deleted, and nothing is taken for what it is not."""
    with w.box() as b:
        b.create("Work")
        for i in range(3):
            b.append(message("old%d" % i), "Work")
        w.sync()
        lose_heads(w)
        b.delete_folder("Work")
        b.create("Work")
        for i in range(3):
            b.append(message("new%d" % i), "Work")
        os.unlink(w.local.find("old0", "Work"))
        w.sync()
        assert sorted(subject(m.body) for m in b.messages("Work")) == [
            "new0", "new1", "new2", "old1", "old2"]


def test_same_folder(w):
    """It goes on as if all state were lost: nothing is fetched or sent."""
    with w.box() as b:
        for i in range(5):
            b.append(message("m%d" % i))
        w.sync()
        w.local.add(lf(message("here")))
        w.sync()
        lose_heads(w)
        for table in glob.glob(os.path.join(w.metadata, "Account-*",
                                            "wherry", "folders")):
            os.unlink(table)
        w.quiet()
        w.local.add(lf(message("later")))
        os.unlink(w.local.find("m3"))
        w.sync()
        assert "m3" not in [subject(m.body) for m in b.messages()]
        assert len(b.messages()) == 6
