"""llama.cpp's own HTTP server on a model that is made here: no weights are downloaded.

Runs in an environment of its own (`requirements/interop.txt`). Its one argument is the API key that
it asks for. Prints one JSON line with its address, and serves until standard input closes.

The model is a one-layer Llama over bytes. Its weights are drawn from a fixed seed and let it
write small letters and spaces alone; what a grammar asks for (a schema) overrides that.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import xllamacpp

WIDTH = 64
FEED_FORWARD = 128
HEADS = 2
CONTEXT_TOKENS = 2048
SPECIAL = ("<unk>", "<s>", "</s>")
VOCABULARY = len(SPECIAL) + 256
WRITTEN = b"abcdefghijklmnopqrstuvwxyz    "

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "assistant: "
)


def write_model(path: Path) -> None:
    """Write the model."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tokensmith-tiny")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    add_tokenizer(writer)
    for name, tensor in tensors().items():
        writer.add_tensor(name, tensor.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer: Any) -> None:
    """One token for each byte, and the three that every tokenizer of the kind has."""
    kinds = gguf.TokenType
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))])
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types([kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *([kinds.BYTE] * 256)])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def tensors() -> dict[str, Any]:
    """The weights: the first dimension is constant, and tells letters from other tokens."""
    random = np.random.default_rng(2026)
    embedding = random.normal(0, 0.5, (VOCABULARY, WIDTH))
    embedding[:, 0] = 4.0
    output = random.normal(0, 0.5, (VOCABULARY, WIDTH))
    output[:, 0] = -20.0
    for byte in WRITTEN:
        output[len(SPECIAL) + byte, 0] = 0.0
    square = (WIDTH, WIDTH)
    return {
        "token_embd.weight": embedding,
        "output_norm.weight": np.ones(WIDTH),
        "output.weight": output,
        "blk.0.attn_norm.weight": np.ones(WIDTH),
        "blk.0.ffn_norm.weight": np.ones(WIDTH),
        "blk.0.attn_q.weight": random.normal(0, 0.1, square),
        "blk.0.attn_k.weight": random.normal(0, 0.1, square),
        "blk.0.attn_v.weight": random.normal(0, 0.1, square),
        "blk.0.attn_output.weight": random.normal(0, 0.02, square),
        "blk.0.ffn_gate.weight": random.normal(0, 0.1, (FEED_FORWARD, WIDTH)),
        "blk.0.ffn_up.weight": random.normal(0, 0.1, (FEED_FORWARD, WIDTH)),
        "blk.0.ffn_down.weight": random.normal(0, 0.02, (WIDTH, FEED_FORWARD)),
    }


def main() -> None:
    """Make the model, serve it, and stop when standard input closes."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tiny.gguf"
        write_model(model)
        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.hostnames = ["127.0.0.1"]
        params.api_keys = [sys.argv[1]]
        params.port = 0
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.cpuparams.n_threads = 1
        params.use_jinja = True
        params.warmup = False
        server = xllamacpp.Server(params)
        sys.stdout.write(
            json.dumps({"address": server.listening_address, "build": xllamacpp.BUILD_INFO}) + "\n"
        )
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
