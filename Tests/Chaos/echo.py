#!/usr/bin/env python3
"""A program for a stage: passes each line on as it is, and is slow for as long as a file exists."""

from __future__ import annotations

import os
import sys
import time


def main() -> None:
    hold = sys.argv[1]
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while line := source.readline():
        while os.path.exists(hold):
            time.sleep(0.02)
        target.write(line)
        target.flush()


if __name__ == "__main__":
    main()
