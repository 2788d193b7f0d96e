"""What TextGrad has and this package has not, and what to use instead.

A program that still imports such a name gets an `ImportError` that tells it. The finder is asked
last, and only about names under this package that nothing else has found.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

PACKAGE = "textgrad_core"
_PROMPTS = (
    "its prompts are not names: give optimizer_system_prompt= to an optimizer, "
    "in_context_examples= to a call, or feedback= to a FunctionCall"
)
_SERVER = (
    'use get_engine("openai:MODEL", base_url=...) with the address of a server that speaks '
    "OpenAI's protocol, or give your own function or class as the engine"
)
_DATA = (
    "no data set is shipped or downloaded: make a list of (input, answer) and use "
    "textgrad_core.tasks.DataLoader"
)
_BY_NAME = "write role_description=... where a variable is made"
_VENDORS = (
    *("anthropic", "bedrock", "cohere", "fireworks", "gemini", "groq", "guidance", "mistral"),
    *("ollama", "together", "vertexai", "vllm"),
)
_TASKS = (
    *("base", "big_bench_hard", "gpqa", "gsm8k", "leetcode", "load_instance_task", "load_task"),
    *("mmlu", "multimodal"),
)
INSTEAD = {
    "engine_experimental": "every engine here is what that one was to become: use get_engine(...) "
    "from textgrad_core.engine; remembered answers are those of a Run with a folder",
    **{f"engine.{name}": _SERVER for name in _VENDORS},
    "engine.engine_utils": "images go to a model as bytes; nothing needs to be prepared",
    "engine.utils": "images go to a model as bytes; nothing needs to be prepared",
    "engine.validate_multimodal_engine": "any engine may be given images; one that takes none "
    "says so itself",
    "optimizer.optimizer": "import the optimizers from textgrad_core.optimizer",
    "optimizer.optimizer_prompts": _PROMPTS,
    "optimizer.guidance_optimizer": "give the variable a schema=..., which any optimizer keeps to",
    "optimizer.GuidedTextualGradientDescent": "give the variable a schema=..., which any "
    "optimizer keeps to",
    "autograd.llm_backward_prompts": _PROMPTS,
    "autograd.multimodal_backward_prompts": _PROMPTS,
    "autograd.reduce_prompts": _PROMPTS,
    "defaults": _BY_NAME,
    "i18n": _PROMPTS,
    "utils": 'give an image by Variable(image_path="..."), a file or a web address',
    **{f"tasks.{name}": _DATA for name in _TASKS},
    "singleton_backward_engine": "use set_backward_engine(engine), or `with using(engine):`",
}
"""From a name below the package to what to use instead of it."""


def told(module: str, name: str) -> str:
    """Why a module has no such name."""
    full = f"{module}.{name}"
    remedy = INSTEAD.get(full.removeprefix(f"{PACKAGE}."))
    if remedy is None:
        return f"module {module!r} has no attribute {name!r}"
    return f"{full} is TextGrad's and not here: {remedy}. See docs/migrating-from-textgrad.md"


@final
class _Finder:
    """Finds nothing, and says so in a helpful way where it can."""

    @classmethod
    def find_spec(cls, fullname: str, *_more: object) -> ModuleSpec | None:
        """None, or an error that names the remedy."""
        module, _, name = fullname.rpartition(".")
        if fullname.removeprefix(f"{PACKAGE}.") in INSTEAD and fullname != name:
            raise ImportError(told(module, name), name=fullname)
        return None


def install() -> None:
    """Have the import system ask here when it has found nothing itself."""
    if not any(getattr(found, "__module__", "") == __name__ for found in sys.meta_path):
        sys.meta_path.append(_Finder)
