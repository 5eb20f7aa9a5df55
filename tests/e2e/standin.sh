#!/bin/sh
# Runs OfflineIMAP with wherry's command line, to try the tests themselves.
exec /usr/bin/offlineimap -o "$@"
