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
        self._gateway = gateway
        self._customer = customer
        self._text = ""

    async def ask(self) -> str:
        """Make the call; what its client sees."""
        asks = {
            Endpoint.CHAT: self._ask_chat,
            Endpoint.RESPONSES: self._ask_response,
            Endpoint.MESSAGES: self._ask_message,
        }
        try:
            finish = await asks[self.case.endpoint]()
        except (openai.APIError, anthropic.APIError) as error:
            return ("text, then " if self._text else "") + error_words(error)
        return finish if "`" in finish else answer_words(self._text, finish)

    async def _ask_chat(self) -> str:
        async with self._openai() as client:
            answer: Any = await client.chat.completions.create(
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
        async with self._openai() as client:
            answer: Any = await client.responses.create(
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
        client = anthropic.AsyncAnthropic(
            base_url=self._gateway.base_url.removesuffix("/v1"),
            api_key=self._customer.key,
            max_retries=0,
            timeout=self.case.fault.client_seconds,
        )
        async with client:
            answer: Any = await client.messages.create(
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

    def _openai(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            base_url=self._gateway.base_url,
            api_key=self._customer.key,
            max_retries=openai.DEFAULT_MAX_RETRIES if self.case.sdk_retries else 0,
            timeout=self.case.fault.client_seconds,
            http_client=openai.DefaultAsyncHttpxClient(event_hooks={"request": [self._count]}),
        )

    async def _count(self, _request: object) -> None:
        self.requests += 1
