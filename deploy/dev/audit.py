"""Asks whether anything that requirements/*.txt pins has a known vulnerability. Run by `make audit`.

Exit codes: 0 nothing known; 1 something is; 3 the advisories could not be had, of all packages or of some.
`--if-reachable` makes 3 a 0, with a line that says so: for checks that must also run without a network.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

REQUIREMENTS: Final = Path(__file__).parents[2] / "requirements"
FILES: Final = ("runtime.txt", "bench.txt")  # the second holds all others: demo, dev, bench
WITHIN: Final = 300.0  # seconds
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 3


def say(what: str) -> None:
    """Tell whoever runs it."""
    sys.stdout.write(f"audit: {what}\n")


def asked(file: Path, audit: str) -> dict[str, Any] | None:
    """Return what pip-audit says of a file; None where it could not find out."""
    command = [
        audit, "--requirement", str(file), "--require-hashes", "--disable-pip",
        "--format", "json", "--progress-spinner", "off", "--timeout", "10",
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - our own virtual environment's
            command, capture_output=True, text=True, check=False, timeout=WITHIN
        )
        said: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return said


def judged(said: dict[str, Any] | None) -> tuple[list[str], int, int]:
    """Return a line for each vulnerability, how many packages were looked up, and how many not."""
    if said is None:
        return [], 0, 1
    lines, looked_up, skipped = [], 0, 0
    for package in said["dependencies"]:
        if "skip_reason" in package:
            skipped += 1
            continue
        looked_up += 1
        lines += [
            f"{package['name']} {package['version']}: {each['id']}, "
            f"mended in {', '.join(each['fix_versions']) or 'no version yet'}"
            for each in package["vulns"]
        ]
    return lines, looked_up, skipped


def main() -> int:
    """Ask for each file, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--if-reachable", action="store_true", help="3 becomes 0")
    parser.add_argument("--audit", default=str(Path(sys.executable).with_name("pip-audit")))
    chosen = parser.parse_args()
    code = CLEAN
    for name in FILES:
        lines, looked_up, skipped = judged(asked(REQUIREMENTS / name, chosen.audit))
        for line in lines:
            say(f"{name}: {line}")
        if lines:
            return VULNERABLE
        if skipped:
            code = CLEAN if chosen.if_reachable else UNKNOWN
            say(f"{name}: not asked, the advisories could not be had ({looked_up} could)")
            break
        say(f"{name}: nothing known of {looked_up} packages")
    return code


if __name__ == "__main__":
    sys.exit(main())
