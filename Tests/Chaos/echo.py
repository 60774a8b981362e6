#!/usr/bin/env python3
"""A program for a stage: passes each line on as it is. A line that contains what a file contains waits until the file is
gone."""

from __future__ import annotations

import sys
import time


def is_held(line: bytes, file: str) -> bool:
    try:
        with open(file, "rb") as hold:
            return hold.read() in line
    except FileNotFoundError:
        return False


def main() -> None:
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while line := source.readline():
        while is_held(line, sys.argv[1]):
            time.sleep(0.02)
        target.write(line)
        target.flush()


if __name__ == "__main__":
    main()
