"""One running stack per module, with the sources file that the module writes in `SOURCES`."""

from collections.abc import Iterator

import pytest

from tests.acceptance.stack import Stack


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many lives the long run of the sandbox has."""
    parser.addoption("--lives", type=int, default=1000, help="payments and payouts of the long run")


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Start `caudal up` with the module's SOURCES and consume its events; stop it at the end."""
    home = tmp_path_factory.mktemp("up")
    with Stack(home, "--ephemeral", sources=request.module.SOURCES) as running:
        running.listen()
        yield running
