"""Every line that is logged uses fields of the closed list: what is not on it shows its type alone."""

from __future__ import annotations

import ast

from libs.providers.registry import PROVIDERS
from libs.runtime.log_fields import LOGGED
from tests.architecture.reading import nodes, place, sources

LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "bind", "note"}
LOGGERS = {"log", "logger", "tally", "_tally"}
# What a line is given beside its fields.
BESIDE = {"exc_info", "stack_info"}
# Said by `Applied.counts` and `Tally.note`, whose keywords are looked at where they are written.
SPREAD = {"services/reconciler/handling.py", "services/ingress/tally.py"}


def _is_log(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in LEVELS:
        return False
    owner = call.func.value
    name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
    return name in LOGGERS


def test_every_field_that_is_logged_is_on_the_list() -> None:
    unknown, seen = [], 0
    for path in sources("services", "libs"):
        for node in nodes(path):
            if not isinstance(node, ast.Call) or not _is_log(node):
                continue
            seen += 1
            for keyword in node.keywords:
                if keyword.arg is None:
                    spread = any(place(path, node).startswith(each) for each in SPREAD)
                    unknown += [] if spread else [f"{place(path, node)} **"]
                elif keyword.arg not in LOGGED | BESIDE:
                    unknown.append(f"{place(path, node)} {keyword.arg}")
    assert unknown == []
    assert seen > 60


def test_no_personal_field_is_on_the_list() -> None:
    names = {
        path.split(".")[-1].lower()
        for provider in PROVIDERS.values()
        for path in provider.personal_fields
    }
    # `key` is one of a Pix payment there, and of a configuration here
    assert names & LOGGED == {"key"}
