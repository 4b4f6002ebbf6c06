"""A gateway for each engine, with a server of the operator's own in its catalog."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.matrix.columns import OWN_KEY_VARIABLE, own_server_overlay
from tests.e2e.matrix.error_classes import VARIABLES
from tests.e2e.matrix.error_classes import overlay as error_overlay
from tests.support import postgres
from tests.support.processes import Gateway, Simulator, running_gateway

ENGINES = ("sqlite", "postgres")


@pytest.fixture(scope="package", params=ENGINES)
def matrix_gateway(
    request: pytest.FixtureRequest, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("matrix")
    catalog = folder / "overlay.toml"
    catalog.write_text(
        own_server_overlay(simulator.origin) + error_overlay(simulator.origin), encoding="utf-8"
    )
    variables = {
        "TOKENSMITH_SIMULATOR_URL": simulator.origin,
        "TOKENSMITH_CATALOG": str(catalog),
        OWN_KEY_VARIABLE: "sk-own-server",
        **VARIABLES,
    }
    with ExitStack() as stack:
        if request.param == "postgres":
            url = stack.enter_context(postgres.fresh_database())
            variables["TOKENSMITH_DATABASE_URL"] = url
        yield stack.enter_context(running_gateway(folder / "data", **variables))
