"""Paths of services that the contract has and that are not built, and what there is instead."""

from typing import Final

_PRICED: Final = "POST /v1/estimate says what such a call will cost."
_IMAGES: Final = f"Images are not made here yet. {_PRICED}"
_VIDEOS: Final = f"Videos are not made here yet. {_PRICED}"
_USAGE: Final = (
    "Usage is not summed up here yet. GET /v1/requests lists the calls with what each one cost."
)
_KEYS: Final = (
    "Keys are not managed over REST yet: `tokensmith keys` makes, lists and revokes them."
)
_BUYING: Final = "Credits are not sold here yet: `tokensmith credits grant` adds some."

UNBUILT: Final = {
    "/v1/images/generations": _IMAGES,
    "/v1/images/edits": _IMAGES,
    "/v1/videos": _VIDEOS,
    "/v1/videos/{video_id}": _VIDEOS,
    "/v1/videos/{video_id}/content": _VIDEOS,
    "/v1/{model_path:.+}/motioncontrol": _VIDEOS,
    "/v1/usage": _USAGE,
    "/v1/billing/keys": _KEYS,
    "/v1/billing/keys/{key_id}": _KEYS,
    "/v1/billing/packs": _BUYING,
    "/v1/billing/checkouts": _BUYING,
    "/v1/billing/checkouts/{checkout_id}": _BUYING,
    "/v1/billing/statements": _BUYING,
    "/v1/billing/statements/{statement_id}": _BUYING,
}
"""By path in aiohttp's notation, what is said there to a call with any method."""


def is_unbuilt(endpoint: str) -> bool:
    """Whether a model's endpoint is one of these."""
    return endpoint in UNBUILT or endpoint.endswith("/motioncontrol")
