"""Commands that look: models, the request log, the ledger's audit, the installation."""

import time
from typing import Annotated, Any

import typer

from tokensmith_gateway.cli.database import iso_time, with_store
from tokensmith_gateway.cli.options import AsJSON, one_line
from tokensmith_gateway.cli.outcome import (
    EXIT_VIOLATION,
    print_json,
    print_record,
    print_rows,
    say,
)
from tokensmith_gateway.environment import Environment
from tokensmith_server.billing.money import format_credits
from tokensmith_server.billing.rates import ImageRate, SecondRate, TokenRate
from tokensmith_server.billing.store import AuditReport, RequestRecord
from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.catalog.model import ModelSpec
from tokensmith_server.config import ServerSettings
from tokensmith_server.storage.storage import SQLStore

requests = typer.Typer(help="The request log.", no_args_is_help=True)
ledger = typer.Typer(help="The ledger.", no_args_is_help=True)


def rate_fields(model: ModelSpec) -> dict[str, Any]:
    """The list price: credits per 1M tokens, per image, or per second under each condition."""
    match model.rate:
        case TokenRate() as rate:
            # Micro-credits per token are credits per 1M tokens.
            fields: dict[str, Any] = {
                "input_credits_per_1m": rate.input_microcredits,
                "output_credits_per_1m": rate.output_microcredits,
            }
            if rate.cached_input_microcredits is not None:
                fields["cached_input_credits_per_1m"] = rate.cached_input_microcredits
            return fields
        case ImageRate() as rate:
            return {"credits_per_image": format_credits(rate.image_microcredits)}
        case SecondRate() as rate:
            return {
                "credits_per_second": [
                    {
                        "credits": format_credits(tier.second_microcredits),
                        "resolution": tier.resolution,
                        "generate_audio": tier.generate_audio,
                        "voice_control": tier.voice_control,
                    }
                    for tier in rate.tiers
                ],
                "default_seconds": rate.default_seconds,
            }


def _rate_text(model: ModelSpec) -> str:
    match model.rate:
        case TokenRate() as rate:
            return f"{rate.input_microcredits:,} in, {rate.output_microcredits:,} out / 1M tokens"
        case ImageRate() as rate:
            least = "+" if model.image is not None and model.image.price_is_minimum else ""
            return f"{format_credits(rate.image_microcredits)}{least} / image"
        case SecondRate() as rate:
            prices = sorted({tier.second_microcredits for tier in rate.tiers})
            return f"{' or '.join(format_credits(price) for price in prices)} / second"


def list_models(as_json: AsJSON = False) -> None:
    """List every model on sale with its rates, in credits."""
    environment = Environment()
    settings = environment.read(ServerSettings)
    environment.require_valid()
    catalog = load_catalog(settings.catalog)
    rows = [
        {
            "id": model.id,
            "kind": model.kind.value,
            "provider": model.provider,
            "context": model.context_tokens,
            "rates": rate_fields(model) if as_json else _rate_text(model),
            "status": model.lifecycle.status.value,
            "aliases": list(model.aliases),
        }
        for model in catalog.values()
    ]
    columns = ("id", "kind", "provider", "context", "rates", "status")
    print_rows(rows, as_json=as_json, columns=columns)


def request_fields(record: RequestRecord) -> dict[str, Any]:
    """One call as the command line shows it; amounts in credits."""
    usage = record.usage
    return {
        "request": record.request_id,
        "time": iso_time(record.created_time),
        "account": record.account_id,
        "model": record.model,
        "stream": record.stream,
        "state": record.state.value,
        "outcome": record.outcome.value if record.outcome else None,
        "reason": record.error_reason,
        "held": format_credits(record.held_microcredits),
        "charged": format_credits(record.charged_microcredits),
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "attempts": [
            {"provider": attempt.provider, "state": attempt.state.value, "error": attempt.error}
            for attempt in record.attempts
        ],
    }


@requests.command("list")
def list_requests(
    account: Annotated[
        str, typer.Option(callback=one_line, help="Only this account's, by name or id.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 50,
    as_json: AsJSON = False,
) -> None:
    """List calls, newest first."""

    async def work(store: SQLStore) -> list[dict[str, Any]]:
        owner = (await store.get_account(account)).account_id if account else None
        return [request_fields(one) for one in await store.list_requests(owner, limit=limit)]

    columns = ("request", "time", "model", "state", "outcome", "held", "charged")
    print_rows(with_store(work), as_json=as_json, columns=columns)


@ledger.command("audit")
def audit_ledger(as_json: AsJSON = False) -> None:
    """Check every invariant against every row. Exit code 6 when one is broken."""
    report: AuditReport = with_store(lambda store: store.audit(now=time.time()))
    violations = [
        {"invariant": one.invariant, "subject": one.subject, "detail": one.detail}
        for one in report.violations
    ]
    facts: dict[str, Any] = {
        "clean": report.clean,
        "accounts": report.accounts,
        "holds": report.holds,
        "open_holds": report.open_holds,
        "entries": report.entries,
        "attempts": report.attempts,
    }
    if as_json:
        print_json(facts | {"violations": violations})
    else:
        print_record(facts, as_json=False)
        for one in violations:
            say(f"{one['invariant']} {one['subject']}: {one['detail']}")
    if not report.clean:
        raise typer.Exit(EXIT_VIOLATION)
