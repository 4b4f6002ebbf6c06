"""Why a response can't be kept or found. The wire form of each is a row in ``rpc/errors.py``."""

from tokensmith_server.errors import CallError


class ResponseNotFound(CallError):
    """The account has no response of this id, or its time is over."""

    def __init__(self, response_id: str) -> None:
        super().__init__(response_id)
        self.response_id = response_id


class ResponseTooLarge(CallError):
    """A response and its input are larger than what is kept; ``limit_bytes`` is the most."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"A response and its input may have {limit_bytes} bytes to be kept.")
        self.limit_bytes = limit_bytes
