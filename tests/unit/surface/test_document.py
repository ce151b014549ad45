"""The document of the HTTP surface: valid, frozen, and made of what the code itself goes by."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from openapi_spec_validator import OpenAPIV31SpecValidator

from libs.contracts import published
from libs.providers.registry import PROVIDERS
from services.admin.routes import ROUTES
from services.cli.main import caudal
from services.ingress.rejections import Refusal
from services.surface.document import NAME, documents, openapi
from tests.architecture.reading import ROOT, nodes, place, sources

INGRESS = ROOT / "services/ingress"


def frozen() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((published.FOLDER / NAME).read_text(encoding="utf-8"))
    return document


def test_frozen_document_is_that_of_the_code() -> None:
    assert published.drifted(more=documents()) == [], "`caudal schemas write` writes it anew"


def test_drift_is_seen(tmp_path: Path) -> None:
    run = CliRunner()
    assert run.invoke(caudal, ["schemas", "write", "--dir", str(tmp_path)]).exit_code == 0
    assert run.invoke(caudal, ["schemas", "check", "--dir", str(tmp_path)]).exit_code == 0
    (tmp_path / NAME).write_text("{}")
    ran = run.invoke(caudal, ["schemas", "check", "--dir", str(tmp_path)])
    assert ran.exit_code == 1
    assert f"{NAME} (`caudal schemas write` writes it)" in ran.output


def test_command_prints_it() -> None:
    ran = CliRunner().invoke(caudal, ["openapi"])
    assert (ran.exit_code, ran.output) == (0, documents()[NAME])


def test_document_is_valid() -> None:
    OpenAPIV31SpecValidator(openapi()).validate()


def test_operations_have_names_of_their_own() -> None:
    names = [
        operation["operationId"]
        for item in frozen()["paths"].values()
        for method, operation in item.items()
        if method != "servers"
    ]
    assert len(names) == len(set(names))


def test_every_way_to_a_source_and_every_route_is_there() -> None:
    paths = frozen()["paths"]
    documented = {each.documented_path for each in PROVIDERS.values()} - {None}
    assert {"/webhooks/{source}", "/webhooks/{source}/{event}", *documented} <= paths.keys()
    for route in ROUTES:
        operation = paths[route.path][route.method.lower()]
        assert operation["security"] == [{"operator": []}]


@pytest.mark.parametrize("refusal", Refusal, ids=lambda each: each.name)
def test_every_refusal_is_told_where_it_may_come(refusal: Refusal) -> None:
    paths = frozen()["paths"]
    answer = paths["/webhooks/{source}"]["post"]["responses"][str(refusal.status)]
    assert json.dumps(refusal.error) in json.dumps(answer["content"])
    assert set(refusal.headers) <= set(answer.get("headers", ()))
    on_page = paths["/health/live"]["get"]["responses"].get(str(refusal.status), {})
    told = json.dumps(refusal.error) in json.dumps(on_page)
    assert told == (refusal.anywhere and refusal is not Refusal.NOT_FOUND)


def test_nothing_is_refused_that_is_not_in_the_table() -> None:
    """Whoever made a rejection of its own, or an answer with an error, would be in no document."""
    made = [
        place(path, node)
        for path in sources("services/ingress")
        if path != INGRESS / "rejections.py"
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Rejection", "error_response"}
    ]
    # what aiohttp itself raises, which is nothing as long as its own application is not used
    assert [each for each in made if not each.startswith("services/ingress/front.py")] == []
