"""What the bridge has to know of a model to put a request to it; asked of the server, and kept.

The catalog is the same for every caller, so that one answer serves all for a while.
"""

import time
from typing import Final

from tokensmith.v1 import model_service_pb2 as model
from tokensmith_bridge.anthropic.effort import ModelFacts
from tokensmith_bridge.backend import Backend, call_server
from tokensmith_bridge.call import Metadata

_FRESH_SECONDS: Final = 60.0
_KEPT_MAX: Final = 1_024


class ModelFactsReader:
    """Looks models up, and keeps what it found for a minute."""

    def __init__(self, backend: Backend) -> None:
        self._models = backend.models
        self._known: dict[str, tuple[float, ModelFacts]] = {}

    async def read(self, model_id: str, metadata: Metadata, *, seconds: float) -> ModelFacts:
        """The facts of a text model; of another one what is true of any.

        Raises:
            Refusal: there is no such model, or the key is wrong.
        """
        now = time.monotonic()
        known = self._known.get(model_id)
        if known is not None and known[0] > now:
            return known[1]
        request = model.GetModelRequest(model_id=model_id)
        rpc = self._models.GetModel(request, metadata=metadata, timeout=seconds)
        facts = model_facts((await call_server(rpc)).model)
        if len(self._known) >= _KEPT_MAX:
            self._known.clear()
        self._known[model_id] = (now + _FRESH_SECONDS, facts)
        return facts


def model_facts(found: model.Model) -> ModelFacts:
    """Read a model of the catalog."""
    if found.WhichOneof("capabilities") != "text":
        return ModelFacts()
    can = found.text
    default = can.default_reasoning_effort if can.HasField("default_reasoning_effort") else None
    return ModelFacts(
        efforts=tuple(can.reasoning_efforts),
        default_effort=default,
        tools_with_reasoning=can.tools_with_reasoning,
        parallel_tool_calls=can.parallel_tool_calls,
        restricted_fields=frozenset(can.restricted_fields),
        max_output_tokens=found.max_output_tokens if found.HasField("max_output_tokens") else None,
    )
