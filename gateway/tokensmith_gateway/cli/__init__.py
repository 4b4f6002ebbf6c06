"""The ``tokensmith`` command line: data on standard output, all else on standard error.

Exit codes: 0 done; 1 failed; 2 wrong usage or settings; 3 no such account, key or request;
4 the name is taken; 5 the database can't be used; 6 the audit found a violation.
"""

import sys

from tokensmith_gateway.cli.commands import app
from tokensmith_gateway.cli.outcome import exit_code_of, explain


def main() -> None:
    """Run the command line; every expected failure becomes one line and an exit code."""
    try:
        app()
    except Exception as error:
        code = exit_code_of(error)
        if code is None:
            raise
        sys.stderr.write(f"tokensmith: {explain(error)}\n")
        raise SystemExit(code) from None


__all__ = ["main"]
