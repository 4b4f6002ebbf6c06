"""The fake server's money: small, in memory, and adding up like the real one."""

from collections.abc import Sequence

from tokensmith.testing.script import Failure, FailureRaised
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import error_reason_pb2, model_service_pb2, usage_pb2

CATALOG_VERSION = "fake-1"
MINIMUM_OUTPUT_TOKENS = 1024
"""Below this the balance does not lower a chat's output allowance."""


class FakeLedger:
    """One account: its balance, and one hold and receipt per call."""

    def __init__(self, available_microcredits: int) -> None:
        self.balance = billing_pb.Balance(
            available_microcredits=available_microcredits,
            granted_microcredits=available_microcredits,
        )
        self.requests: dict[str, billing_pb.RequestRecord] = {}

    def place_hold(
        self, request_id: str, model: model_service_pb2.Model, held_microcredits: int
    ) -> billing_pb.RequestRecord:
        """Hold an amount for a call.

        Raises:
            FailureRaised: INSUFFICIENT_CREDITS.
        """
        if held_microcredits > self.balance.available_microcredits:
            raise FailureRaised(self._insufficient(held_microcredits))
        self.balance.available_microcredits -= held_microcredits
        self.balance.held_microcredits += held_microcredits
        record = billing_pb.RequestRecord(id=request_id, kind=model.kind, model=model.id)
        record.hold.id = request_id.replace("req_", "hold_")
        record.hold.log_request_id = request_id
        record.hold.model = model.id
        record.hold.state = billing_pb.Hold.STATE_HELD
        record.hold.held_microcredits = held_microcredits
        record.hold.catalog_version = CATALOG_VERSION
        record.create_time.GetCurrentTime()
        record.hold.create_time.CopyFrom(record.create_time)
        self.requests[request_id] = record
        return record

    def settle(
        self,
        record: billing_pb.RequestRecord,
        charged_microcredits: int,
        outcome: usage_pb2.Outcome = usage_pb2.OUTCOME_DELIVERED,
    ) -> None:
        """Charge a call; what exceeds its hold comes from the balance as far as it goes."""
        affordable = record.hold.held_microcredits + self.balance.available_microcredits
        charged = min(charged_microcredits, affordable)
        record.hold.shortfall_microcredits = charged_microcredits - charged
        self._end(record, billing_pb.Hold.STATE_SETTLED, charged, outcome)

    def void(
        self,
        record: billing_pb.RequestRecord,
        outcome: usage_pb2.Outcome = usage_pb2.OUTCOME_FAILED,
        error_reason: str = "",
    ) -> None:
        """Give a call's hold back."""
        record.error_reason = error_reason
        self._end(record, billing_pb.Hold.STATE_VOIDED, 0, outcome)

    def charge(self, record: billing_pb.RequestRecord) -> usage_pb2.Charge:
        """The call's money as its answer carries it."""
        charge = usage_pb2.Charge(
            hold_id=record.hold.id,
            held_microcredits=record.hold.held_microcredits,
            balance_microcredits=self.balance.available_microcredits,
            catalog_version=CATALOG_VERSION,
            outcome=record.outcome,
        )
        if record.hold.HasField("charged_microcredits"):
            charge.charged_microcredits = record.hold.charged_microcredits
        return charge

    def newest_requests(
        self, wanted: billing_pb.ListRequestsRequest
    ) -> Sequence[billing_pb.RequestRecord]:
        """The calls that a list asks for, newest first, without paging."""
        return [
            record
            for record in reversed(self.requests.values())
            if wanted.model in {"", record.model}
            and wanted.kind in {0, record.kind}
            and wanted.outcome in {0, record.outcome}
            and wanted.state in {0, record.hold.state}
        ]

    def _end(
        self,
        record: billing_pb.RequestRecord,
        state: billing_pb.Hold.State,
        charged_microcredits: int,
        outcome: usage_pb2.Outcome,
    ) -> None:
        held_microcredits = record.hold.held_microcredits
        self.balance.held_microcredits -= held_microcredits
        self.balance.available_microcredits += held_microcredits - charged_microcredits
        self.balance.charged_microcredits += charged_microcredits
        record.hold.state = state
        record.hold.charged_microcredits = charged_microcredits
        record.outcome = outcome
        record.end_time.GetCurrentTime()
        record.hold.resolve_time.CopyFrom(record.end_time)

    def _insufficient(self, required_microcredits: int) -> Failure:
        available = self.balance.available_microcredits
        return Failure(
            error_reason_pb2.ERROR_REASON_INSUFFICIENT_CREDITS,
            message="The balance does not cover this call.",
            metadata={
                "required_microcredits": str(required_microcredits),
                "available_microcredits": str(available),
            },
        )


def output_allowance(
    wanted_tokens: int, *, fixed_microcredits: int, token_microcredits: int, available: int
) -> int:
    """A chat's output allowance: what is wanted, lowered to what the balance affords."""
    if token_microcredits == 0:
        return wanted_tokens
    affordable = max(0, available - fixed_microcredits) // token_microcredits
    return min(wanted_tokens, max(affordable, MINIMUM_OUTPUT_TOKENS))


def second_microcredits(
    rate: model_service_pb2.SecondRate, *, resolution: str, generate_audio: bool, voices: bool
) -> int:
    """Price of a second: the first tier whose conditions all hold."""
    for tier in rate.tiers:
        if (
            (not tier.HasField("resolution") or tier.resolution == resolution)
            and (not tier.HasField("generate_audio") or tier.generate_audio == generate_audio)
            and (not tier.HasField("voice_control") or tier.voice_control == voices)
        ):
            return tier.second_microcredits
    raise FailureRaised(
        Failure(
            error_reason_pb2.ERROR_REASON_UNSUPPORTED_PARAMETER,
            message="The model has no price for this.",
            metadata={"param": "resolution"},
        )
    )
