"""An id that names no single webhook is bad usage: nothing is read, asked or deleted."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from services.cli.payu_webhooks import webhooks


@pytest.mark.parametrize("command", [["delete"], ["get"], ["update", "--description", "d"]])
@pytest.mark.parametrize("name", ["", " ", "..", "a/b", "a?x=1", "a b"])
def test_id_that_is_none_is_bad_usage(command: list[str], name: str) -> None:
    ran = CliRunner().invoke(webhooks, [*command, "--", name])
    assert (ran.exit_code, "must be the id of a webhook" in ran.output) == (2, True)
