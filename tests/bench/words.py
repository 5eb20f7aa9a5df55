"""What things are called in the table and in the figure."""
import line

SCENARIOS = {"a": "first sync", "b": "nothing changed",
             "c": "changes on the server", "d": "flags changed here",
             "e": "upload"}
TITLES = {"wherry": "wherry", "wherry-nas": "wherry, static", "mbsync": "mbsync", "mbsync-z":
          "mbsync, COMPRESS", "offlineimap": "OfflineIMAP",
          "floor": "bare client"}


def place(cell):
    return line.title(cell["line"]) + (", disk" if cell["disk"] else "")
