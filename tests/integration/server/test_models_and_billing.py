"""Models, balances and the request log over gRPC."""

import json
from typing import Any

import grpc
import pytest

from tests.integration.server.rig import KEY, failure_of, open_server
from tests.support.chat import BUILT_IN
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import model_service_pb2 as model_pb


async def test_models_are_listed_in_pages_of_one_kind_or_all() -> None:
    async with open_server("inprocess") as rig:

        async def page(**fields: Any) -> Any:
            request = model_pb.ListModelsRequest(**fields)
            return await rig.models.ListModels(request, metadata=(KEY,))

        everything = await page()
        assert [model.id for model in everything.models] == list(BUILT_IN)
        assert everything.catalog_version == BUILT_IN.version
        listed, token = [], ""
        while True:
            part = await page(page_size=10, page_token=token)
            listed += [model.id for model in part.models]
            token = part.next_page_token
            if not token:
                break
        assert listed == list(BUILT_IN)
        texts = await page(kind=model_pb.MODEL_KIND_TEXT)
        assert {model.kind for model in texts.models} == {model_pb.MODEL_KIND_TEXT}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"page_size": -1}, "page_size"),
        ({"page_token": "x"}, "page_token"),
        ({"page_token": "-1"}, "page_token"),
        ({"page_token": "54"}, "page_token"),
        ({"page_token": "9" * 5_000}, "page_token"),
        ({"kind": 99}, "kind"),
    ],
)
async def test_list_that_cannot_be_is_refused_by_its_field(
    fields: dict[str, Any], param: str
) -> None:
    async with open_server("inprocess") as rig:
        call = rig.models.ListModels(model_pb.ListModelsRequest(**fields), metadata=(KEY,))
        told = await failure_of(call)
        assert (told.reason, told.facts["param"]) == ("INVALID_ARGUMENT", param)


async def test_one_model_by_its_exact_id() -> None:
    async with open_server("inprocess") as rig:
        request = model_pb.GetModelRequest(model_id="openai/gpt-oss-120b")
        answer = await rig.models.GetModel(request, metadata=(KEY,))
        assert answer.model.owned_by == "openai"
        request = model_pb.GetModelRequest(model_id="gpt-oss-120b")
        told = await failure_of(rig.models.GetModel(request, metadata=(KEY,)))
        assert told.code is grpc.StatusCode.NOT_FOUND
        assert "openai/gpt-oss-120b" in told.facts["near_matches"]


async def test_a_model_has_its_parameter_schema_and_a_list_has_none() -> None:
    async with open_server("inprocess") as rig:
        listed = await rig.models.ListModels(model_pb.ListModelsRequest(), metadata=(KEY,))
        assert not any(model.parameter_schema_json for model in listed.models)
        for model_id in BUILT_IN:
            request = model_pb.GetModelRequest(model_id=model_id)
            model = (await rig.models.GetModel(request, metadata=(KEY,))).model
            assert json.loads(model.parameter_schema_json)["title"] == model.display_name
            assert model.ByteSize() < 32 * 1_024


async def test_balance_and_request_log_are_the_callers_own() -> None:
    async with open_server("inprocess") as rig:
        await rig.complete(("x-request-id", "mine"))
        balance = await rig.billing.GetBalance(billing_pb.GetBalanceRequest(), metadata=(KEY,))
        assert balance.balance.charged_microcredits > 0
        request = billing_pb.GetRequestRequest(id="another's")
        told = await failure_of(rig.billing.GetRequest(request, metadata=(KEY,)))
        assert (told.reason, told.facts["resource"]) == ("REQUEST_NOT_FOUND", "another's")
