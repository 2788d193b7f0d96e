"""Hypothesis strategies shared by the tests of the core."""

from __future__ import annotations

from hypothesis import strategies as st

from textgrad_core.jsondata import JSON

NASTY_TEXTS = (
    "",
    "\n",
    "\r\n",
    "\x00",
    "\x85",
    "\u2028\u2029",
    "\ud800",
    "\udfff\ud800",
    "\ud83d\ude00",  # a surrogate pair as two code points
    "\U0001f600",
    '","sum":"00000000"}',
    '{"a": [1, 2',
    "$x ${y} $$ {z} %s \\n",
    "</VALUE>",
    "\ufeff",
)
"""Texts that a careless file format, template or tag would stumble over."""

HOSTILE_PIECES = (
    *("{", "}", "{x}", "$x", "${", "$$", "%s", "\\", "\n", "  ", "a", "\u2028"),
    *("</VALUE>", "<VALUE>", "<value>", "</ value >", "<think>", "</think>"),
    *("```", '{"value": 1}'),
)


def any_texts() -> st.SearchStrategy[str]:
    """Any text a Python program can hold, lone surrogates included."""
    characters = st.characters(codec=None, exclude_categories=())
    return st.one_of(st.sampled_from(NASTY_TEXTS), st.text(alphabet=characters, max_size=30))


def json_values() -> st.SearchStrategy[JSON]:
    """Any JSON value."""
    numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
    leaves: st.SearchStrategy[JSON] = st.one_of(st.none(), st.booleans(), numbers, any_texts())
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(any_texts(), inner, max_size=4)
        ),
        max_leaves=12,
    )


def json_objects() -> st.SearchStrategy[dict[str, JSON]]:
    """Any JSON object."""
    return st.dictionaries(any_texts(), json_values(), max_size=5)


def hostile_values() -> st.SearchStrategy[str]:
    """Values an answer's form or a prompt's template could break on; never blank."""
    pieces = st.sampled_from(HOSTILE_PIECES)
    return st.lists(pieces, min_size=1, max_size=8).map("".join).filter(lambda t: t.strip() != "")
