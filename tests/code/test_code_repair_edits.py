"""Edits of programs: each compiles, touches what it names only, and repairs what it should."""

from __future__ import annotations

import ast
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hash_seeds import printed_under_any_seed
from textgrad_code.repair.edits import double_edits, enumerate_edits, single_edits
from textgrad_code.repair.source import Program, compiled, same_program_key
from textgrad_code.repair.syntax import syntax_repairs

SAMPLES = (
    '''from typing import List
import heapq


class Solution:
    """Doc "string" with (brackets."""

    def spans(self, items: List[List[int]], k: int = 0) -> int:
        items.sort(key=lambda item: item[0])  # by start
        best, seen = 0, set()
        for i in range(1, len(items)):
            if items[i][0] <= items[i - 1][1] and i not in seen:
                best += (items[i][1]
                         - items[i][0])  # a sum over two lines
                seen.add(i)
            elif not seen or k // 2 > 1:
                best = max(best, k % 3)
                continue
            else:
                while best > 10:
                    best -= 1; k += 1
        return best
''',
    """import sys
data = sys.stdin.read().split()
n = int(data[0])
rows = [[0] * n] * n
def put(x, into=[]):
    into.append(x)
    return into
for i in range(n):
    for j in range(i, n):
        if i == j: rows[i][j] = 1
        else:
            rows[i][j] = -rows[i][j]
print(f"{n:>{4}} {put(n)} {rows[0][0] + 1!r}", sorted(data)[1:n])
""",
    """class Box:
    def __init__(self, size):
        self.size = size
        self.used = 0
        self.items = {}

    def put(self, key, value):
        if self.used < self.size or key in self.items:
            self.items[key] = value
            self.used += 1
            return True
        return False

    async def later(self):
        async for x in self.items:
            yield x if x is not None else -1
""",
)
WORDS = ("best", "rows", "items", "used")


