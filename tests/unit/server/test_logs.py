"""Lines of the log: who finds no secret at a glance does not let one through."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.logs import _SECRET_WORDS, _json_line

SECRETS = st.builds(
    "{}{}".format,
    st.sampled_from(
        ["pk_live_", "sk-", "xai-", "AIza", "tgp_", "Bearer ", "Bearer \t", "Bearer\n"]
    ),
    st.from_regex(r"[A-Za-z0-9_\-.]{6,30}", fullmatch=True),
)


@given(st.text(), SECRETS, st.text())
def test_secret_never_stands_in_a_line(before: str, secret: str, after: str) -> None:
    line = _json_line(None, "info", {"event": "rpc", "model": f"{before}{secret}{after}"})
    assert secret not in msgspec.json.decode(line)["model"]
    assert b"[redacted]" in line


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABIZ_-./ 0123456789"))
def test_line_without_a_secret_stays_as_it_is(text: str) -> None:
    if not any(word in text.encode() for word in _SECRET_WORDS):
        line = msgspec.json.decode(_json_line(None, "warning", {"event": "rpc", "model": text}))
        assert (line["model"], line["level"]) == (text, "warning")
