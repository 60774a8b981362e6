#!/usr/bin/env python3
"""Runs all tests that are built, several processes of them at a time: what `make test` calls.

Most tests wait for processes that they have started, and block a thread meanwhile. swift-testing has as many threads as the
machine has cores, so that one process of tests leaves the cores idle for much of its time. This script starts a process
for each suite of tidingsTests and for each other target, LANES of them at a time.

It fails when a test fails, when a process ends without its closing line, and when fewer or more tests ran than are there.
With --again N up to N parts that failed run once more, by themselves, when all others are done: on a busy machine some
tests miss their times. What failed first is printed all the same, and named at the end.

Usage: Tests/House/run_tests.py [--lanes N] [--again N] [--log FILE]
"""

import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLOSING = re.compile(r"^\S+ (Test run with (\d+) tests? in (\d+) suites? (passed|failed) after .*)$", re.M)
# What takes longest begins first; the others follow, those with more tests before those with fewer.
LONGEST = [
    "tidingsTests.ClientTests", "tidingsTests.DashboardTests", "EdgeTests", "PipelineTests", "ThoonkTests",
    "tidingsTests.ChaosTests", "tidingsTests.ClientLifeTests", "tidingsTests.PoolSupervisionTests",
    "tidingsTests.ClientProtocolTests", "tidingsTests.DemoPageTests", "tidingsTests.TokenCommandTests",
    "tidingsTests.ClientStreamTests", "tidingsTests.DurableStreamsTests", "tidingsTests.LimitReloadTests",
    "tidingsTests.ClientTabsTests", "tidingsTests.ThoonkJobCommandTests", "tidingsTests.DoorKillTests",
    "tidingsTests.OutageEdgeTests", "tidingsTests.EndToEndTests", "tidingsTests.EdgeReadyTests",
    "tidingsTests.OutagePoolTests", "tidingsTests.ReaderRestartTests",
]


class Part:
    """A process of tests, run to its end: what it printed, and what its closing line says."""

    def __init__(self, program, name):
        self.name = name
        # Within a process one test at a time: lanes are what runs beside each other.
        environment = os.environ | {"SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH": "1"}
        pattern = f"^{re.escape(name)}[./]"
        with tempfile.TemporaryFile() as output:
            status = subprocess.run(
                [program, "--testing-library", "swift-testing", "--filter", pattern],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env=environment).returncode
            output.seek(0)
            self.output = output.read().decode(errors="replace")
        found = CLOSING.search(self.output)
        self.tests, self.suites = (int(found[2]), int(found[3])) if found else (0, 0)
        self.passed = status == 0 and found is not None and found[4] == "passed"
        self.closing = found[1] if found else f"no closing line: it ended with {status}"

    def failures(self):
        """The lines about what failed, or else the last that it printed."""
        lines = self.output.splitlines()
        return [line for line in lines if line.startswith("✘")] or lines[-20:]


def parts(program):
    """The names of the parts, with the number of tests that each has."""
    command = [program, "--testing-library", "swift-testing", "--list-tests"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    names = (line.split("/")[0] for line in listed if re.match(r"\w+\.", line))
    return collections.Counter(name if name.startswith("tidingsTests.") else name.split(".")[0] for name in names)


def run(program, names, lanes, log):
    """Runs the parts in their order, `lanes` at a time, and prints how each ended."""
    waiting = collections.deque(names)
    done = []
    lock = threading.Lock()

    def lane():
        while True:
            with lock:
                if not waiting:
                    return
                name = waiting.popleft()
            part = Part(program, name)
            with lock:
                done.append(part)
                log.write(part.output)
                log.flush()
                print(f"{'✔' if part.passed else '✘'} {part.name}: {part.closing}", flush=True)
                if not part.passed:
                    print("\n".join(part.failures()), flush=True)

    threads = [threading.Thread(target=lane) for _ in range(lanes)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        with lock:
            waiting.clear()
        raise
    return done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lanes", type=int, default=3)
    parser.add_argument("--again", type=int, default=0)
    parser.add_argument("--log", type=pathlib.Path, default=ROOT / ".build/test.log")
    options = parser.parse_args()
    folder = subprocess.run(
        ["swift", "build", "--show-bin-path"], check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    program = f"{folder}/tidingsPackageTests.xctest"
    tests = parts(program)
    order = {name: place for place, name in enumerate(LONGEST)}
    names = sorted(tests, key=lambda name: (order.get(name, len(order)), -tests[name]))
    started = time.monotonic()
    with options.log.open("w") as log:
        done = run(program, names, options.lanes, log)
        again = [part.name for part in done if not part.passed]
        if again and len(again) <= options.again:
            print(f"\nonce more, each by itself: {', '.join(again)}")
            done = [part for part in done if part.passed] + run(program, again, 1, log)
        else:
            again = []
    seconds = time.monotonic() - started

    failed = [part.name for part in done if not part.passed]
    ran, suites = sum(part.tests for part in done), sum(part.suites for part in done)
    print()
    if again:
        print(f"Failed at first: {', '.join(again)}")
    if failed:
        print(f"What failed (all of it: {options.log}): {', '.join(failed)}")
    for part in done:
        if part.tests != tests[part.name]:
            print(f"{part.name}: {part.tests} tests ran, but there are {tests[part.name]}")
    passed = not failed and ran == sum(tests.values())
    print(
        f"{'✔' if passed else '✘'} Test run with {ran} tests in {suites} suites {'passed' if passed else 'failed'}"
        f" after {seconds:.3f} seconds.")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
