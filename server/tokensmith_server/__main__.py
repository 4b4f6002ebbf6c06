"""``python -m tokensmith_server``: a server process with its settings from the environment."""

import sys

import uvloop
from pydantic import ValidationError

from tokensmith_server.config import ServerSettings
from tokensmith_server.logs import configure_logs
from tokensmith_server.serve import serve


def main() -> None:
    """Serve until a signal comes; end with status 2 where the settings are wrong."""
    try:
        settings = ServerSettings()
    except ValidationError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    configure_logs(settings.log_format, settings.log_level)
    uvloop.run(serve(settings, ready=lambda address: sys.stderr.write(f"gRPC on {address}\n")))


if __name__ == "__main__":
    main()
