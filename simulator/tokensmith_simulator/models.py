"""The models that the simulated providers know, with their limits.

Ids are the providers' own; models that were retired upstream are still served here, so that a
price list that names them can be tried. Limits are at least what the price list promises.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Reasoning = Literal["never", "effort", "always", "default_on", "default_off"]
"""`effort`: by `reasoning_effort`, default none. `default_on/off`: by `reasoning.enabled`."""

_CREATED = 1_767_225_600  # 2026-01-01, the `created` of every model.


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one provider. Limits are tokens."""

    id: str
    provider: str
    context_tokens: int
    output_limit_tokens: int
    owner: str
    snapshot: str = ""
    """The id in answers, when the provider answers with a dated one."""
    reasoning: Reasoning = "never"
    efforts: tuple[str, ...] = ()
    """Accepted values of `reasoning_effort`; empty: the field is refused."""
    vision: bool = False
    ticks: tuple[int, int] = (0, 0)
    """xAI's price of one input and one output token; 1 USD is 1e10 ticks."""
    created: int = _CREATED

    @property
    def answered_id(self) -> str:
        """The id that answers carry."""
        return self.snapshot or self.id


def _openai(model_id: str, context_tokens: int, snapshot: str) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        provider="openai",
        context_tokens=context_tokens,
        output_limit_tokens=128_000,
        owner="system",
        snapshot=snapshot,
        reasoning="effort",
        efforts=("none", "low", "medium", "high", "xhigh"),
        vision=True,
    )


def _xai(model_id: str, reasoning: Reasoning, ticks: tuple[int, int]) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        provider="xai",
        context_tokens=2_000_000,
        output_limit_tokens=2_000_000,
        owner="xai",
        reasoning=reasoning,
        vision=True,
        ticks=ticks,
    )


def _together(
    model_id: str,
    context_tokens: int,
    reasoning: Reasoning = "never",
    *,
    efforts: tuple[str, ...] = (),
    vision: bool = False,
) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        provider="together",
        context_tokens=context_tokens,
        output_limit_tokens=context_tokens,
        owner=model_id.partition("/")[0],
        reasoning=reasoning,
        efforts=efforts,
        vision=vision,
    )


def _anthropic(
    model_id: str, context_tokens: int, output_limit_tokens: int, snapshot: str = ""
) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        provider="anthropic",
        context_tokens=context_tokens,
        output_limit_tokens=output_limit_tokens,
        owner="anthropic",
        snapshot=snapshot,
        vision=True,
    )


def _gemini(model_id: str) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        provider="gemini",
        context_tokens=1_048_576,
        output_limit_tokens=65_536,
        owner="google",
        vision=True,
    )


_K = 1024
_OSS_EFFORTS = ("low", "medium", "high")

_ALL = (
    _openai("gpt-5.4", 1_050_000, "gpt-5.4-2026-03-05"),
    _openai("gpt-5.4-mini", 400_000, "gpt-5.4-mini-2026-03-17"),
    _openai("gpt-5.4-nano", 400_000, "gpt-5.4-nano-2026-03-17"),
    _xai("grok-4.20-0309-reasoning", "always", (20_000, 60_000)),
    _xai("grok-4.20-0309-non-reasoning", "never", (20_000, 60_000)),
    _xai("grok-4-1-fast-reasoning", "always", (2_000, 5_000)),
    _anthropic("claude-opus-4-7", 1_000_000, 128_000),
    _anthropic("claude-sonnet-4-6", 1_000_000, 128_000),
    _anthropic("claude-haiku-4-5", 200_000, 64_000, "claude-haiku-4-5-20251001"),
    _gemini("gemini-3.1-pro-preview"),
    _gemini("gemini-3-flash-preview"),
    _together("openai/gpt-oss-120b", 128 * _K, "always", efforts=_OSS_EFFORTS),
    _together("openai/gpt-oss-20b", 128 * _K, "always", efforts=_OSS_EFFORTS),
    _together("google/gemma-4-31B-it", 256 * _K, vision=True),
    _together("google/gemma-3n-E4B-it", 32 * _K, vision=True),
    _together("Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8", 256 * _K),
    _together("Qwen/Qwen3-Coder-Next-FP8", 256 * _K),
    _together("Qwen/Qwen2.5-7B-Instruct-Turbo", 32 * _K),
    _together("zai-org/GLM-5.1", 202_752, "default_on"),
    _together("zai-org/GLM-5", 202_752, "default_on"),
    _together("moonshotai/Kimi-K2.5", 256 * _K, "default_on", vision=True),
    _together("MiniMaxAI/MiniMax-M2.7", 229_376, "always"),
    _together("MiniMaxAI/MiniMax-M2.5", 192 * _K, "always"),
    _together("deepseek-ai/DeepSeek-V3.1", 128 * _K, "default_off"),
    _together("deepseek-ai/DeepSeek-R1", 160 * _K, "always"),
    _together("meta-llama/Llama-3.3-70B-Instruct-Turbo", 128 * _K),
    _together("deepcogito/cogito-v2-1-671b", 32 * _K, "default_off"),
    _together("LiquidAI/LFM2-24B-A2B", 32 * _K),
    _together("essentialai/rnj-1-instruct", 32 * _K),
)

MODELS: dict[tuple[str, str], ModelSpec] = {(model.provider, model.id): model for model in _ALL}


def models_of(provider: str) -> list[ModelSpec]:
    """List a provider's models in a stable order."""
    return [model for model in _ALL if model.provider == provider]


def find_model(provider: str, model_id: str) -> ModelSpec | None:
    """Find a model by the provider's exact id."""
    return MODELS.get((provider, model_id))
