"""From a streamed answer to the whole one, and back."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.protos import messages_of
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.chat.assembly import Assembly, deltas_of


def assembled(deltas: list[chat_pb.ChatCompletionDelta]) -> chat_pb.ChatCompletion:
    assembly = Assembly()
    assembly.add(deltas)
    return chat_pb.ChatCompletion(choices=assembly.choices())


def pieces(text: str, cuts: list[int]) -> list[str]:
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    return [text[a:b] for a, b in pairwise(places)]


@given(st.lists(messages_of(chat_pb.ChatCompletionDelta), max_size=6))
def test_whole_answer_made_of_parts_comes_apart_and_together_as_itself(
    deltas: list[chat_pb.ChatCompletionDelta],
) -> None:
    whole = assembled(deltas)
    assert assembled(deltas_of(whole)) == whole


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(st.integers(0, 50)),
)
def test_however_it_is_cut_the_text_is_the_same(text: str, args: str, cuts: list[int]) -> None:
    deltas = [chat_pb.ChatCompletionDelta(content_pieces=[piece]) for piece in pieces(text, cuts)]
    first = chat_pb.ChatToolCallDelta(
        index=3, id="c", name="f", kind=chat_pb.CHAT_TOOL_KIND_FUNCTION
    )
    deltas.append(chat_pb.ChatCompletionDelta(tool_calls=[first]))
    for piece in pieces(args, cuts):
        part = chat_pb.ChatToolCallDelta(index=3, arguments=piece)
        deltas.append(chat_pb.ChatCompletionDelta(tool_calls=[part]))
    (choice,) = assembled(deltas).choices
    assert choice.message.content == text
    (call,) = choice.message.tool_calls
    assert (call.id, call.name, call.kind, call.arguments) == ("c", "f", 1, args)


def test_choices_are_kept_apart_and_in_order() -> None:
    parts: list[dict[str, Any]] = [
        {"choice_index": 1, "content_pieces": ["b"]},
        {"choice_index": 0, "content_pieces": ["a"], "finish_reason": 1},
        {"choice_index": 1, "refusal": "no", "finish_reason": 2},
    ]
    whole = assembled([chat_pb.ChatCompletionDelta(**part) for part in parts])
    assert [(c.index, c.message.content, c.finish_reason) for c in whole.choices] == [
        (0, "a", 1),
        (1, "b", 2),
    ]
    assert whole.choices[1].message.refusal == "no"


def test_index_of_a_tool_call_may_be_any_number() -> None:
    calls = [chat_pb.ChatToolCallDelta(index=index, id=str(index)) for index in (2**31 - 1, -1, 7)]
    whole = assembled([chat_pb.ChatCompletionDelta(tool_calls=calls)])
    assert [call.id for call in whole.choices[0].message.tool_calls] == ["-1", "7", "2147483647"]


def test_text_that_is_not_there_stays_unset() -> None:
    (choice,) = assembled(
        [chat_pb.ChatCompletionDelta(finish_reason=chat_pb.FINISH_REASON_STOP)]
    ).choices
    message = choice.message
    for field in ("content", "refusal", "reasoning_content", "function_call", "audio"):
        assert not message.HasField(field)


def test_sound_and_its_words_are_put_together() -> None:
    parts = [
        chat_pb.ChatAudioDelta(id="a", data=b"1", transcript="la"),
        chat_pb.ChatAudioDelta(data=b"2", transcript="li"),
    ]
    deltas = [chat_pb.ChatCompletionDelta(audio=part) for part in parts]
    audio = assembled(deltas).choices[0].message.audio
    assert (audio.id, audio.data, audio.transcript) == ("a", b"12", "lali")
    assert not audio.HasField("expire_time")
    (delta,) = deltas_of(assembled(deltas))
    assert not delta.audio.HasField("expire_time")
