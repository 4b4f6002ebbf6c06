"""The price of a chat before it is called, from the code that admits it."""

import math

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing import pricing
from tokensmith_server.billing.estimation import PricedCall
from tokensmith_server.chat.admission import Admission
from tokensmith_server.chat.parts import ChatServiceParts


class ChatEstimator:
    """``Estimator`` of chats."""

    def __init__(self, parts: ChatServiceParts) -> None:
        self._admission = Admission(parts)

    def price(self, params: chat_pb.ChatCompletionParams, account_id: str) -> PricedCall:
        """See ``Estimator.price``."""
        # What nobody begins is never late.
        admitted = self._admission.examine(params, account_id, deadline_monotonic=math.inf)
        fixed_lines, unit_line = pricing.hold_lines(admitted.rate, admitted.facts, admitted.terms)
        return PricedCall(admitted.terms, fixed_lines, unit_line, exact=False)
