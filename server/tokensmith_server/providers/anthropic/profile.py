"""What becomes of every parameter of a chat request at Anthropic, and the API's own numbers.

``check.py`` decides before any money is held, so that nothing is dropped in silence (``caps``
means that the catalog's capabilities decide):

=======================  ==========================================================================
Parameter                Fate
=======================  ==========================================================================
messages                 sent, in Anthropic's order (below)
max_completion_tokens    sent as ``max_tokens``, always: it is what was held for
temperature, top_p       caps; 0 to 1. At 1, the default, they are not sent
stop                     sent; sequences of white space alone are refused (the API takes none)
tools                    sent; ``strict`` with a schema outside the subset is refused
tool_choice              sent; ``allowed_tools`` by leaving the other tools out; a forced call is
                         refused beside thinking by budget, which excludes it
parallel_tool_calls      caps; ``false`` becomes ``disable_parallel_tool_use``
response_format          ``json_schema`` sent within the subset (``schema.py``); ``json_object`` by
                         an instruction, and a code fence around the answer is taken off
reasoning_effort         caps; adaptive thinking with a level, or a budget (``thinking.py``)
service_tier             ``auto`` and ``default`` sent, others cost more and are refused
user, safety_identifier  sent as ``metadata.user_id``, hashed
metadata                 no effect: a label on the operator's dashboard elsewhere
prompt_cache_key,        no effect: Anthropic's cache needs no key
prompt_cache_retention
n, seed, logprobs,       caps, and refused here whatever those say: the API has no such thing
top_logprobs,
logit_bias, penalties,
verbosity, modalities,
audio
functions,               refused: use ``tools``
function_call
prediction, moderation,  refused: the API has no such thing
store (true)
prompt_cache_options,    refused: cache writes cost more than the price list charges
cache breakpoints
web_search_options       refused: searches cost more than the price list charges
=======================  ==========================================================================

Of messages:

=======================  ==========================================================================
system, developer        joined by blank lines into ``system``, wherever they stand
consecutive turns        of one role become one turn
tool results             all of one assistant turn in the next user turn, before anything else; one
                         that is missing, double or orphaned is refused, as OpenAI does
tool call ids            other providers' are spelt in Anthropic's alphabet and made unique
arguments                must be a JSON object, else refused
name                     of a user: a prefix of the text; of others: no effect
refusal                  the assistant's text
reasoning_content        not sent: Anthropic takes only what it signed, which ``memory.py`` keeps
signed_thinking          sent back in its place to the model that signed it, while it thinks; left
                         out at the end of a turn (the API takes none there)
assistant's turn first   a user turn with a full stop is put before it
assistant's turn last    caps; white space at its end is cut off (the API takes none)
text without ink         left out; a turn of nothing else is a full stop
image                    data URL: base64 (JPEG, PNG, GIF, WebP); https address: Anthropic fetches
                         it; ``detail`` has no effect, since every image is sized by Anthropic
file                     PDF or plain text as data; a ``file_id`` is refused, since it would name a
                         file of the operator's account
input_audio, custom      refused
tools, earlier audio
=======================  ==========================================================================
"""

from typing import Final

NAME: Final = "anthropic"
BASE_URL: Final = "https://api.anthropic.com"
API_VERSION: Final = "2023-06-01"
"""The later version (2026-10-21) refuses every sampling parameter."""

SENT: Final = frozenset(
    {
        "max_output_tokens",
        "messages",
        "model",
        "parallel_tool_calls",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "service_tier",
        "stop_sequences",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "user",
    }
)
"""Fields of ``ChatCompletionParams`` that have a place in the request."""

WITHOUT_EFFECT: Final = frozenset({"metadata", "prompt_cache_key", "prompt_cache_retention"})
"""Hints that are taken and not sent."""

REFUSED: Final = frozenset(
    {
        "audio",
        "choice_count",
        "frequency_penalty",
        "function_choice",
        "functions",
        "logit_bias",
        "logprobs",
        "modalities",
        "moderation",
        "prediction",
        "presence_penalty",
        "prompt_cache_options",
        "seed",
        "store",
        "top_logprobs",
        "verbosity",
        "web_search_options",
    }
)
"""Fields that are refused unless they ask for what happens anyway."""

SERVICE_TIERS: Final = {"auto": "auto", "default": "standard_only"}
TEMPERATURE_MAX: Final = 1.0
STRICT_TOOLS_MAX: Final = 20
THINKING_BUDGET_MIN: Final = 1_024

PLACEHOLDER: Final = "."
"""Stands where the API wants a text and the conversation has none."""
