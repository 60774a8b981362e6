#!/usr/bin/env python3
"""The fault suite: comments flow in while processes are killed and stopped, connections cut, memory squeezed.

Afterwards every accepted event has to be found exactly once, in order, in every channel it belongs to. See
docs/chaos.md."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from auditor import Auditor  # noqa: E402
from faults import DECK, LONG, Faults  # noqa: E402
from findings import Findings  # noqa: E402
from ledger import Ledger  # noqa: E402
from memory import MemoryWatch  # noqa: E402
from prober import Prober  # noqa: E402
from producers import Enqueuer, Poster, Producer, Pusher  # noqa: E402
from readers import make_readers  # noqa: E402
from readings import Readings  # noqa: E402
from reconcile import Reconciliation, queues  # noqa: E402
from redisserver import clock_library  # noqa: E402
from report import print_report  # noqa: E402
from storm import Storm  # noqa: E402
from system import System  # noqa: E402
from workload import PARTITIONS, Workload  # noqa: E402


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--binary", default=".build/release/tidings", help="the tidings program (%(default)s)")
    parser.add_argument("--seed", type=int, help="what decides everything that is drawn; default: a new one")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help="how long faults go on")
    length.add_argument("--seconds", type=float, help="the same in seconds (60)")
    parser.add_argument("--fsync", choices=["always", "everysec"], default="always",
                        help="of the append-only file; with everysec a kill of Redis is a loss of power (%(default)s)")
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--rate", type=float, default=250, help="events a second, of all producers (%(default)s)")
    parser.add_argument("--readers", type=int, default=20, help="readers of many channels (%(default)s)")
    parser.add_argument("--history", type=int, default=1000, help="events that a feed keeps (%(default)s)")
    parser.add_argument("--only", metavar="NAME,NAME", help="these faults only, those that need a long run among them")
    parser.add_argument("--without", metavar="NAME,NAME", help="all faults but these")
    parser.add_argument("--each", action="store_true", help="each fault once, in bursts of four")
    parser.add_argument("--list", action="store_true", help="name all faults, and end")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data when all is well, too")
    options = parser.parse_args()
    if options.list:
        for kind in sorted({**DECK, **LONG}):
            print(kind_name(kind) + (" (runs over 100 s only)" if kind in LONG else ""))
        parser.exit(0)
    options.duration = options.minutes * 60 if options.minutes else options.seconds or 60.0
    options.seed = random.SystemRandom().randrange(1 << 31) if options.seed is None else options.seed
    options.kinds = choose(parser, options)
    if clock_library() is None:
        parser.error("no libfaketime, which steps the clock of Redis; install the package faketime")
    options.binary = os.path.abspath(options.binary)
    if not os.access(options.binary, os.X_OK):
        parser.error(f"no program at {options.binary}; build it, or name it with --binary")
    return options


def kind_name(kind: str) -> str:
    """As a kind of fault is named on the command line: without commas and brackets."""
    return kind.split(" (")[0].replace(",", "")


def choose(parser: argparse.ArgumentParser, options: argparse.Namespace) -> dict[str, int]:
    """The kinds of faults of this run, and how often each stands in the deck."""
    known = {kind_name(kind): kind for kind in {**DECK, **LONG}}
    named = [name.strip() for name in (options.only or options.without or "").split(",") if name.strip()]
    for name in named:
        if name not in known:
            parser.error(f"no fault is named '{name}'; --list names all")
    kinds = {**DECK, **(LONG if options.only or options.each or options.duration > 100 else {})}
    if options.only:
        return {known[name]: kinds[known[name]] for name in named}
    return {kind: copies for kind, copies in kinds.items() if kind_name(kind) not in named}


def make_producers(
    system: System, options: argparse.Namespace, workload: Workload, ledger: Ledger, findings: Findings
) -> list[Producer]:
    """Tenths of the conversations: four pushed at the open door, two at a partition's, three posted, one enqueued."""
    def share(*digits: int) -> list[int]:
        return [c for c in range(workload.conversations) if c % 10 in digits]

    rate, socket, common = options.rate / 10, system.redis.socket, (system.gate, workload, ledger, findings)
    return [
        Pusher(socket, False, "push-1", share(0, 1), rate * 2, *common),
        Pusher(socket, False, "push-2", share(2, 3), rate * 2, *common),
        Pusher(socket, True, "push-3", share(4, 5), rate * 2, *common),
        Poster(system.ports, "post-1", share(6), rate, *common),
        Poster(system.ports, "post-2", share(7, 8), rate * 2, *common),
        Enqueuer(system.run, system.folder, "enqueue", share(9), rate, *common),
    ]


