"""What is written about the code is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from libs.domain.diagram import as_mermaid

ROOT = Path(__file__).parents[2]


def test_lifecycle_diagram_is_rendered() -> None:
    """The diagram in the docs is what `caudal lifecycle` prints."""
    text = (ROOT / "libs/domain/README.md").read_text()

    (drawn,) = re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
    assert drawn == as_mermaid()


def test_links_of_documents_exist() -> None:
    for document in (ROOT / "README.md", ROOT / "libs/domain/README.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} → {target}"
