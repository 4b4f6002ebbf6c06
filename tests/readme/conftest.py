"""A gateway as README starts it, on ports and in a directory of its own."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.processes import environment, running_gateway


@dataclass(frozen=True, slots=True)
class ReadersView:
    """Where the gateway listens, and the environment that a reader has beside it."""

    rest: str
    grpc: str
    environment: dict[str, str]

    def here(self, text: str) -> str:
        """An example of the page, for this gateway and this installation."""
        return (
            text.replace("127.0.0.1:8080", self.rest)
            .replace("127.0.0.1:50051", self.grpc)
            .replace(".venv/bin/", f"{Path(sys.executable).parent}/")
        )


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadersView]:
    """What ``make run`` starts, on an empty data directory."""
    with running_gateway(tmp_path_factory.mktemp("readme") / "data") as gateway:
        where = gateway.where
        # The example program's own default is README's address.
        told = {"TOKENSMITH_API_KEY": gateway.demo_key, "TOKENSMITH_TARGET": where.grpc}
        yield ReadersView(where.rest, where.grpc, environment(gateway.data_dir) | told)