def spelled(text: str, word: str) -> str:
    return re.sub(r"\b(best|rows|items|used)\b", lambda m: m[1] + word, text)


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Samples with other names, comments, indentation and line ends."""
    text = draw(st.sampled_from(SAMPLES))
    text = spelled(text, draw(st.sampled_from(["", "_\u00e9", "\u53d8\u91cf", "\U00020000"])))
    mark = draw(st.sampled_from(["", "  # \u2192 \U0001f600", "\t# tab", " # x\x0c"]))
    lines = [line + mark if line.endswith(":") else line for line in text.split("\n")]
    if draw(st.booleans()):
        lines = [re.sub(r"^ +", lambda m: "\t" * (len(m[0]) // 4), x) for x in lines]
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)
    return text if draw(st.booleans()) else text.rstrip("\r\n")


@st.composite
def layouts(draw: st.DrawFn) -> tuple[str, str]:
    """A sample, and the same program as a file may hold it: marks, declarations, line ends."""
    plain = draw(st.sampled_from(SAMPLES))
    lines = plain.split("\n")
    ends = draw(st.sampled_from(["", "  # a\x0cb", "  # \x0b\x1c\x85\u2028 ", "\t# tab"]))
    lines = [line + ends if line.endswith(":") else line for line in lines]
    if draw(st.booleans()):  # a form feed in front of what begins a block of the file
        lines = ["\x0c" + line if re.match("class |def |for ", line) else line for line in lines]
    if draw(st.booleans()):
        lines = [re.sub(r"^ +", lambda m: "\t" * (len(m[0]) // 4), x) for x in lines]
    first = draw(
        st.sampled_from(
            [[], ["# -*- coding: latin-1 -*-"], ["#!/usr/bin/python", "# coding: ascii"]]
        )
    )
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join([*first, *lines])
    return plain, draw(st.sampled_from(["", "\ufeff"])) + text


def byte_lines(data: bytes) -> list[bytes]:
    return re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", data)


@settings(max_examples=40, deadline=None)
@given(programs())
def test_untouched_lines_stay_byte_for_byte(text: str) -> None:
    program = Program(text)
    for edit in enumerate_edits(program):
        data, untouched, at = text.encode(), [], 0
        for line in byte_lines(data):
            end = at + len(line)
            touched = any(s.start < end and s.end >= at for s in edit.splices)
            if not touched and not any(s.start == s.end == end for s in edit.splices):
                untouched.append(line)
            at = end
        ordered = sorted(edit.splices, key=lambda s: s.start, reverse=True)
        if any(b.end > a.start for a, b in pairwise(ordered)):
            continue
        for splice in ordered:  # from the end, so that offsets stay true
            data = data[: splice.start] + splice.text.encode() + data[splice.end :]
        assert program.apply(edit.splices).encode() == data
        left = iter(byte_lines(data))
        assert all(line in left for line in untouched), edit.words


@settings(max_examples=25, deadline=None)
@given(layouts())
def test_layout_hides_no_edit_and_survives_all(both: tuple[str, str]) -> None:
    plain, text = both
    found = [edited.program for edited in single_edits(text, {})]
    assert {same_program_key(e) for e in found} == {
        same_program_key(e.program) for e in single_edits(plain, {})
    }
    first = re.match("\ufeff?(?:#[^\r\n]*[\r\n]+)*", text)
    assert first is not None
    assert all(edited.startswith(first[0]) for edited in found)


def test_a_moved_statement_keeps_its_form_feeds() -> None:
    text = "for i in x:\n    a = i\n    b = ('\x0c    ', i)  # \x0c    c\n"
    moved = "for i in x:\n    a = i\nb = ('\x0c    ', i)  # \x0c    c\n"
    assert moved in {edited.program for edited in single_edits(text, {})}


@settings(max_examples=15, deadline=None)
@given(programs())
def test_every_edited_program_compiles_and_is_new(text: str) -> None:
    seen = {text}
    for edited in single_edits(text, {}):
        assert compiled(edited.program) is not None
        assert edited.program not in seen
        seen.add(edited.program)
        assert 0 < edited.score <= 1
        assert "\n" not in edited.words
    assert len(seen) > 100


@settings(max_examples=10, deadline=None)
@given(programs())
def test_nearly_every_edit_is_one_that_compiles(text: str) -> None:
    edits = enumerate_edits(Program(text))
    good = sum(1 for _ in single_edits(text, {}))
    assert good > 0.85 * len(edits)


@settings(max_examples=15, deadline=None)
@given(programs(), st.dictionaries(st.integers(1, 25), st.floats(0, 1), max_size=25))
def test_order_follows_suspicion_and_prior(text: str, suspicion: dict[int, float]) -> None:
    scores = [edited.score for edited in single_edits(text, suspicion)]
    assert scores == sorted(scores, reverse=True)


def test_edits_of_the_most_suspicious_line_come_first() -> None:
    text = "def f(a, b):\n    c = a < b\n    return a > b or c\n"
    first = next(single_edits(text, {2: 0.2, 3: 0.9}))
    assert first.words.startswith("line 3")
    first = next(single_edits(text, {2: 0.9, 3: 0.2}))
    assert first.words.startswith("line 2")


def test_lines_no_failing_test_runs_come_last() -> None:
    text = "def f(a, b):\n    c = a < b\n    return a > b or c\n"
    words = [e.words for e in single_edits(text, {3: 0.5}) if e.operators == ("comparison",)]
    assert [w[:6] for w in words] == ["line 3"] * 3 + ["line 2"] * 3


def test_order_is_the_same_under_any_hash_seed() -> None:
    program = (
        "from textgrad_code.repair.edits import single_edits, double_edits\n"
        "from textgrad_code.repair.syntax import syntax_repairs\n"
        "from itertools import islice\n"
        f"text = {SAMPLES[0]!r}\n"
        "for e in [*single_edits(text, {9: .5}), *islice(double_edits(text, {}), 50)]:\n"
        "    print(e.words, e.score)\n"
        "for e in syntax_repairs(text.replace('seen:', 'seen').replace('(i)', '(i')):\n"
        "    print(e.words, e.program)\n"
    )
    assert len(printed_under_any_seed(program).splitlines()) > 200


def test_baseline_holds_the_same_edits_in_another_order() -> None:
    ranked = [e.program for e in single_edits(SAMPLES[0], {})]
    shuffled = [e.program for e in single_edits(SAMPLES[0], {}, seed=3, uniform=True)]
    assert sorted(ranked) == sorted(shuffled)
    assert ranked != shuffled
    again = [e.program for e in single_edits(SAMPLES[0], {}, seed=3, uniform=True)]
    assert shuffled == again


def test_two_edits_are_ordered_by_their_product() -> None:
    text = "def f(a, b):\n    c = a < b\n    return a > b or c\n"
    found = list(double_edits(text, {2: 1.0, 3: 0.5}))
    scores = [e.score for e in found]
    assert scores == sorted(scores, reverse=True)
    assert all(len(e.operators) == 2 for e in found)
    assert any("a <= b" in e.program and "a >= b" in e.program for e in found)
    assert len({e.program for e in found}) == len(found)


@pytest.mark.parametrize("text", ["def f(:\n", "x = '\ud800'\n", "\x00", "(" * 500])
def test_text_that_is_no_program_has_no_edits(text: str) -> None:
    assert list(single_edits(text, {})) == []
    assert list(double_edits(text, {})) == []


def test_empty_program_has_no_edits() -> None:
    assert list(single_edits("", {})) == []
    assert list(double_edits("\n", {})) == []


def test_comments_and_spacing_make_no_other_program() -> None:
    one, other = "x = 1 # one\n", "x  =  1\n\n"
    assert same_program_key(one) == same_program_key(other)
    assert same_program_key(one) != same_program_key("x = 2\n")


REPAIRS = [
    ("comparison", "if a < b: pass", "if a <= b: pass"),
    ("comparison", "c = a not in b", "c = a in b"),
    ("comparison", "c = 0 <= a <= b", "c = 0 <= a < b"),
    ("comparison", "c = a is not b", "c = a is b"),
    ("arithmetic", "c = a - b", "c = a + b"),
    ("arithmetic", "c += a", "c -= a"),
    ("arithmetic", "c = (a) / (b)", "c = (a) // (b)"),
    ("arithmetic", "c = a ^ b", "c = a | b"),
    ("exchange", "a, b = b, a % b", "a, b = a % b, b"),
    ("exchange", "c = f(a, b)", "c = f(b, a)"),
    ("exchange", "c = a[b][c]", "c = a[c][b]"),
    ("logic", "c = a and b", "c = a or b"),
    ("logic", "c = a and b", "c = a"),
    ("sign", "c = not a", "c = a"),
    ("sign", "c = -a", "c = a"),
    ("negation", "if a: pass", "if not a: pass"),
    ("constant", "c = 7", "c = 8"),
    ("constant", "c = 7", "c = 0"),
    ("constant", "c = True", "c = False"),
    ("constant", "c = float('inf')", "c = float('-inf')"),
    ("range bound", "for i in range(1, n): pass", "for i in range(1, n + 1): pass"),
    ("range bound", "for i in range(n - 1): pass", "for i in range(n): pass"),
    ("range", "for i in range(n): pass", "for i in range(n - 1, -1, -1): pass"),
    ("slice bound", "c = a[:b]", "c = a[:b + 1]"),
    ("slice", "c = a[:b]", "c = a[:]"),
    ("index bound", "c = a[b]", "c = a[b - 1]"),
    ("assignment bound", "a = b", "a = b + 1"),
    ("element bound", "a, b = c, a[c]", "a, b = c + 1, a[c]"),
    ("answer bound", "return a", "return a - 1"),
    ("function", "c = min(a, b)", "c = max(a, b)"),
    ("method", "a.append(b)", "a.extend(b)"),
    ("method", "c = a.left", "c = a.right"),
    ("argument", "c = max(a, b)", "c = b"),
    ("sort order", "a.sort()", "a.sort(reverse=True)"),
    ("sort order", "a = sorted(a, key=f)", "a = sorted(a, key=f, reverse=True)"),
    ("pop", "c = a.pop(0)", "c = a.pop()"),
    ("pop", "c = a.pop()", "c = a.pop(0)"),
    ("copy", "a.append(b)", "a.append(b[:])"),
    ("copy", "c = [[0] * a] * b", "c = [[0] * a for _ in range(b)]"),
    ("assignment", "a = b", "a += b"),
    ("assignment", "a += b", "a = b"),
    ("assignment", "a = b", "a = max(a, b)"),
    ("keyword", "while a: break", "while a: continue"),
    ("keyword", "while a: b = 1", "if a: b = 1"),
    ("division", "c = int(a / b)", "c = (a // b)"),
    ("initial value", "c = 0", "c = float('-inf')"),
    ("initial value", "c = 0", "c = a[0]"),
    ("variable", "c = a", "c = b"),
    ("in place", "a = sorted(b)", "a[:] = sorted(b)"),
    ("guard", "while n and a[n] == b: pass", "while n < len(a) and (n and a[n] == b): pass"),
    ("guard", "while a[-1] > b: pass", "while a and (a[-1] > b): pass"),
    ("guard", "if a.next: pass", "if a and a.next: pass"),
    ("guard", "while a.next.next: pass", "while a.next and a.next.next: pass"),
    ("key", "a.sort()", "a.sort(key=len)"),
    ("key", "a.sort(key=lambda x: x[1])", "a.sort(key=lambda x: -x[1])"),
    ("key", "a.sort(key=lambda x: x[1])", "a.sort(key=lambda x: (x[1], x))"),
    ("key", "a.sort(key=lambda x: (x[0], x[1]))", "a.sort(key=lambda x: (x[0], -x[1]))"),
    ("key", "c = sorted(a, key=b.get)", "c = sorted(a, key=lambda item: (-b.get(item), item))"),
    ("pop", "c = a.popitem()", "c = a.popitem(last=False)"),
    ("order", "a.append(b + 1)", "a.insert(0, b + 1)"),
    ("pair", "a[n[0]] += n[1]", "a[n[1]] += n[0]"),
    ("misspelled", "c = lenn(a)", "c = len(a)"),
    ("misspelled", "a.apend(b)", "a.append(b)"),
    ("misspelled", "c = true", "c = True"),
]


@pytest.mark.parametrize(("operator", "before", "after"), REPAIRS)
def test_edit_is_offered(operator: str, before: str, after: str) -> None:
    """The change wanted is one of the single edits, under the operator's name."""
    frame = "def g(a, b, n=0):\n    {}\n    return c\n"
    wanted = ast.dump(ast.parse(frame.format(after)))
    found = [
        edited
        for edited in single_edits(frame.format(before), {})
        if operator in edited.operators and ast.dump(ast.parse(edited.program)) == wanted
    ]
    assert found


