#!/usr/bin/python3
"""wherry beside mbsync, OfflineIMAP and a bare client: in turn, in one run,
with the same mail on the same server, over the same line.

	bench.py [--sets S,M,L,F] [--delay 0,100,20M] [--clients wherry,...]

See --help. Times are printed, never asserted: they move with the machine,
their ratios less so, bytes and turns hardly.
"""
import argparse
import json
import os
import shutil
import sys
import time

import clients
import line
import plan
import sets
import table
from server import Server, fast_dir

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])

    def words(text):
        return [w for w in text.split(",") if w]
    p.add_argument("--sets", type=words, help="of S,M,L,F,K; default: the "
                   "plan (plan.py), which --delay, --clients and "
                   "--scenarios then only narrow")
    p.add_argument("--delay", type=words, help="lines: 0 (none), 100 (ms of "
                   "round trip), 20M (Mbit/s), 20M+40 (both)")
    p.add_argument("--clients", type=words,
                   help="of " + ",".join(clients.ALL))
    p.add_argument("--scenarios", default="abcde", help="a first sync, b "
                   "nothing changed, c changes on the server, d flags "
                   "changed locally, e upload")
    p.add_argument("--scale", type=float, default=0.25,
                   help="size of the sets; 1 is the full one (%(default)s)")
    p.add_argument("--rounds", type=int, default=1, help="each cell is the "
                   "best of so many (%(default)s)")
    p.add_argument("--repeat", type=int, default=3, help="and nothing "
                   "changed is run so often in each (%(default)s)")
    p.add_argument("--cap", type=float, default=60, help="seconds that a "
                   "run may take (%(default)s)")
    p.add_argument("--budget", type=float, default=25, help="minutes after "
                   "which no set is begun any more (%(default)s)")
    p.add_argument("--disk", help="Maildirs here, not in memory")
    p.add_argument("--wherry", default=os.path.join(TOP, "wherry"))
    p.add_argument("--static", default=os.path.join(
        TOP, "build", "x86_64-mbedtls-nas", "wherry"), help="if it is there, "
        "its memory is shown beside the others'; `make size` builds it")
    p.add_argument("--out", default=os.path.join(TOP, "build", "bench"))
    p.add_argument("--readme", action="store_true",
                   help="put table and figure in README.md, doc/bench.svg")
    p.add_argument("--note", default="", help="a sentence below the table")
    return p.parse_args()


