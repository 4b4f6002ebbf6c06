"""Reading the settings of a command: all that is wrong with them at once, by their variables.

Nothing has been made or opened by then. ``doctor`` says the rest, which takes a look around.
"""

from collections.abc import Iterable
from typing import Any, Final, TypeVar, cast

import pydantic
from pydantic_settings import BaseSettings

from tokensmith_server.app import extra_keys
from tokensmith_server.catalog.loader import CatalogError, load_catalog
from tokensmith_server.config import ServerSettings
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.errors import StorageError

S = TypeVar("S", bound=BaseSettings)

_PREFIX: Final = "TOKENSMITH_"


class SettingsError(ValueError):
    """Settings that can't be used; ``problems`` has a line for each, with its variable first."""

    def __init__(self, problems: Iterable[str]) -> None:
        # What the server and the bridge share is wrong for both, and told once.
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("the settings are not valid\n" + "\n".join(self.problems))


class Environment:
    """Reads settings and gathers what is wrong; ``require_valid`` tells it."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def read(self, kind: type[S], **given: Any) -> S:
        """One set of settings; what is wrong is noted, and stands at its default.

        ``given`` goes before the environment: what an option of the command says.
        """
        try:
            return kind(**given)
        except pydantic.ValidationError as error:
            self.problems += problems_of(error)
            wrong = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        try:
            return kind(**given | {name: kind.model_fields[name].default for name in wrong})
        except pydantic.ValidationError:
            # Wrong together, not one by one.
            return cast("S", kind.model_construct())

    def note(self, variable: str, problem: str) -> None:
        """Note a problem with a variable, by its name without ``TOKENSMITH_``."""
        self.problems.append(f"{_PREFIX}{variable}: {problem}")

    def require_valid(self) -> None:
        """End the reading.

        Raises:
            SettingsError: something is wrong.
        """
        if self.problems:
            raise SettingsError(self.problems)


def problems_of(error: pydantic.ValidationError) -> list[str]:
    """A line for each wrong variable: its name, and what is allowed. No value is repeated."""
    problems = error.errors(include_input=False, include_url=False)
    return [_variable(problem["loc"]) + _allowed(problem["msg"]) for problem in problems]


def _variable(place: tuple[int | str, ...]) -> str:
    """A field's variable; settings that are wrong together name theirs in the message."""
    return f"{_PREFIX}{str(place[0]).upper()}: " if place else ""


def _allowed(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "must be")


def read_server(environment: Environment) -> ServerSettings:
    """The server's settings, and whether the database's address is one."""
    server = environment.read(ServerSettings)
    try:
        parse_database_url(server.database)
    except StorageError as error:
        environment.note("DATABASE_URL", str(error))
    return server


def check_providers(environment: Environment, server: ServerSettings) -> None:
    """Note what would keep a server from reaching providers: its price list, keys, addresses."""
    for name in server.addressed_without_key:
        environment.note(f"{name.upper()}_BASE_URL", unused_address(name))
    try:
        extra_keys(load_catalog(server.catalog))
    except CatalogError as error:
        for problem in error.problems:
            environment.note("CATALOG", problem)
    except ValueError as error:
        environment.note("CATALOG", str(error))


def unused_address(provider: str) -> str:
    """What is wrong with an address of a provider that has no key."""
    return (
        f"nobody is called there without {_PREFIX}{provider.upper()}_API_KEY; set it (to anything,"
        " for a host that takes no key), or name the host in an overlay file (TOKENSMITH_CATALOG)"
    )


def check_listeners(environment: Environment, listeners: dict[str, str]) -> None:
    """Note listeners, by their variables, that want the same address."""
    owners: dict[str, str] = {}
    for variable, listen in listeners.items():
        if listen and not listen.endswith(":0"):
            owner = owners.setdefault(listen, variable)
            if owner != variable:
                environment.note(variable, f"is the address of {_PREFIX}{owner} too")


def database_settings() -> ServerSettings:
    """The settings of a command that works on the database.

    Raises:
        SettingsError: something is wrong.
    """
    environment = Environment()
    server = read_server(environment)
    environment.require_valid()
    return server


def server_settings() -> ServerSettings:
    """The settings of a server that runs apart.

    Raises:
        SettingsError: something is wrong.
    """
    environment = Environment()
    server = read_server(environment)
    check_providers(environment, server)
    listeners = {"GRPC_LISTEN": server.grpc_listen, "METRICS_LISTEN": server.metrics_listen}
    check_listeners(environment, listeners)
    environment.require_valid()
    return server