def until(condition: object, within: float) -> bool:
    end = time.monotonic() + within
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def main() -> int:
    options = parse()
    again = " ".join([os.path.relpath(__file__), *sys.argv[1:]])
    print(f"seed {options.seed}; again: python3 {again}" + ("" if "--seed" in again else f" --seed {options.seed}"))
    sys.stdout.flush()
    folder = tempfile.mkdtemp(prefix="tidings-chaos-", dir="/tmp")  # a unix socket's path must be short
    findings = Findings()
    workload = Workload(options.seed, options.conversations)
    ledger = Ledger(options.conversations + PARTITIONS)
    system = System(options.binary, folder, options.seed, options.fsync, options.history, findings)
    try:
        summary = examine(system, options, workload, ledger, findings)
    finally:
        system.destroy()
        if findings.none and not options.keep and sys.exc_info()[0] is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"logs and data: {folder}")
    print(json.dumps(summary))
    return 0 if findings.none else 1


def examine(
    system: System, options: argparse.Namespace, workload: Workload, ledger: Ledger, findings: Findings
) -> dict[str, object]:
    """One run: start, faults, calm, comparison."""
    lossy = options.fsync != "always"
    producers = make_producers(system, options, workload, ledger, findings)
    # A short run makes haste, so that it meets most kinds.
    haste = min(1.0, max(0.25, options.duration / 60))
    late = 30.0 * haste
    readers = make_readers(options.readers, late, system.ports, workload, findings)
    prober = Prober(system.redis.socket, system.gate, system.ports, 4, workload, ledger, findings)
    auditor = Auditor(system.redis.socket, lossy, [options.history], workload, findings)
    memory = MemoryWatch(system, findings)
    everybody = [*readers, *prober.readers]

    prober.start()
    began = time.monotonic()
    if not until(lambda: prober.is_through(began + 0.2), 30):
        findings.add("stuck", f"not well 30 s after the start: {prober.state()}")
    for thread in [*producers, *readers, auditor, memory]:
        thread.start()

    faults = Faults(system, prober, auditor, options.seed, haste, findings, kinds=options.kinds)
    storm = Storm(faults, prober, options.seed, haste, findings, os.path.join(system.folder, "timeline.log"))
    if options.each:
        storm.run_each()
    else:
        storm.run(time.monotonic() + options.duration)

    # Calm: what was sent is accepted, worked, published, read.
    for producer in producers:
        producer.halt.set()
    prober.stop()
    for producer in producers:
        producer.join(Producer.PATIENCE + 70)
    auditor.halt.set()
    auditor.join(60)
    if not auditor.wait_quiet(queues(), 60):
        findings.add("stuck", "events still wait in queues 60 s after the last one was sent")
    until(lambda: auditor.readers_are_through(everybody), 30 + late)
    memory.halt.set()
    for reader in everybody:
        reader.halt.set()
    said = system.are_ready(True, 20)
    if said is not None:
        findings.add("not ready", f"/ready at the end: {said}")
    Readings(everybody, auditor, system.redis.turns, findings).check()
    auditor.check_ids()

    reconciliation = Reconciliation(workload, ledger, auditor.logs, auditor.flushed, system.redis.losses, findings)
    reconciliation.run()
    lanes = reconciliation.check_lanes(auditor.redis)
    system.end()
    system.check_end()
    return print_report(
        options, ledger, auditor, reconciliation, lanes, everybody, faults, storm, memory, system, findings)


if __name__ == "__main__":
    sys.exit(main())
