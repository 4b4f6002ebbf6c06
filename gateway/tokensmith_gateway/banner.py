"""What ``tokensmith up`` prints once it serves: enough to make the first call."""

from tokensmith_server.config import ServerSettings

# A small model without a date to go by.
_FIRST_MODEL = "gpt-5.4-mini"


def banner(public_url: str, grpc: str, secret: str | None, settings: ServerSettings) -> str:
    """The addresses, the key and a call to try."""
    lines = ["", f"TokenSmith serves {public_url}/v1 (REST) and {grpc} (gRPC).", ""]
    if settings.simulated:
        names = ", ".join(sorted(settings.simulated))
        lines += [
            f"No API key for {names}: the upstream simulator answers for them, with made-up text.",
            "",
        ]
    if secret is None:
        lines += ["Make a key:  tokensmith keys create --account demo", ""]
        return "\n".join(lines)
    lines += [
        f"API key (also in {settings.data_dir / 'demo.key'}):",
        f"  {secret}",
        "",
        "Try it:",
        f"  curl {public_url}/v1/chat/completions \\",
        f'    -H "Authorization: Bearer {secret}" -H "Content-Type: application/json" \\',
        f'    -d \'{{"model":"{_FIRST_MODEL}","messages":[{{"role":"user","content":"Hello"}}]}}\'',
        "",
        "",
    ]
    return "\n".join(lines)
