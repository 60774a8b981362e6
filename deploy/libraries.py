#!/usr/bin/env python3
"""Names the Debian packages of the libraries that a program needs to start: `make libraries`.

Prints a line for each library: what the dynamic loader calls it, and the package that it came from on this machine. Fails
when a library is missing here, or no package owns it.

Usage: deploy/libraries.py PROGRAM [--packages]
"""

import re
import subprocess
import sys


def needed(program):
    """The libraries that the program names itself; those that these need come with their packages."""
    headers = subprocess.run(["objdump", "-p", program], check=True, capture_output=True, text=True).stdout
    return re.findall(r"^\s+NEEDED\s+(\S+)$", headers, re.M)


def package(library):
    """The package that owns the library in a folder of the dynamic loader; None: there is none."""
    answer = subprocess.run(["dpkg-query", "-S", f"*/{library}"], capture_output=True, text=True).stdout
    for line in answer.splitlines():
        owners, _, path = line.partition(": ")
        if re.fullmatch(r"(/usr)?/lib(64|/[^/]+-linux-gnu[^/]*)?/[^/]+", path):
            return owners.split(",")[0].split(":")[0]
    return None


def main():
    program = sys.argv[1]
    found = {library: package(library) for library in needed(program)}
    if "--packages" in sys.argv[2:]:
        print(" ".join(sorted({owner for owner in found.values() if owner})))
    else:
        for library, owner in found.items():
            print(f"{library:28} {owner or 'no package of this machine'}")
    missing = [library for library, owner in found.items() if not owner]
    if missing:
        print(f"{program} needs {', '.join(missing)}, which no package of this machine has", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
