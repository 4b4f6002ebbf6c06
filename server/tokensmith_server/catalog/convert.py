"""The catalog's values to proto, at the edge. Rendering only; nothing here can fail."""

from datetime import date
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from tokensmith.v1 import model_service_pb2 as model_pb
from tokensmith_server.billing.rates import ImageRate, SecondRate, TokenRate
from tokensmith_server.catalog.model import (
    Capabilities,
    ImageSpec,
    Kind,
    Lifecycle,
    LifecycleStatus,
    ModelSpec,
    SecondsSource,
    Support,
    TextSpec,
    VideoSpec,
)

_KINDS: Final = {
    Kind.TEXT: model_pb.MODEL_KIND_TEXT,
    Kind.IMAGE: model_pb.MODEL_KIND_IMAGE,
    Kind.VIDEO: model_pb.MODEL_KIND_VIDEO,
    Kind.MOTION_CONTROL: model_pb.MODEL_KIND_MOTION_CONTROL,
}
_KINDS_BACK: Final = {number: kind for kind, number in _KINDS.items()}
_STATUSES: Final = {
    LifecycleStatus.AVAILABLE: model_pb.ModelLifecycle.STATUS_AVAILABLE,
    LifecycleStatus.DEPRECATED: model_pb.ModelLifecycle.STATUS_DEPRECATED,
    LifecycleStatus.RETIRED: model_pb.ModelLifecycle.STATUS_RETIRED,
}
_SOURCES: Final = {
    SecondsSource.REQUEST: model_pb.VideoCapabilities.SECONDS_SOURCE_REQUEST,
    SecondsSource.INPUT_VIDEO: model_pb.VideoCapabilities.SECONDS_SOURCE_INPUT_VIDEO,
}
# The day the price list was first published: what OpenAI clients see as `created`.
_ON_SALE_SINCE: Final = Timestamp(seconds=1_780_272_000)


def kind_from_proto(kind: model_pb.ModelKind) -> Kind | None:
    """The kind asked for; ``None`` for any."""
    return _KINDS_BACK.get(kind)


def model_to_proto(model: ModelSpec, today: date) -> model_pb.Model:
    """One model as the contract describes it; the status is today's."""
    message = model_pb.Model(
        id=model.id,
        kind=_KINDS[model.kind],
        display_name=model.name,
        provider=model.provider,
        owned_by=_owner(model),
        create_time=_ON_SALE_SINCE,
        lifecycle=_lifecycle(model.lifecycle, today),
        endpoint=model.endpoint,
        context_tokens=model.context_tokens,
        max_output_tokens=model.max_output_tokens,
        aliases=model.aliases,
    )
    _set_rate(message, model)
    if model.text is not None:
        message.text.CopyFrom(_text(model.text))
    elif model.image is not None:
        message.image.CopyFrom(_image(model.image))
    elif model.video is not None:
        message.video.CopyFrom(_video(model.video))
    return message


def _owner(model: ModelSpec) -> str:
    """Who made the model: the organisation in its id, else whoever serves it."""
    organisation, slash, _ = model.id.partition("/")
    return organisation if slash else model.provider


def _lifecycle(lifecycle: Lifecycle, today: date) -> model_pb.ModelLifecycle:
    return model_pb.ModelLifecycle(
        status=_STATUSES[lifecycle.status_on(today)],
        shutdown_date=lifecycle.shutdown_on.isoformat() if lifecycle.shutdown_on else "",
        replacement=lifecycle.replacement or "",
        note=lifecycle.note or "",
        confirmed=lifecycle.confirmed,
    )


def _set_rate(message: model_pb.Model, model: ModelSpec) -> None:
    match model.rate:
        case TokenRate():
            message.token_rate.CopyFrom(_token_rate(model.rate))
        case ImageRate():
            message.image_rate.image_microcredits = model.rate.image_microcredits
            if model.rate.token_rate is not None:
                message.image_rate.token_rate.CopyFrom(_token_rate(model.rate.token_rate))
        case SecondRate():
            message.second_rate.default_seconds = model.rate.default_seconds
            for tier in model.rate.tiers:
                message.second_rate.tiers.add(
                    second_microcredits=tier.second_microcredits,
                    resolution=tier.resolution,
                    generate_audio=tier.generate_audio,
                    voice_control=tier.voice_control,
                )


def _token_rate(rate: TokenRate) -> model_pb.TokenRate:
    return model_pb.TokenRate(
        input_microcredits=rate.input_microcredits,
        output_microcredits=rate.output_microcredits,
        cached_input_microcredits=rate.cached_input_microcredits,
    )


def _text(text: TextSpec) -> model_pb.TextCapabilities:
    can = text.capabilities
    effort = can.default_reasoning_effort
    return model_pb.TextCapabilities(
        default_output_tokens=text.default_output_tokens,
        image_input=can.image_input,
        audio_input=can.audio_input,
        file_input=can.file_input,
        audio_output=can.audio_output,
        tools=can.tools,
        parallel_tool_calls=can.parallel_tool_calls,
        custom_tools=can.custom_tools,
        json_object=can.json_object,
        json_schema=can.json_schema,
        reasoning_efforts=[value.value for value in can.reasoning_efforts],
        default_reasoning_effort=effort.value if effort else None,
        max_choice_count=can.n_max,
        logprobs=can.logprobs is not Support.NO,
        restricted_fields=_restricted_fields(can),
        tools_with_reasoning=can.tools_with_reasoning,
    )


# Which field of ChatCompletionParams each switch of the catalog is about.
_FIELDS: Final = (
    ("temperature", ("temperature",)),
    ("top_p", ("top_p",)),
    ("stop", ("stop_sequences",)),
    ("penalties", ("frequency_penalty", "presence_penalty")),
    ("logit_bias", ("logit_bias",)),
    ("logprobs", ("logprobs", "top_logprobs")),
    ("seed", ("seed",)),
    ("verbosity", ("verbosity",)),
)


def _restricted_fields(can: Capabilities) -> list[str]:
    restricted = [
        field
        for switch, fields in _FIELDS
        if getattr(can, switch) is not Support.YES
        for field in fields
    ]
    if not can.reasoning_efforts:
        restricted.append("reasoning_effort")
    return restricted


def _image(image: ImageSpec) -> model_pb.ImageCapabilities:
    return model_pb.ImageCapabilities(
        max_image_count=image.n_max,
        image_input=image.image_input,
        responses=image.responses,
        price_is_minimum=image.price_is_minimum,
    )


def _video(video: VideoSpec) -> model_pb.VideoCapabilities:
    return model_pb.VideoCapabilities(
        seconds_source=_SOURCES[video.seconds_source],
        allowed_seconds=video.seconds,
        resolutions=[
            model_pb.ResolutionOption(
                resolution=resolution, allowed_seconds=video.allowed_seconds(resolution)
            )
            for resolution in video.resolutions
        ],
        generate_audio=video.generate_audio,
        voice_control=video.voice_control,
        max_input_seconds=video.max_input_seconds,
        max_input_seconds_image_orientation=video.max_input_seconds_image_orientation,
    )
