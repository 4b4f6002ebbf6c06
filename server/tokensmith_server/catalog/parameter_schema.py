"""What a call to a model may say, as JSON Schema: for forms, for agents, and for checks beforehand.

A schema tells of the JSON body of the model's endpoint. Whatever body the gateway takes fits the
schema, but for optional fields that are ``null`` or empty at the top level; a setting that the
model does not have is not in it, or offers only the value that changes nothing. Rules about a
conversation as a whole (which message may follow which, what fits the context) are not in it.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.image_parameters import image_parameters
from tokensmith_server.catalog.model import ExtraProvider, Kind, ModelSpec
from tokensmith_server.catalog.parameter_terms import Json
from tokensmith_server.catalog.parameter_vendors import vendor_of
from tokensmith_server.catalog.text_parameters import text_parameters
from tokensmith_server.catalog.video_parameters import motion_parameters, video_parameters

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

_encode: Final = msgspec.json.Encoder().encode

_MEDIA: Final[Mapping[Kind, Callable[[ModelSpec], Json]]] = {
    Kind.IMAGE: image_parameters,
    Kind.VIDEO: video_parameters,
    Kind.MOTION_CONTROL: motion_parameters,
}


def parameter_schema(model: ModelSpec, hosts: Mapping[str, ExtraProvider]) -> Json:
    """The schema of a call to ``model``. ``hosts`` are the providers that the overlay file adds."""
    if model.kind is Kind.TEXT:
        body = text_parameters(model, vendor_of(model, hosts))
    else:
        body = _MEDIA[model.kind](model)
    return {
        "$schema": DRAFT,
        "title": model.name,
        "description": (
            f"Body of POST {model.endpoint} for `{model.id}`. Unknown fields are refused; an"
            " optional field that is null counts as left out."
        ),
        "type": "object",
        **body,
        "additionalProperties": False,
    }


class ParameterSchemas:
    """The schemas of a catalog as JSON text, each made when it is first asked for."""

    def __init__(self, catalog: Catalog) -> None:
        self._hosts = catalog.providers
        self._texts: dict[str, str] = {}

    def json_of(self, model: ModelSpec) -> str:
        """The schema of one of the catalog's models."""
        known = self._texts.get(model.id)
        if known is None:
            known = _encode(parameter_schema(model, self._hosts)).decode()
            self._texts[model.id] = known
        return known
