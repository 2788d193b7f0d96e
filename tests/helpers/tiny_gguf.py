"""A language model small enough to make in a test: random weights, nothing downloaded.

The architecture is llama's: one layer, width 64, a byte vocabulary (3 control tokens and 256
bytes), weights from ``numpy.random.default_rng(seed)``, and a chat template. The output layer
leans towards printable ASCII, so that a grammar or a JSON schema ends soon. The file takes half
a megabyte and a few milliseconds, and is the same, bit by bit, whenever it is made. What the
model writes is noise that hardly depends on what it reads, so vary the ``seed`` of a request: it
serves to test protocols and bookkeeping, never quality.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, CONTEXT = 64, 1, 2, 32_768
CONTROL = (b"<unk>", b"<s>", b"</s>")
VOCABULARY = len(CONTROL) + 256
BIAS_INPUT = 4.0  # first component of every embedding, so that column 0 of the output is a bias
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def write_model(path: Path, seed: int = 0) -> Path:
    """Write the model to a file and return its path."""
    writer = gguf.GGUFWriter(str(path), "llama")
    _describe(writer, seed)
    for name, values in _tensors(np.random.default_rng(seed)).items():
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: Any, seed: int) -> None:
    writer.add_name(f"noise-{seed}")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*CONTROL, *(f"<0x{byte:02X}>".encode() for byte in range(256))])
    writer.add_token_scores([0.0] * VOCABULARY)
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    writer.add_token_types([*kinds, *[gguf.TokenType.BYTE] * 256])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)


def _tensors(rng: np.random.Generator) -> dict[str, np.ndarray[Any, Any]]:
    embedding = rng.normal(0, 0.2, (VOCABULARY, WIDTH))
    embedding[:, 0] = BIAS_INPUT
    made: dict[str, np.ndarray[Any, Any]] = {"token_embd.weight": embedding}
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        made[f"{block}.attn_norm.weight"] = np.ones(WIDTH)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            made[f"{block}.{part}.weight"] = rng.normal(0, 0.05, (WIDTH, WIDTH))
        made[f"{block}.ffn_norm.weight"] = np.ones(WIDTH)
        for part in ("ffn_gate", "ffn_up"):
            made[f"{block}.{part}.weight"] = rng.normal(0, 0.05, (2 * WIDTH, WIDTH))
        made[f"{block}.ffn_down.weight"] = rng.normal(0, 0.05, (WIDTH, 2 * WIDTH))
    made["output_norm.weight"] = np.ones(WIDTH)
    output = rng.normal(0, 0.12, (VOCABULARY, WIDTH))
    output[:, 0] = _leaning()
    made["output.weight"] = output
    return made


def _leaning() -> np.ndarray[Any, Any]:
    """How likely each token is before anything is read."""
    leaning = np.full(VOCABULARY, -3.0)  # half a character makes an answer that is no UTF-8
    first = len(CONTROL)
    leaning[first + 0x20 : first + 0x7F] = 0.0
    leaning[[first + byte for byte in b' "{}:,']] = 0.15
    leaning[CONTROL.index(b"</s>")] = 0.1
    return leaning