BLOCKS = {
    "a value read after it was overwritten": (
        "def f(a, b):\n    a = b\n    b = a\n    return a, b\n",
        "def f(a, b):\n    a, b = b, a\n    return a, b\n",
    ),
    "an attribute read after it was overwritten": (
        "def f(n):\n    n.left = g(n.right)\n    n.right = g(n.left)\n",
        "def f(n):\n    n.left, n.right = g(n.right), g(n.left)\n",
    ),
    "a reset in every round": (
        "def f(a):\n    s = 0\n    for x in a:\n        for y in x:\n            s += y\n",
        "def f(a):\n    s = 0\n    for x in a:\n        s = 0\n        for y in x:\n"
        "            s += y\n",
    ),
    "a list begun anew in every round": (
        "def f(a, b):\n    s = []\n    while a:\n        s.append(a.pop())\n        b.append(s)\n",
        "def f(a, b):\n    s = []\n    while a:\n        s = []\n        s.append(a.pop())\n"
        "        b.append(s)\n",
    ),
    "a sum kept by the module": (
        "s = 0\ndef f(a):\n    global s\n    for x in a: s += x\n    return s\n",
        "s = 0\ndef f(a):\n    global s\n    s = 0\n    for x in a: s += x\n    return s\n",
    ),
    "a table kept by the module": (
        "s = {}\ndef f(a):\n    for x in a: s[x] = 1\n    return s\n",
        "s = {}\ndef f(a):\n    s.clear()\n    for x in a: s[x] = 1\n    return s\n",
    ),
    "an answer that belongs into the argument": (
        "def f(self, a: list) -> None:\n    return sorted(a)\n",
        "def f(self, a: list) -> None:\n    a[:] = sorted(a)\n",
    ),
    "a missing return": (
        "def f(a):\n    for x in a:\n        if x: return x\n",
        "def f(a):\n    for x in a:\n        if x: return x\n    return -1\n",
    ),
    "a missing answer": (
        "def f(a):\n    total = sum(a)",
        "def f(a):\n    total = sum(a)\n    return total",
    ),
    "a base case": (
        "def f(a) -> int:\n    return a[0]\n",
        "def f(a) -> int:\n    if not a: return 0\n    return a[0]\n",
    ),
    "a remainder": (
        "def f(a: list, k: int):\n    '''Doc.'''\n    return a[k:] + a[:k]\n",
        "def f(a: list, k: int):\n    '''Doc.'''\n    k %= len(a)\n    return a[k:] + a[:k]\n",
    ),
    "a sort": (
        "def f(a):\n\treturn a[0]\n",
        "def f(a):\n\ta = sorted(a)\n\treturn a[0]\n",
    ),
    "a default shared by calls": (
        "def f(x, a=[]):\n    a.append(x)\n    return a\n",
        "def f(x, a=None):\n    if a is None: a = []\n    a.append(x)\n    return a\n",
    ),
    "a return in the loop": (
        "def f(a):\n    for x in a:\n        x += 1\n        return x\n",
        "def f(a):\n    for x in a:\n        x += 1\n    return x\n",
    ),
    "a statement behind its loop": (
        "def f(a, n):\n    for x in a:\n        print(x)\n    n += 1\n    return n\n",
        "def f(a, n):\n    for x in a:\n        print(x)\n        n += 1\n    return n\n",
    ),
    "statements in the wrong order": (
        "def f(a):\n    a.pop()\n    b = a[-1]  # last\n    return b\n",
        "def f(a):\n    b = a[-1]\n    a.pop()  # last\n    return b\n",
    ),
    "one statement too many": (
        "def f(a):\n    a = a[1:]\n    return a\n",
        "def f(a):\n    return a\n",
    ),
    "elif for if": (
        "def f(a):\n    if a > 1:\n        a = 1\n    if a:\n        a = 2\n    return a\n",
        "def f(a):\n    if a > 1:\n        a = 1\n    elif a:\n        a = 2\n    return a\n",
    ),
    "a forgotten import": (
        '"""Doc."""\nfrom __future__ import annotations\nx = deque()\n',
        '"""Doc."""\nfrom __future__ import annotations\nfrom collections import deque\n'
        "x = deque()\n",
    ),
    "a mark of what was visited": (
        "def f(q):\n    seen = set()\n    for x in q:\n        print(x)\n    seen.add(0)\n",
        "def f(q):\n    seen = set()\n    for x in q:\n        if x in seen: continue\n"
        "        print(x)\n    seen.add(0)\n",
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_statements_are_edited_in_the_programs_own_style(name: str) -> None:
    before, after = BLOCKS[name]
    assert after in {edited.program for edited in single_edits(before, {})}


def test_names_stay_in_their_scope() -> None:
    text = "def f(a):\n    b = a\n    return b\n\ndef g(c):\n    return c\n"
    found = {e.program for e in single_edits(text, {}) if e.operators == ("variable",)}
    assert not any("return a" in p.split("def g")[1] for p in found)
    assert any("return a" in p for p in found)


def test_numbers_do_not_replace_lists() -> None:
    text = "def f(a: int, b: list, c: int):\n    return a // c + len(b)\n"
    words = {e.words for e in single_edits(text, {}) if e.operators == ("variable",)}
    assert words == {"line 2: a becomes c", "line 2: c becomes a"}


def test_inside_of_formatted_strings_is_left_alone() -> None:
    text = 'x = 1\ny = f"{x + 1} and {x < 2}"\n'
    assert all(
        'f"{x + 1} and {x < 2}"' in e.program
        for e in single_edits(text, {})
        if e.operators != ("deletion",)
    )


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "+".join(["a"] * 1500),
        "x = a" + ".b" * 1400,
        "x = a" + "[0]" * 1400,
        "x = f" + "(1)" * 1200,
        "x = " + "-" * 3000 + "1",
        "if a: pass\n" + "elif a: pass\n" * 900,
    ],
    ids=["sum", "attributes", "indices", "calls", "signs", "elif"],
)
def test_what_is_nested_too_deep_is_left_alone(text: str) -> None:
    assert list(single_edits(text, {})) == []
    assert same_program_key(text) == same_program_key(text + "\n")
    assert list(syntax_repairs(text)) == [] or compiled(text) is None


def test_constants_are_not_computed() -> None:
    text = "x = 9**9**9**9\ny = 'a' * 10**12\n"
    assert len(list(single_edits(text, {}))) > 10
