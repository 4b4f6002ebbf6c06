"""The gRPC edge of the catalog."""

from datetime import UTC, datetime
from typing import Any

import grpc.aio

from tokensmith.v1 import model_service_pb2 as model_pb
from tokensmith.v1 import model_service_pb2_grpc as model_grpc
from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.convert import kind_from_proto, model_to_proto
from tokensmith_server.catalog.parameter_schema import ParameterSchemas
from tokensmith_server.clock import Clock
from tokensmith_server.errors import InvalidField, ModelNotFound

_PAGE_SIZE_MAX = 1_000


class ModelServicer(model_grpc.ModelServiceServicer):
    """ModelService of the contract."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock
        self._schemas = ParameterSchemas(catalog)

    async def ListModels(  # noqa: N802
        self,
        request: model_pb.ListModelsRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> model_pb.ListModelsResponse:
        """See the contract."""
        if request.page_size < 0:
            raise InvalidField("page_size", "A page has a positive size.", allowed="1 to 1000")
        kind = kind_from_proto(request.kind)
        if kind is None and request.kind != model_pb.MODEL_KIND_UNSPECIFIED:
            raise InvalidField("kind", "There is no such kind of model.")
        models = [model for model in self._catalog.values() if kind in {None, model.kind}]
        start = _position(request.page_token, len(models))
        end = start + min(request.page_size or _PAGE_SIZE_MAX, _PAGE_SIZE_MAX)
        today = datetime.fromtimestamp(self._clock.now(), UTC).date()
        return model_pb.ListModelsResponse(
            models=[model_to_proto(model, today) for model in models[start:end]],
            next_page_token=str(end) if end < len(models) else "",
            catalog_version=self._catalog.version,
        )

    async def GetModel(  # noqa: N802
        self,
        request: model_pb.GetModelRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> model_pb.GetModelResponse:
        """See the contract."""
        model = self._catalog.find(request.model_id)
        if model is None:
            raise ModelNotFound(request.model_id, self._catalog.near_matches(request.model_id))
        today = datetime.fromtimestamp(self._clock.now(), UTC).date()
        message = model_to_proto(model, today)
        message.parameter_schema_json = self._schemas.json_of(model)
        return model_pb.GetModelResponse(model=message, catalog_version=self._catalog.version)


def _position(page_token: str, count: int) -> int:
    """Where the page begins; the catalog does not change while a process runs."""
    if not page_token:
        return 0
    # Few digits: more than a list can have, and no work for whoever sends thousands.
    position = int(page_token) if page_token.isdecimal() and len(page_token) < 10 else None
    if position is None or position > count:
        raise InvalidField("page_token", "This is not a page token of this list.")
    return position
