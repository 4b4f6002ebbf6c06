"""The table of endpoints, and what a path that is not in it may have meant."""

import difflib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from tokensmith_bridge.backend import Backend
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.handlers.billing import BillingHandlers
from tokensmith_bridge.handlers.chat import ChatHandlers
from tokensmith_bridge.handlers.docs import DocsHandlers
from tokensmith_bridge.handlers.estimate import EstimateHandlers
from tokensmith_bridge.handlers.health import HealthHandlers
from tokensmith_bridge.handlers.messages import MessagesHandlers
from tokensmith_bridge.handlers.models import ModelHandlers
from tokensmith_bridge.handlers.responses import ResponsesHandlers
from tokensmith_bridge.handlers.unbuilt import refuse_unbuilt
from tokensmith_bridge.openai.unbuilt import UNBUILT
from tokensmith_bridge.reading import BodyReader

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and a path, in aiohttp's notation, and who answers."""

    method: str
    path: str
    handler: Handler

    @property
    def name(self) -> str:
        """The path without patterns, for metrics and log."""
        return self.path.replace(":.+}", "}")


def endpoints(backend: Backend, settings: BridgeSettings) -> tuple[Endpoint, ...]:
    """Everything that the bridge serves."""
    # One for all, since what is bounded is what the process holds.
    bodies = BodyReader(backend, settings)
    chat = ChatHandlers(backend, settings, bodies)
    messages = MessagesHandlers(backend, settings, bodies)
    responses = ResponsesHandlers(backend, settings, bodies)
    models = ModelHandlers(backend, settings)
    billing = BillingHandlers(backend, settings)
    estimates = EstimateHandlers(backend, settings, bodies)
    health = HealthHandlers(backend, settings)
    docs = DocsHandlers()
    return (
        Endpoint("POST", "/v1/chat/completions", chat.create_completion),
        Endpoint("POST", "/v1/messages", messages.create_message),
        Endpoint("POST", "/v1/messages/count_tokens", messages.count_tokens),
        Endpoint("POST", "/v1/responses", responses.create),
        Endpoint("POST", "/v1/responses/input_tokens", responses.count_input_tokens),
        Endpoint("GET", "/v1/responses/{response_id}", responses.get),
        Endpoint("DELETE", "/v1/responses/{response_id}", responses.delete),
        Endpoint("POST", "/v1/responses/{response_id}/cancel", responses.cancel),
        Endpoint("GET", "/v1/responses/{response_id}/input_items", responses.list_input_items),
        Endpoint("GET", "/v1/models", models.list_models),
        Endpoint("GET", "/v1/models/{model_id:.+}", models.get_model),
        Endpoint("GET", "/v1/credits", billing.get_credits),
        Endpoint("GET", "/v1/key", billing.get_key),
        Endpoint("POST", "/v1/estimate", estimates.estimate),
        Endpoint("GET", "/v1/requests", billing.list_requests),
        Endpoint("GET", "/v1/requests/{request_id}", billing.get_request),
        Endpoint("GET", "/v1/billing/holds", billing.list_holds),
        Endpoint("GET", "/v1/billing/entries", billing.list_entries),
        Endpoint("GET", "/healthz", health.alive),
        Endpoint("GET", "/readyz", health.ready),
        Endpoint("GET", "/openapi.json", docs.describe),
        Endpoint("GET", "/docs", docs.show),
    )


def unbuilt_endpoints() -> tuple[Endpoint, ...]:
    """What is refused because its service is not built."""
    return tuple(Endpoint("*", path, refuse_unbuilt(text)) for path, text in UNBUILT.items())


def near_path(path: str, paths: Iterable[str]) -> str | None:
    """The one of ``paths`` that ``path`` probably meant, if any.

    Finds a missing or doubled ``/v1``, doubled or trailing slashes, capitals and small slips.
    """
    fixed = {known for known in paths if "{" not in known}
    plain = "/" + "/".join(part for part in path.lower().split("/") if part and part != "v1")
    for candidate in (f"/v1{plain}", plain):
        if candidate in fixed and candidate != path:
            return candidate
    close = difflib.get_close_matches(f"/v1{plain[:100]}", sorted(fixed), n=1, cutoff=0.8)
    return close[0] if close and close[0] != path else None
