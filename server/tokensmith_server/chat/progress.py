"""How far a streamed answer has come, and what it is worth by then. No I/O."""

from dataclasses import dataclass, field

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.commands import Outcome
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.chat.completion import finish_name
from tokensmith_server.chat.facts import has_worth_in
from tokensmith_server.providers.base import ChatBatch


@dataclass(slots=True)
class StreamProgress:
    """What has come so far, and how much of it was handed over."""

    output_bytes: int = 0
    # Whether there is more than reasoning: a provider that breaks off before that has failed.
    worth: bool = False
    usage: TokenUsage | None = None
    # What the provider told of the input before the end; without output.
    input_usage: TokenUsage | None = None
    system_fingerprint: str = ""
    service_tier: str = ""
    moderation_json: str = ""
    messages: int = 0
    finish_reasons: dict[int, chat_pb.FinishReason] = field(default_factory=dict)
    # How many choices had their finish reason handed over.
    ended_choices: int = 0

    def note(self, batch: ChatBatch) -> None:
        """Take what has come; what was handed over is the relay's to count."""
        for delta in batch.deltas:
            if delta.finish_reason:
                self.finish_reasons[delta.choice_index] = delta.finish_reason
        self.worth = self.worth or has_worth_in(batch.deltas)
        if batch.usage is not None:
            self.usage = batch.usage
        self.input_usage = batch.input_usage or self.input_usage
        self.system_fingerprint = batch.system_fingerprint or self.system_fingerprint
        self.service_tier = batch.service_tier or self.service_tier
        self.moderation_json = batch.moderation_json or self.moderation_json

    @property
    def blocked(self) -> bool:
        """Whether every choice that has ended was filtered out."""
        reasons = self.finish_reasons.values()
        filtered = chat_pb.FINISH_REASON_CONTENT_FILTER
        return bool(reasons) and all(reason == filtered for reason in reasons)

    @property
    def outcome(self) -> Outcome:
        """What the customer has when the stream ended in good order."""
        if self.blocked:
            return Outcome.BLOCKED
        # Reasoning that was shown is something: a caller's own limit may leave nothing else.
        shown = self.worth or self.output_bytes > 0
        return Outcome.DELIVERED if shown else Outcome.EMPTY

    @property
    def finish_reason(self) -> str | None:
        """The first choice's, for the request log, like ``stop``."""
        first = self.finish_reasons.get(0, chat_pb.FINISH_REASON_UNSPECIFIED)
        return finish_name(first)
