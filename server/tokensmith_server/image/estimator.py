"""The price of images before they are asked for: so many at the model's rate."""

from tokensmith.v1 import image_service_pb2 as image_pb
from tokensmith_server.billing.estimation import PricedCall
from tokensmith_server.billing.pricing import PriceLine, image_hold_terms
from tokensmith_server.billing.rates import ImageRate
from tokensmith_server.catalog.model import ImageSpec, Kind, ModelSpec
from tokensmith_server.catalog.selection import ModelSelection
from tokensmith_server.errors import ModelKindMismatch
from tokensmith_server.image.validate import check_edit, check_params


class ImageEstimator:
    """``Estimator`` of images from a prompt."""

    def __init__(self, models: ModelSelection) -> None:
        self._models = models

    def price(self, params: image_pb.ImageParams, account_id: str = "") -> PricedCall:
        """See ``Estimator.price``."""
        model, image, rate = _find_model(self._models, params.model)
        return _priced(image, rate, check_params(params, model, image))


class ImageEditEstimator:
    """``Estimator`` of images from images. They are not looked at: none of them is paid for."""

    def __init__(self, models: ModelSelection) -> None:
        self._models = models

    def price(self, params: image_pb.ImageEditParams, account_id: str = "") -> PricedCall:
        """See ``Estimator.price``."""
        model, image, rate = _find_model(self._models, params.image.model)
        return _priced(image, rate, check_edit(params, model, image))


def _find_model(models: ModelSelection, model_id: str) -> tuple[ModelSpec, ImageSpec, ImageRate]:
    model = models.find(model_id, Kind.IMAGE)
    if model.image is None or not isinstance(model.rate, ImageRate):
        raise ModelKindMismatch(model_id, kind=model.kind.value, endpoint=model.endpoint)
    return model, model.image, model.rate


def _priced(image: ImageSpec, rate: ImageRate, image_count: int) -> PricedCall:
    varies = "the least; a large or fine image may cost more" if image.price_is_minimum else ""
    unit_line = PriceLine("image", 1, rate.image_microcredits, varies)
    return PricedCall(image_hold_terms(rate, image_count), (), unit_line, exact=True)
