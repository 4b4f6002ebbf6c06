"""What an operator or a test may set on a simulator."""

from __future__ import annotations

import msgspec


class SimulatorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one simulator process. The defaults suit development on a loopback address."""

    api_keys: frozenset[str] = frozenset()
    """Keys that are accepted. Empty: every key is, unless it contains the word `wrong`."""

    control_enabled: bool = True
    """Whether `/_control/...` is served: faults, pace and the journal."""

    directives_enabled: bool = True
    """Whether `[[sim:...]]` in the last user message is obeyed."""

    request_limit_bytes: int = 64 * 1024 * 1024
    """Largest request body that is read; above it the answer is 413."""

    journal_capacity: int = 1_000
    """Newest requests that the journal keeps."""

    journal_limit_bytes: int = 32 * 1024 * 1024
    """Bytes of bodies and answers that the journal keeps in all; the oldest go first."""

    batch_bytes: int = 16 * 1024
    """An unpaced stream joins its chunks into writes of about this size."""

    def accepts_key(self, key: str) -> bool:
        """Tell whether a provider would let this API key in."""
        if self.api_keys:
            return key in self.api_keys
        return bool(key) and "wrong" not in key
