"""The catalog as Anthropic's clients list it."""

from typing import Any

import msgspec
import pytest

from tests.integration.bridge.answers import text_model
from tests.support.anthropic_shapes import judged_model
from tokensmith.v1 import model_service_pb2 as model
from tokensmith_bridge.anthropic.models import model_info_to_json, model_page_to_json
from tokensmith_bridge.openai.errors import Refusal

MODELS = [text_model(name) for name in "abcde"]


def page_of(**query: str) -> Any:
    return msgspec.json.decode(model_page_to_json(MODELS, query))


def ids_of(**query: str) -> list[str]:
    return [item["id"] for item in page_of(**query)["data"]]


def test_an_entry() -> None:
    found = text_model("a/b")
    found.max_output_tokens = 100
    body = model_info_to_json(found)
    info = judged_model(body)
    assert (info.id, info.max_tokens, info.max_input_tokens) == ("a/b", 100, 400_000)
    assert info.lifecycle == "deprecated"
    assert msgspec.json.decode(body)["retires_at"] == "2027-04-01T00:00:00Z"


def test_pages_forward_and_backward() -> None:
    assert ids_of() == ["a", "b", "c", "d", "e"]
    assert page_of()["has_more"] is False
    first = page_of(limit="2")
    assert (first["first_id"], first["last_id"], first["has_more"]) == ("a", "b", True)
    assert ids_of(limit="2", after_id="b") == ["c", "d"]
    assert ids_of(limit="2", after_id="d") == ["e"]
    assert ids_of(limit="2", before_id="e") == ["c", "d"]
    assert page_of(limit="2", before_id="c")["has_more"] is False
    assert ids_of(after_id="e") == []
    assert page_of(after_id="e")["last_id"] is None


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "", "99999999999", "²"])
def test_a_limit_is_a_number_within_bounds(limit: str) -> None:
    with pytest.raises(Refusal) as refused:
        page_of(limit=limit)
    assert refused.value.param == "limit"


@pytest.mark.parametrize("name", ["after_id", "before_id"])
@pytest.mark.parametrize("cursor", ["zzz", "", "A"])
def test_page_next_to_no_model_is_refused_since_a_pager_would_begin_again(
    name: str, cursor: str
) -> None:
    with pytest.raises(Refusal) as refused:
        page_of(**{name: cursor})
    assert refused.value.param == name


def test_page_is_asked_for_in_one_direction() -> None:
    with pytest.raises(Refusal, match="Only one of"):
        page_of(after_id="a", before_id="c")


def test_pager_goes_on_where_a_model_was_retired_in_between() -> None:
    models = [text_model(name) for name in "abc"]
    models[1].lifecycle.status = model.ModelLifecycle.STATUS_RETIRED
    page = msgspec.json.decode(model_page_to_json(models, {"after_id": "b"}))
    assert [item["id"] for item in page["data"]] == ["c"]


def test_only_what_can_be_called_is_listed() -> None:
    image, retired = text_model("i"), text_model("r")
    image.kind = model.MODEL_KIND_IMAGE
    retired.lifecycle.status = model.ModelLifecycle.STATUS_RETIRED
    page = msgspec.json.decode(model_page_to_json([image, retired, *MODELS[:1]], {}))
    assert [item["id"] for item in page["data"]] == ["a"]
