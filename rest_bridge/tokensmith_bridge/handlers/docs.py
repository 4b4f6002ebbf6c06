"""``GET /openapi.json`` and ``GET /docs``, which need no key."""

import functools
from typing import Final

import msgspec
from aiohttp import web
from multidict import istr

from tokensmith_bridge.api_description import describe_api
from tokensmith_bridge.call import CALL
from tokensmith_bridge.docs_page import CONTENT_SECURITY_POLICY, docs_page
from tokensmith_bridge.replies import json_reply

_POLICY: Final = istr("Content-Security-Policy")
_TYPE: Final = istr("Content-Type")


@functools.cache
def _description() -> bytes:
    return msgspec.json.encode(describe_api())


@functools.cache
def _page() -> bytes:
    return docs_page(describe_api())


class DocsHandlers:
    """What the API is, to machines and to people; made when somebody first asks."""

    async def describe(self, request: web.Request) -> web.StreamResponse:
        """The API as OpenAPI."""
        return json_reply(request[CALL], _description())

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The API as a page."""
        response = json_reply(request[CALL], _page())
        response.headers[_TYPE] = "text/html; charset=utf-8"
        response.headers[_POLICY] = CONTENT_SECURITY_POLICY
        return response
