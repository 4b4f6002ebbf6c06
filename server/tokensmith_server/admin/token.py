"""The operator's token: given in the environment, or made once and kept beside the database.

Whoever may read the data directory may read the ledger too, so a token that is kept there gives
nobody more than they have.
"""

import os
import secrets
from pathlib import Path
from typing import Final

FILE_NAME: Final = "admin.token"
_RANDOM_BYTES: Final = 32


def read_token(data_dir: Path) -> str | None:
    """The token that a server keeps in its data directory; ``None`` when there is none to read."""
    try:
        return (data_dir / FILE_NAME).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def ensure_token(data_dir: Path) -> str | None:
    """The kept token, made if there is none yet, for its owner alone.

    ``None`` where the directory can't be written: then there is no operator.
    """
    path = data_dir / FILE_NAME
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"adm_{secrets.token_urlsafe(_RANDOM_BYTES)}\n")
            try:
                # Of several processes that start at once, all go by the first one's.
                path.hardlink_to(draft)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
    except OSError:
        return None
    return read_token(data_dir)
