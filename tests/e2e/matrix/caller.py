"""One cell being tried: calls through the unchanged SDK, and everything that came of them."""

from dataclasses import dataclass, field
from typing import Any

import openai
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

Json = dict[str, Any]

ANSWER_TOKENS = 800


@dataclass
class Answer:
    """What one call came to, as the client saw it. ``charged`` is in credits, of the header."""

    completion: ChatCompletion
    request_id: str
    charged: str | None
    chunks: int

    @property
    def choice(self) -> Any:
        return self.completion.choices[0]

    @property
    def text(self) -> str:
        return self.choice.message.content or ""

    @property
    def finish(self) -> str:
        return str(self.choice.finish_reason)

    @property
    def reasoning_tokens(self) -> int:
        usage = self.completion.usage
        assert usage is not None
        details = usage.completion_tokens_details
        return (details.reasoning_tokens or 0) if details else 0

    def calls(self) -> list[Any]:
        """The tool calls of the first choice."""
        return list(self.choice.message.tool_calls or ())


@dataclass
class Caller:
    """Makes a cell's calls. ``marker`` is in every prompt, for the provider's journal.

    What must be found in the bodies that reach the provider is in ``expected_upstream``.
    """

    client: openai.AsyncOpenAI
    model: str
    marker: str
    stream: bool
    answers: list[Answer] = field(default_factory=list)
    free: list[str] = field(default_factory=list)
    expected_upstream: list[object] = field(default_factory=list)

    def says(self, text: str, *parts: Json) -> Json:
        """A message of the user's."""
        said = f"{text} {self.marker}"
        if parts:
            return {"role": "user", "content": [{"type": "text", "text": said}, *parts]}
        return {"role": "user", "content": said}

    async def ask(self, prompt: str | Json | list[Json], **settings: Any) -> Answer:
        """Make one call that is answered."""
        messages = prompt if isinstance(prompt, list) else [prompt]
        answer = await self._call(
            {
                "model": self.model,
                "messages": [self.says(m) if isinstance(m, str) else m for m in messages],
                "max_completion_tokens": ANSWER_TOKENS,
                **settings,
            }
        )
        self.answers.append(answer)
        return answer

    async def ask_for_free(self, prompt: str) -> None:
        """Make one call that the provider blocks, by an error or by a finish reason.

        One that ends in any other way is an answer like others.
        """
        try:
            answer = await self.ask(prompt)
        except openai.BadRequestError as error:
            if error.code != "content_policy_violation":
                raise
            self.free.append(error.request_id or "")
        else:
            if answer.finish == "content_filter":
                self.answers.remove(answer)
                self.free.append(answer.request_id)

    async def _call(self, body: Json) -> Answer:
        create: Any = self.client.chat.completions.with_raw_response.create
        if not self.stream:
            raw = await create(**body)
            completion = raw.parse()
            return Answer(
                completion, raw.headers["x-request-id"], raw.headers["x-credits-charged"], 0
            )
        raw = await create(**body, stream=True, stream_options={"include_usage": True})
        state: Any = ChatCompletionStreamState()
        chunks = 0
        async for chunk in raw.parse():
            state.handle_chunk(chunk)
            chunks += 1
        return Answer(state.current_completion_snapshot, raw.headers["x-request-id"], None, chunks)
