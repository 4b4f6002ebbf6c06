"""Pictures and documents that tools returned.

A tool's result in the contract is text. What is none follows the results, in a message of the
person's, under a label.
"""

from tokensmith.v1 import chat_service_pb2 as chat


def result_text(text: str, call_id: str) -> str:
    """The text of a result that has more than text."""
    note = f"(What else tool call {call_id} returned follows the results.)"
    return f"{text}\n{note}" if text else note


def label(call_id: str) -> chat.ChatContentPart:
    """What stands before the rest of that call's result."""
    return chat.ChatContentPart(text=f"Tool call {call_id} returned:")
