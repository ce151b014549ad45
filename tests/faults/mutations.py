"""The tests can fail: each promise is broken in a copy of the code, and a named test goes red.

    python -m tests.faults.mutations            all of them
    python -m tests.faults.mutations fsync      those whose name has this word in it

Each mutation is one small change of one file. Its tests are run first in the untouched copy, where
they must be green, and then in the changed one, where at least one must be red. Ends with 1 where
a change goes unnoticed. `make faults-mutations`; not part of `make test`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.mutated import MUTATIONS, Mutation

ROOT: Final = Path(__file__).parents[2]
WITHIN: Final = 600  # seconds for the tests of one mutation
RED: Final = 1  # pytest's exit code where tests failed
_FAILED: Final = re.compile(r"^FAILED (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ran:
    """What pytest said."""

    code: int
    failed: tuple[str, ...]
    said: str


def copied(target: Path) -> None:
    """Copy what is under version control, as it is now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def run(folder: Path, tests: tuple[str, ...]) -> Ran:
    """Run tests in a copy; processes that they start take their code from it too."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "CAUDAL_TEST_PROFILE": "ci"},
        check=False,
        capture_output=True,
        text=True,
        timeout=WITHIN,
    )
    return Ran(ran.returncode, tuple(_FAILED.findall(ran.stdout)), ran.stdout[-2000:] + ran.stderr)


def apply(mutation: Mutation, folder: Path) -> None:
    """Change the one place. Raises ValueError where the code is no longer as it was."""
    path = folder / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.name}: {mutation.file} has changed, bring the mutation up")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


def noticed(mutation: Mutation, folder: Path) -> bool:
    """Try one mutation and say what came of it."""
    untouched = run(folder, mutation.tests)
    if untouched.code != 0:
        sys.stdout.write(f"?  {mutation.name}: red without the change\n{untouched.said}\n")
        return False
    before = (folder / mutation.file).read_text(encoding="utf-8")
    apply(mutation, folder)
    try:
        changed = run(folder, mutation.tests)
    finally:
        (folder / mutation.file).write_text(before, encoding="utf-8")
    red = changed.code == RED and changed.failed
    sys.stdout.write(f"{'ok' if red else 'NO'} {mutation.name} ({mutation.file})\n")
    for name in changed.failed:
        sys.stdout.write(f"     red: {name}\n")
    if not red:
        sys.stdout.write(changed.said + "\n")
    sys.stdout.flush()
    return bool(red)


def main() -> int:
    words = sys.argv[1:]
    chosen = [m for m in MUTATIONS if not words or any(word in m.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="caudal-mutations-") as place:
        folder = Path(place)
        folder.chmod(0o755)  # Postgres runs as somebody else
        copied(folder)
        results = [noticed(mutation, folder) for mutation in chosen]
    sys.stdout.write(f"{sum(results)} of {len(results)} noticed\n")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
