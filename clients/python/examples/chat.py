"""Ask a model something over gRPC: what is held, the streamed answer, then what it cost.

    TOKENSMITH_API_KEY=pk_live_... python clients/python/examples/chat.py "Why is the sky blue?"

TOKENSMITH_TARGET names the gateway (127.0.0.1:50051), TOKENSMITH_MODEL the model (gpt-5.4-mini).
"""

import asyncio
import os
import sys
from contextlib import aclosing

import tokensmith
from tokensmith.v1 import chat_service_pb2 as chat


async def main() -> int:
    """Run the example; the exit status is 0 when there was an answer."""
    question = " ".join(sys.argv[1:]) or "Say hello in one sentence."
    message = chat.ChatMessage(role=chat.CHAT_ROLE_USER, content=chat.ChatContent(text=question))
    params = chat.ChatCompletionParams(
        model=os.environ.get("TOKENSMITH_MODEL", "gpt-5.4-mini"), messages=[message]
    )
    target = os.environ.get("TOKENSMITH_TARGET", "127.0.0.1:50051")
    async with tokensmith.Client(target, os.environ["TOKENSMITH_API_KEY"]) as client:
        try:
            await ask(client, params)
        except tokensmith.InsufficientCreditsError as error:
            missing = (error.required_microcredits or 0) - (error.available_microcredits or 0)
            print(f"Add at least {tokensmith.format_credits(missing)} credits.", file=sys.stderr)
            return 1
        except tokensmith.TokensmithError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


async def ask(client: tokensmith.Client, params: chat.ChatCompletionParams) -> None:
    """Print what is held, the answer as it comes, and the charge."""
    async with aclosing(client.stream_chat_completion(params)) as stream:
        async for response in stream:
            if response.HasField("start"):
                held = tokensmith.format_credits(response.charge.held_microcredits)
                print(f"at most {held} credits")
            for delta in response.deltas:
                print(*delta.content_pieces, sep="", end="", flush=True)
    print()
    charge = response.charge
    print(
        f"charged {tokensmith.format_credits(charge.charged_microcredits)} credits,"
        f" {tokensmith.format_credits(charge.balance_microcredits)} left"
    )


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
