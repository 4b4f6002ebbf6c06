"""A TokenSmith server for your tests: in process, free of charge, and doing what you tell it.

It speaks the real contract over a real gRPC socket, with money that adds up, so that code under
test needs no patching. It knows chat, models, balance, receipts, estimates, image generation,
videos and media; other methods answer UNIMPLEMENTED.
"""

from tokensmith.testing.fake import DEFAULT_MODELS, FakeTokensmith
from tokensmith.testing.script import Answer, Failure, RecordedCall, ToolCall

__all__ = [
    "DEFAULT_MODELS",
    "Answer",
    "Failure",
    "FakeTokensmith",
    "RecordedCall",
    "ToolCall",
]
