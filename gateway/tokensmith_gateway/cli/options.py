"""Options that several commands take."""

from typing import Annotated

import typer

AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON, in a stable form.")]
