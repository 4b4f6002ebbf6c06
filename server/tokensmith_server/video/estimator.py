"""The price of a video before it is asked for: its seconds at the rate of its settings."""

from tokensmith.v1 import video_service_pb2 as video_pb
from tokensmith_server.billing.estimation import PricedCall
from tokensmith_server.billing.pricing import PriceLine, second_hold_terms
from tokensmith_server.billing.rates import SecondRate
from tokensmith_server.catalog.model import Kind, ModelSpec, VideoSpec
from tokensmith_server.catalog.selection import ModelSelection
from tokensmith_server.errors import ModelKindMismatch
from tokensmith_server.video.validate import Footage, check_motion_control, check_video


class VideoEstimator:
    """``Estimator`` of videos."""

    def __init__(self, models: ModelSelection) -> None:
        self._models = models

    def price(self, params: video_pb.VideoParams, account_id: str = "") -> PricedCall:
        """See ``Estimator.price``."""
        model, video, rate = _find_model(self._models, params.model, Kind.VIDEO)
        return _priced(rate, check_video(params, model, video, rate))


class MotionControlEstimator:
    """``Estimator`` of motion-control videos: the longest that the model takes in."""

    def __init__(self, models: ModelSelection) -> None:
        self._models = models

    def price(self, params: video_pb.MotionControlParams, account_id: str = "") -> PricedCall:
        """See ``Estimator.price``."""
        _, video, rate = _find_model(self._models, params.model, Kind.MOTION_CONTROL)
        return _priced(rate, check_motion_control(params, video))


def _find_model(
    models: ModelSelection, model_id: str, kind: Kind
) -> tuple[ModelSpec, VideoSpec, SecondRate]:
    model = models.find(model_id, kind)
    if model.video is None or not isinstance(model.rate, SecondRate):
        raise ModelKindMismatch(model_id, kind=model.kind.value, endpoint=model.endpoint)
    return model, model.video, model.rate


def _priced(rate: SecondRate, footage: Footage) -> PricedCall:
    terms = second_hold_terms(
        rate,
        footage.seconds,
        resolution=footage.resolution,
        generate_audio=footage.generate_audio,
        voice_control=footage.voice_control,
    )
    unit_line = PriceLine("second", 1, terms.unit_microcredits, _describe(footage))
    return PricedCall(terms, (), unit_line, exact=True)


def _describe(footage: Footage) -> str:
    words = [footage.resolution] if footage.resolution else []
    if footage.voice_control:
        words.append("with voices")
    elif footage.generate_audio is not None:
        words.append("with sound" if footage.generate_audio else "without sound")
    if footage.longest:
        words.append("the longest that the model takes; charged is what is delivered")
    return ", ".join(words)
