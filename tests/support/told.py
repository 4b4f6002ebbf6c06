"""What a client was told, in a few words that documents can be held to."""

import openai


def answer_words(text: str | None, finish: str | None) -> str:
    """An answer, by whether it says anything and why it ended."""
    return f"answer, `{finish}`" if text else f"empty answer, `{finish}`"


def error_words(error: openai.APIError) -> str:
    """The SDK's exception, with status and code where it has them."""
    if isinstance(error, openai.APITimeoutError) or error.code == "deadline_exceeded":
        # The server's clock for the client's patience began a moment later, or ran out before.
        return "`APITimeoutError`, or 504 `deadline_exceeded` just before"
    words = [f"`{type(error).__name__}`"]
    if isinstance(error, openai.APIStatusError):
        words.append(str(error.status_code))
    if error.code:
        words.append(f"`{error.code}`")
    return " ".join(words)
