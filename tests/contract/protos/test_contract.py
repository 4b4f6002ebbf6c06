"""House rules of the contract that buf has no rule for."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from tokensmith.errors import REASONS
from tokensmith.v1 import (
    admin_service_pb2,
    billing_service_pb2,
    chat_service_pb2,
    error_reason_pb2,
    image_service_pb2,
    media_service_pb2,
    model_service_pb2,
    response_service_pb2,
    usage_pb2,
    video_service_pb2,
)
from tokensmith.v1.error_reason_pb2 import ErrorReason

PROTOS = Path(__file__).parents[3] / "protos" / "tokensmith" / "v1"
FILES = [
    module.DESCRIPTOR
    for module in (
        admin_service_pb2,
        billing_service_pb2,
        chat_service_pb2,
        error_reason_pb2,
        image_service_pb2,
        media_service_pb2,
        model_service_pb2,
        response_service_pb2,
        usage_pb2,
        video_service_pb2,
    )
]
METHODS: list[MethodDescriptor] = [
    method
    for file in FILES
    for service in file.services_by_name.values()
    for method in service.methods
]
BY_NAME = {method.name: method for method in METHODS}

CHARGES_OR_CREATES = {
    "CreateChatCompletion",
    "StreamChatCompletion",
    "GenerateImage",
    "StreamImageGeneration",
    "EditImage",
    "StreamImageEdit",
    "CreateVideo",
    "CreateMotionControl",
    "CreateKey",
    "CreateCheckout",
}

HTTP = {
    "CreateChatCompletion": ("post", "/v1/chat/completions"),
    "GenerateImage": ("post", "/v1/images/generations"),
    "EditImage": ("post", "/v1/images/edits"),
    "CreateVideo": ("post", "/v1/videos"),
    "ListVideos": ("get", "/v1/videos"),
    "GetVideo": ("get", "/v1/videos/{video_id}"),
    "DeleteVideo": ("delete", "/v1/videos/{video_id}"),
    "ListModels": ("get", "/v1/models"),
    "GetModel": ("get", "/v1/models/{model_id=**}"),
    "GetBalance": ("get", "/v1/credits"),
    "GetCurrentKey": ("get", "/v1/key"),
    "Estimate": ("post", "/v1/estimate"),
    "ListRequests": ("get", "/v1/requests"),
    "GetRequest": ("get", "/v1/requests/{id}"),
    "GetUsage": ("get", "/v1/usage"),
    "ListHolds": ("get", "/v1/billing/holds"),
    "ListEntries": ("get", "/v1/billing/entries"),
    "CreateKey": ("post", "/v1/billing/keys"),
    "ListKeys": ("get", "/v1/billing/keys"),
    "RevokeKey": ("delete", "/v1/billing/keys/{key_id}"),
    "ListPacks": ("get", "/v1/billing/packs"),
    "CreateCheckout": ("post", "/v1/billing/checkouts"),
    "GetCheckout": ("get", "/v1/billing/checkouts/{checkout_id}"),
    "ListStatements": ("get", "/v1/billing/statements"),
    "GetStatement": ("get", "/v1/billing/statements/{statement_id}"),
}


def test_the_eight_services_are_there() -> None:
    services = {name for file in FILES for name in file.services_by_name}
    assert services == {
        "AdminService",
        "BillingService",
        "ChatService",
        "ImageService",
        "MediaService",
        "ModelService",
        "ResponseService",
        "VideoService",
    }


def test_method_names_are_unique_over_all_services() -> None:
    assert len(BY_NAME) == len(METHODS)


def test_http_paths_are_the_published_ones() -> None:
    found = {}
    for method in METHODS:
        options = method.GetOptions()
        if options.HasExtension(annotations_pb2.http):
            rule = options.Extensions[annotations_pb2.http]
            verb = rule.WhichOneof("pattern")
            found[method.name] = (verb, getattr(rule, verb))
    assert found == HTTP


@pytest.mark.parametrize("name", sorted(HTTP))
def test_only_unary_methods_have_a_path_and_their_parameters_exist(name: str) -> None:
    method = BY_NAME[name]
    assert not method.server_streaming
    assert not method.client_streaming
    for parameter in re.findall(r"{(\w+)", HTTP[name][1]):
        assert parameter in method.input_type.fields_by_name


def test_no_literal_path_collides_with_a_parameter() -> None:
    patterns = [
        (verb, re.compile(re.sub(r"{\w+(=\*\*)?}", r"[^/]+", path)), path)
        for verb, path in HTTP.values()
    ]
    for verb, pattern, path in patterns:
        for other_verb, other in HTTP.values():
            if (verb, path) != (other_verb, other) and verb == other_verb:
                assert not pattern.fullmatch(other), (path, other)


def test_charging_and_creating_methods_take_a_request_id() -> None:
    having = {method.name for method in METHODS if "request_id" in method.input_type.fields_by_name}
    assert having == CHARGES_OR_CREATES
    assert "request_id" in media_service_pb2.UploadMediaMetadata.DESCRIPTOR.fields_by_name


@pytest.mark.parametrize("method", METHODS, ids=lambda method: str(method.name))
def test_lists_are_paged(method: MethodDescriptor) -> None:
    fields = method.input_type.fields_by_name
    paged = method.name.startswith("List") or method.name == "GetUsage"
    assert ("page_size" in fields) is paged
    assert ("page_token" in fields) is paged
    assert ("next_page_token" in method.output_type.fields_by_name) is paged


def _messages(descriptors: Iterator[Descriptor]) -> Iterator[Descriptor]:
    for descriptor in descriptors:
        yield descriptor
        yield from _messages(iter(descriptor.nested_types))


ALL_FIELDS: list[FieldDescriptor] = [
    field
    for file in FILES
    for message in _messages(iter(file.message_types_by_name.values()))
    for field in message.fields
]


UNSIGNED = {
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_FIXED32,
    FieldDescriptor.TYPE_FIXED64,
}


def test_money_is_signed_integer_microcredits() -> None:
    money = [field for field in ALL_FIELDS if "credit" in field.name]
    assert len(money) > 30
    for field in money:
        assert field.name.endswith("_microcredits"), field.full_name
        assert field.type == FieldDescriptor.TYPE_INT64, field.full_name


def test_no_field_is_unsigned() -> None:
    assert [field.full_name for field in ALL_FIELDS if field.type in UNSIGNED] == []


def test_no_required_field_is_optional_too() -> None:
    required = [
        field
        for field in ALL_FIELDS
        if field_behavior_pb2.REQUIRED
        in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    ]
    assert len(required) > 30
    assert [field.full_name for field in required if field.containing_oneof] == []


def _reason_comments() -> Iterator[tuple[str, str]]:
    comment: list[str] = []
    for line in (PROTOS / "error_reason.proto").read_text().splitlines():
        text = line.strip()
        if text.startswith("//"):
            comment.append(text.removeprefix("// "))
            continue
        value = re.match(r"(ERROR_REASON_\w+) = ", text)
        if value:
            yield value.group(1), " ".join(comment)
        comment = []


@pytest.mark.parametrize(("name", "comment"), list(_reason_comments())[1:])
def test_clients_know_each_reason_by_the_documented_status(name: str, comment: str) -> None:
    row = REASONS[ErrorReason.Value(name)]
    assert re.search(rf"\b{row.code.name}\b", comment)
    assert "{" in comment, "shows a sample of its metadata"


@pytest.mark.parametrize("name", [path.name for path in PROTOS.glob("*_service.proto")])
def test_reasons_named_in_comments_exist(name: str) -> None:
    text = re.sub(r"\n\s*//", " ", (PROTOS / name).read_text())
    known = {reason.removeprefix("ERROR_REASON_") for reason in ErrorReason.keys()}  # noqa: SIM118
    for sentence in re.findall(r"Reasons: (.*?)\.\s", text):
        for word in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b\*?|\b[A-Z]+_\*", sentence):
            stem = word.rstrip("*")
            if stem.startswith("IDEMPOTENCY_") or word.endswith("_*") or stem.endswith("_"):
                assert any(reason.startswith(stem.rstrip("_")) for reason in known), word
            else:
                assert stem in known, word
