"""Texts that do not compile: what is missing is put back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textgrad_code.repair.brackets import unpaired
from textgrad_code.repair.source import compiled, same_program_key
from textgrad_code.repair.syntax import syntax_error, syntax_repairs

GOOD = """class Solution:
    def f(self, nums, k):
        best = len("a(b")
        for i in range(len(nums)):  # a loop (
            if nums[i] == k:
                best = max(best, (i + 1) * 2)
            else:
                best -= 1
        return best
"""
BROKEN = {
    "colon": GOOD.replace("== k:", "== k"),
    "colon before a comment": GOOD.replace(":  # a loop (", "  # a loop ("),
    "three colons": GOOD.replace("k:", "k").replace("else:", "else").replace("k):", "k)"),
    "bracket in a header": GOOD.replace("(len(nums)):", "(len(nums):"),
    "bracket in a statement": GOOD.replace("* 2)", "* 2"),
    "bracket too many": GOOD.replace("* 2)", "* 2))"),
    "bracket of another kind": GOOD.replace("nums[i]", "nums[i)"),
    "quote": GOOD.replace('"a(b"', '"a(b'),
    "line one level out": GOOD.replace("                best = max", "            best = max"),
    "line one level in": GOOD.replace("        return best", "            return best"),
    "line between levels": GOOD.replace("            else", "           else"),
    "answer outside": GOOD.replace("        return best", "return best"),
    "= in a condition": GOOD.replace("==", "="),
    "fence and talk": "Here it is (fixed:\n```python\n" + GOOD + "```\nIt's done.",
    "keyword": GOOD.replace("return", "retrun"),
    "typographic quotes": GOOD.replace('"a(b"', "\u201ca(b\u201d"),
    "byte order mark further in": GOOD.replace("    def", "    \ufeffdef", 1),
    "null character": GOOD + "\x00",
    "tab among spaces": GOOD.replace("                best -=", "\t\tbest -="),
    "semicolons and &&": GOOD.replace("== k:", "== k && i:").replace("&& i", "&& True"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_program_is_among_the_first_repairs(name: str) -> None:
    wanted = {same_program_key(GOOD), same_program_key(GOOD.replace("== k", "== k and True"))}
    if name == "line one level in":
        assert compiled(BROKEN[name]) is not None  # it compiles: the edits' business
        assert list(syntax_repairs(BROKEN[name])) == []
        return
    assert compiled(BROKEN[name]) is None
    found = list(syntax_repairs(BROKEN[name]))
    assert all(compiled(e.program) is not None for e in found)
    assert wanted & {same_program_key(e.program) for e in found[:5]}
    assert all(e.operators == ("syntax",) and e.words for e in found)


def test_program_that_compiles_needs_no_repair() -> None:
    assert list(syntax_repairs(GOOD)) == []
    assert syntax_error(GOOD) is None


def test_empty_block_is_filled_or_taken_from_the_next_line() -> None:
    text = "def f(a):\n    if a:\n    return a\n"
    found = {e.program for e in syntax_repairs(text)}
    assert "def f(a):\n    if a:\n        return a\n" in found
    assert "def f(a):\n    if a:\n        pass\n    return a\n" in found


def test_line_ends_stay_as_they_are() -> None:
    text = GOOD.replace("== k:", "== k").replace("\n", "\r\n")
    assert next(syntax_repairs(text)).program == GOOD.replace("\n", "\r\n")
    assert next(syntax_repairs("\ufeff" + text)).program == "\ufeff" + GOOD.replace("\n", "\r\n")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, len(GOOD) - 1),
    st.sampled_from(["", "(", ")", ":", '"', "\n", "  ", "=", "\u2192"]),
)
def test_one_wrong_character_anywhere_ends_in_programs_or_nothing(at: int, sign: str) -> None:
    text = GOOD[:at] + sign + GOOD[at + 1 :]
    for edited in syntax_repairs(text):
        assert compiled(edited.program) is not None


@settings(max_examples=100, deadline=None)
@given(st.text("()[]{}'\"# \n\\ab", max_size=30))
def test_any_text_can_be_searched_for_brackets(text: str) -> None:
    found = unpaired(text)
    for offset in (*found.open, *found.extra):
        assert text[offset] in "()[]{}"
    if found.quote is not None:
        assert text[found.quote] in "'\""


def test_brackets_in_strings_and_comments_do_not_count() -> None:
    found = unpaired('f(\'(\', """[\n[""")  # {\n')
    assert (found.open, found.extra, found.crossed, found.quote) == ((), (), (), None)


@pytest.mark.parametrize("text", ["", "\n", "\x00", "\ud800", "(" * 300, "'" * 5])
def test_hopeless_texts_end_quickly(text: str) -> None:
    assert all(compiled(e.program) is not None for e in syntax_repairs(text))
