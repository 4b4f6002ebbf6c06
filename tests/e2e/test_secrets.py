"""Neither keys nor what people write appear in anything that the processes print."""

import re
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.support.books import Books
from tests.support.processes import Simulator, running_gateway

MODEL = "gpt-5.4-nano"
PROMPT = "canary-prompt-81f3"
PROVIDER_KEY = "sk-canary-provider-5c20"
WRONG_KEY = "pk_live_" + "canary" * 7 + "x"


def ask(client: openai.OpenAI, fault: str, *, stream: bool) -> str:
    """Call once; what the client was told, if it was a failure."""
    try:
        answer: Any = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": f"{PROMPT} {fault}"}], stream=stream
        )
        if stream:
            list(answer)
    except openai.APIError as error:
        return str(error)
    return ""


def provoke(client: openai.OpenAI) -> list[str]:
    """Call in every way that has words of ours logged; what the client was told of failures."""
    faults = ("", "[[sim:fault=500]]", "[[sim:fault=401]]", "[[sim:fault=malformed_json]]")
    told = [ask(client, fault, stream=stream) for fault in faults for stream in (False, True)]
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key=WRONG_KEY).models.list()
    wrong: Any = [{"role": PROMPT, "content": PROMPT}]
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=wrong)
    return [text for text in told if text]


def test_output_has_no_key_and_no_prompt(tmp_path: Path, simulator: Simulator) -> None:
    variables = {
        "TOKENSMITH_OPENAI_API_KEY": PROVIDER_KEY,
        "TOKENSMITH_OPENAI_BASE_URL": f"{simulator.origin}/openai/v1",
        "TOKENSMITH_SIMULATOR_URL": simulator.origin,
        "TOKENSMITH_LOG_LEVEL": "debug",
    }
    with running_gateway(tmp_path / "data", **variables) as gateway:
        books = Books(gateway.database_url)
        customer = books.customer()
        demo_key = gateway.demo_key
        with openai.OpenAI(
            base_url=gateway.base_url, api_key=customer.key, max_retries=0
        ) as client:
            told = provoke(client)
        httpx.get(f"{gateway.base_url}/{PROMPT}?key={customer.key}")
        gateway.stop()
        books.assert_clean()
        printed = gateway.printed()

    assert len(told) == 6
    assert not [text for text in told if "canary-provider" in text or PROVIDER_KEY[-4:] in text]
    assert printed.count(demo_key) == 2, "the banner shows the demo key, and nothing else does"
    assert "upstream.failed" in printed
    for secret in (customer.key, WRONG_KEY, PROVIDER_KEY, PROMPT):
        assert secret not in printed
    assert set(re.findall(r"pk_live_[\w-]+", printed)) == {demo_key}
    files = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("tokensmith.db*"))
    for secret in (customer.key, demo_key, PROVIDER_KEY):
        assert secret.encode() not in files, "keys are kept as hashes"
