"""Write deploy/grafana/dashboards/*.json; `--check` ends with 1 where one differs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.dev.dashboards.ingress import INGRESS
from deploy.dev.dashboards.model import Dashboard
from deploy.dev.dashboards.normalizer import NORMALIZER
from deploy.dev.dashboards.overview import OVERVIEW
from deploy.dev.dashboards.providers import PROVIDERS
from deploy.dev.dashboards.reconciler import RECONCILER

FOLDER: Final = Path(__file__).parents[2] / "grafana" / "dashboards"
DASHBOARDS: Final[Sequence[Dashboard]] = (OVERVIEW, INGRESS, NORMALIZER, RECONCILER, PROVIDERS)


def files() -> dict[Path, str]:
    """Return what is to stand in each file."""
    return {
        FOLDER / f"{each.name}.json": json.dumps(each.as_json(), indent=2) + "\n"
        for each in DASHBOARDS
    }


def main() -> int:
    """Write, or compare."""
    if sys.argv[1:] not in ([], ["--check"]):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    different = [
        path for path, text in files().items() if not path.exists() or path.read_text() != text
    ]
    for path in different:
        if sys.argv[1:]:
            sys.stderr.write(f"differs: {path.name}\n")
        else:
            path.write_text(files()[path])
            sys.stdout.write(f"written: {path.name}\n")
    return 1 if different and sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
