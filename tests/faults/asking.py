"""One case of the fault table being tried, by the official client of its endpoint."""

from typing import Any

import anthropic
import openai

from tests.faults.upstream_cases import Case, Endpoint
from tests.support.books import Customer
from tests.support.processes import Gateway
from tests.support.told import answer_words, error_words

_LIMIT = 400


class Asked:
    """One case being tried: counts what the SDK sends."""

    def __init__(self, case: Case, gateway: Gateway, customer: Customer) -> None:
        self.case = case
        self.requests = 0
        self._text = ""
        seconds, key = case.fault.client_seconds, customer.key
        retries = openai.DEFAULT_MAX_RETRIES if case.sdk_retries else 0
        # Made before anybody's patience begins; reading the system's certificates, which nobody
        # here needs, would take the half of it.
        self._openai = openai.AsyncOpenAI(
            base_url=gateway.base_url,
            api_key=key,
            max_retries=retries,
            timeout=seconds,
            http_client=openai.DefaultAsyncHttpxClient(
                event_hooks={"request": [self._count]}, verify=False
            ),
        )
        self._anthropic = anthropic.AsyncAnthropic(
            base_url=gateway.base_url.removesuffix("/v1"),
            api_key=key,
            max_retries=retries,
            timeout=seconds,
            http_client=anthropic.DefaultAsyncHttpxClient(
                event_hooks={"request": [self._count]}, verify=False
            ),
        )

    async def ask(self) -> str:
        """Make the call; what its client sees."""
        asks = {
            Endpoint.CHAT: self._ask_chat,
            Endpoint.RESPONSES: self._ask_response,
            Endpoint.MESSAGES: self._ask_message,
        }
        try:
            async with self._openai, self._anthropic:
                finish = await asks[self.case.endpoint]()
        except (openai.APIError, anthropic.APIError) as error:
            return ("text, then " if self._text else "") + error_words(error)
        return finish if "`" in finish else answer_words(self._text, finish)

    async def _ask_chat(self) -> str:
        answer: Any = await self._openai.chat.completions.create(
            model=self.case.name,
            messages=[{"role": "user", "content": self.case.prompt}],
            max_completion_tokens=_LIMIT,
            stream=self.case.stream,
        )
        if not self.case.stream:
            choice = answer.choices[0]
            self._text = choice.message.content
            return str(choice.finish_reason)
        finish = None
        async for chunk in answer:
            self._text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
        return str(finish)

    async def _ask_response(self) -> str:
        answer: Any = await self._openai.responses.create(
            model=self.case.name,
            input=self.case.prompt,
            max_output_tokens=_LIMIT,
            stream=self.case.stream,
        )
        if self.case.stream:
            async for event in answer:
                if event.type == "response.output_text.delta":
                    self._text += event.delta
                elif event.type in {"response.completed", "response.incomplete"}:
                    answer = event.response
                elif event.type == "response.failed":
                    told = "text, then " if self._text else ""
                    return f"{told}`response.failed` `{event.response.error.code}`"
        else:
            self._text = answer.output_text
        details = answer.incomplete_details
        return f"{answer.status}: {details.reason}" if details else str(answer.status)

    async def _ask_message(self) -> str:
        answer: Any = await self._anthropic.messages.create(
            model=self.case.name,
            messages=[{"role": "user", "content": self.case.prompt}],
            max_tokens=_LIMIT,
            stream=self.case.stream,
        )
        if not self.case.stream:
            self._text = "".join(getattr(block, "text", "") for block in answer.content)
            return str(answer.stop_reason)
        finish = None
        async for event in answer:
            if event.type == "content_block_delta":
                self._text += getattr(event.delta, "text", "")
            elif event.type == "message_delta":
                finish = event.delta.stop_reason
        return str(finish)

    async def _count(self, _request: object) -> None:
        self.requests += 1
