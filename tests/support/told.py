"""What a client was told, in a few words that documents can be held to."""

import anthropic
import openai


def answer_words(text: str | None, finish: str | None) -> str:
    """An answer, by whether it says anything and why it ended."""
    return f"answer, `{finish}`" if text else f"empty answer, `{finish}`"


def error_words(error: openai.APIError | anthropic.APIError) -> str:
    """The SDK's exception, with status and code where it has them."""
    code = _code(error)
    if isinstance(error, openai.APITimeoutError) or code == "deadline_exceeded":
        # The server's clock for the client's patience began a moment later, or ran out before.
        return "`APITimeoutError`, or 504 `deadline_exceeded` just before"
    words = [f"`{type(error).__name__}`"]
    if isinstance(error, openai.APIStatusError | anthropic.APIStatusError):
        words.append(str(error.status_code))
    if code:
        words.append(f"`{code}`")
    return " ".join(words)


def _code(error: openai.APIError | anthropic.APIError) -> str | None:
    """Our code of the error; Anthropic's client leaves it in the body, beside its own type."""
    if isinstance(error, openai.APIError):
        return error.code
    told = error.body.get("error") if isinstance(error.body, dict) else None
    return (told.get("code") or told.get("type")) if isinstance(told, dict) else None
