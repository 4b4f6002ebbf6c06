"""What the gateway takes and refuses, as the code says that decides: the bridge's and the server's.

Nothing is sent anywhere: the real adapters are made for their checks alone.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from tests.support.clock import FakeClock
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_bridge.openai.bodies import chat_request_from_json
from tokensmith_bridge.openai.chat_request import fill_params
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.openai.estimate import READERS, reader_name
from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.model import Kind, ModelSpec
from tokensmith_server.catalog.selection import ModelSelection
from tokensmith_server.chat.admission import Admission
from tokensmith_server.errors import CallError
from tokensmith_server.image.estimator import ImageEstimator
from tokensmith_server.providers.base import ProviderSettings
from tokensmith_server.providers.credentials import by_provider
from tokensmith_server.providers.registry import CHAT_FACTORIES, create_chat_providers
from tokensmith_server.routing.router import Router
from tokensmith_server.video.estimator import MotionControlEstimator, VideoEstimator


class Gateway:
    """The checks of one catalog, with every provider set up."""

    def __init__(self, catalog: Catalog) -> None:
        clock = FakeClock()
        everybody = frozenset(
            route.provider for model in catalog.values() for route in model.routes
        )
        settings = {name: ProviderSettings(api_key="key") for name in CHAT_FACTORIES}
        providers = create_chat_providers(cast(Any, None), settings, catalog.providers.values())
        parts = SimpleNamespace(
            catalog=catalog,
            clock=clock,
            simulated=everybody,
            providers=providers,
            router=Router(catalog.values(), by_provider(providers), clock),
        )
        models = ModelSelection(catalog, clock, everybody)
        self._chat = Admission(cast(Any, parts))
        self._media: Mapping[str, Any] = {
            "image": ImageEstimator(models),
            "video": VideoEstimator(models),
            "motion_control": MotionControlEstimator(models),
        }

    def takes(self, model: ModelSpec, body: Mapping[str, Any]) -> bool:
        """Whether this body, at the model's endpoint, would get as far as being paid for."""
        return self.refusal(model, body) is None

    def refusal(self, model: ModelSpec, body: Mapping[str, Any]) -> Exception | None:
        """Why not."""
        try:
            if model.kind is Kind.TEXT:
                self._chat.examine(_chat_params(body), "account-1", 1e9)
            else:
                question = READERS[reader_name(model.endpoint)](msgspec.json.encode(body))
                self._price(question)
        except (CallError, Refusal) as error:
            return error
        return None

    def _price(self, question: billing_pb.EstimateRequest) -> None:
        kind = next(field.name for field, _ in question.ListFields())
        self._media[kind].price(getattr(question, kind))


def _chat_params(body: Mapping[str, Any]) -> chat_pb.ChatCompletionParams:
    params = chat_pb.ChatCompletionParams()
    fill_params(params, chat_request_from_json(msgspec.json.encode(body)))
    return params