class Bench:
    def __init__(self, o, server, top):
        self.o, self.server, self.top = o, server, top
        self.tools = clients.build_tools(o.wherry, o.static, o.out)
        self.cells = []  # dicts: set line scenario client wall cpu ...

    def say(self, *words):
        print(*words, flush=True)

    def one(self, client, relay, scenario, job):
        """A run of a client, and what it cost everybody."""
        clients.settle()
        relay.take()
        before = self.server.cpu()
        cell = client.run(relay.port, scenario, job.cap)
        self.server.settle(5)
        cell["server"] = max(self.server.cpu() - before, 0)
        cell.update(relay.take())
        return cell

    def best(self, client, relay, scenario, job):
        times = self.o.repeat if scenario == "b" else 1
        got = []
        while len(got) < times:
            got.append(self.one(client, relay, scenario, job))
            if got[0]["wall"] * times > 20:
                break
        return min(got, key=lambda c: c["wall"])

    def prepare(self, client, scenario, job, mail, expect):
        """The changes, and what both sides hold after them."""
        user = client.user
        if scenario == "c":
            expect[0] += self.server.change(user, mail)
            expect[1] += len(mail.picked(100, 3))
        elif scenario == "d":
            n = max(expect[0] // 100, 1)
            client.flag(mail, n)
            expect[1] += n
        elif scenario == "e":
            client.add(mail, mail.uploads)
            expect[0] += mail.uploads

    def check(self, client, mail, expect):
        if client.name == "floor":
            return
        here, there = client.count(mail), self.server.count(client.user,
                                                            mail)
        want = tuple(expect)
        if len(mail.folders) >= 1000:
            there, want, here = there[:1], want[:1], here[:1]
        if here != want or there != want:
            raise clients.Failed("messages and flags: %s here, %s there, "
                                 "should be %s" % (here, there, want))

    def round(self, job, mail, relay, base):
        """All scenarios, the clients in turn in each."""
        working = []
        direct = line.Relay(self.server.tls_port, "0")
        for name in job.clients:
            user = "%s-%s" % (base, name)
            self.server.copy(base, user)
            c = clients.ALL[name](self.tools, self.server.ca, os.path.join(
                job.disk or self.top, user), user)
            c.reset()
            working.append((c, [mail.messages, 0]))
        for scenario in job.scenarios:
            for c, expect in list(working):
                if scenario not in c.can:
                    continue
                key = {"set": mail.name, "line": job.line, "disk":
                       bool(job.disk), "scenario": scenario,
                       "client": c.name}
                try:
                    self.prepare(c, scenario, job, mail, expect)
                    cell = self.best(c, direct if scenario in job.direct
                                     else relay, scenario, job)
                    self.check(c, mail, expect)
                except clients.TooLong:
                    cell = {"over": job.cap}
                except clients.Failed as e:
                    self.say(str(e))
                    cell = {"failed": True}
                if "wall" not in cell:
                    working.remove((c, expect))
                if scenario not in job.direct:
                    self.keep({**key, **cell})
        for name in job.clients:
            user = "%s-%s" % (base, name)
            self.server.remove(user)
            shutil.rmtree(os.path.join(job.disk or self.top, user),
                          ignore_errors=True)

    KEY = ("set", "line", "disk", "scenario", "client")

    def keep(self, cell):
        """The better one, if it has been measured before."""
        self.say(table.sentence(cell))
        for i, old in enumerate(self.cells):
            if all(old[k] == cell[k] for k in self.KEY):
                if cell.get("wall", 1e9) < old.get("wall", 1e9):
                    self.cells[i] = cell
                return
        self.cells.append(cell)

    def job(self, job, loaded):
        mail = sets.Set(job.set, job.scale)
        base = "bench%s%d" % (job.set.lower(), mail.messages)
        if base not in loaded:
            self.say("# %s" % mail.title())
            self.server.load(base, mail)
            loaded[base] = mail
        with line.Relay(self.server.tls_port, job.line) as relay:
            for _ in range(self.o.rounds):
                self.round(job, mail, relay, base)

    def run(self, jobs):
        """Sets are loaded once, when the first job needs them."""
        end = time.monotonic() + self.o.budget * 60
        loaded = {}
        left = []
        for job in jobs:
            if time.monotonic() > end:
                left.append(job)
                continue
            try:
                self.job(job, loaded)
            except KeyboardInterrupt:
                # What there is is shown nevertheless.
                left.append(job)
                end = 0
        for job in left:
            self.say("# no time left for", job.set, line.title(job.line))
        return {"sets": [m.title() for m in loaded.values()],
                "left": ["%s at %s%s" % (j.set, line.title(j.line),
                                         ", disk" if j.disk else "")
                         for j in left]}


def main():
    o = arguments()
    o.out = os.path.abspath(o.out)
    o.disk = o.disk and os.path.abspath(o.disk)
    os.makedirs(o.out, exist_ok=True)
    jobs = plan.jobs(o)
    top = fast_dir("wherry-bench-")
    try:
        with Server() as server:
            b = Bench(o, server, top)
            facts = b.run(jobs)
            facts["programs"] = clients.versions(b.tools)
    finally:
        shutil.rmtree(top, ignore_errors=True)
        plan.end_disk(o)
    facts.update(table.machine(), note=o.note,
                 memory=os.path.dirname(top) == "/dev/shm")
    with open(os.path.join(o.out, "bench.json"), "w") as f:
        json.dump({"facts": facts, "cells": b.cells}, f, indent=1)
    table.write(o.out, facts, b.cells, TOP if o.readme else None)
    return 1 if any(c.get("failed") for c in b.cells) else 0


if __name__ == "__main__":
    sys.exit(main())
