"""Fetches the images that messages name by address, for providers that can't or must not."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from tokensmith_server.providers.base import ChatCall, ErrorKind, Phase, ProviderError, Timeouts
from tokensmith_server.providers.media_address import image_urls
from tokensmith_server.providers.media_fetch import MediaFetcher
from tokensmith_server.providers.media_types import InlineMedia, MediaRefused

_NO_MEDIA: Final[Mapping[str, InlineMedia]] = {}
_TOTAL_SECONDS_MIN: Final = 0.001


def any_image(image: InlineMedia) -> None:
    """Take every image."""


async def fetch_named_images(
    fetcher: MediaFetcher, call: ChatCall, *, check: Callable[[InlineMedia], None] = any_image
) -> tuple[Mapping[str, InlineMedia], Timeouts]:
    """Fetch the images of a call by their addresses; return what time is left of the call, too.

    ``check`` raises ``MediaRefused`` for an image that the provider does not take.

    Raises:
        ProviderError: one can't be had: the client's to mend, and nothing was sent.
    """
    places = list(image_urls(call.params.messages))
    if not places:
        return _NO_MEDIA, call.timeouts
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    fetched = await fetcher.fetch_images(
        (url for _, url in places), seconds=call.timeouts.total_seconds
    )
    media: dict[str, InlineMedia] = {}
    for param, url in places:
        try:
            media[url] = _usable(fetched[url], check)
        except MediaRefused as refusal:
            raise ProviderError(
                ErrorKind.INVALID_REQUEST,
                refusal.reason,
                phase=Phase.CONNECT,
                param=param,
                code="invalid_image_url",
            ) from None
    left_seconds = call.timeouts.total_seconds - (loop.time() - started_at)
    return media, replace(call.timeouts, total_seconds=max(left_seconds, _TOTAL_SECONDS_MIN))


def _usable(image: InlineMedia | MediaRefused, check: Callable[[InlineMedia], None]) -> InlineMedia:
    if isinstance(image, MediaRefused):
        raise image
    check(image)
    return image
