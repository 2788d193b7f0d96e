"""The graph behind a variable as a drawing and as DOT."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textgrad_core as tg
from engines import Meeting, Recorder
from graphs import Spot, build, plans
from textgrad_core import runtime
from textgrad_core.errors import UsageError
from textgrad_core.view.boxes import COLUMNS, box_lines, columns, fitted
from textgrad_core.view.glance import glance
from textgrad_core.view.layout import GAP, Size, arranged, layers_of, spread

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'a</text><script>alert(1)</script> "quoted" \\ $x {y} & \x00 \ud800 \u202e <b>'


def drawn(svg: str) -> ElementTree.Element:
    """The drawing as a document; anything that is not well-formed fails here."""
    return ElementTree.fromstring(svg)  # noqa: S314 - it was made a line before


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in drawn(svg).iter(f"{SVG}text")]


def answering() -> tuple[tg.Variable, tg.Variable]:
    """A system prompt, and the loss of two answers that it shapes."""
    engine = Recorder(lambda request: f"{request.purpose} words")
    system = tg.Variable("Be brief.", role_description="system prompt")
    call = tg.LLMCall(engine, system)
    losses = [
        tg.TextLoss("Judge it.", engine)(
            call(tg.Variable(q, role_description=f"question {q}", requires_grad=False))
        )
        for q in ("one", "two")
    ]
    loss = tg.sum(losses)
    loss.backward()
    return system, loss


def test_roles_values_kinds_and_feedback_are_shown() -> None:
    _, loss = answering()
    seen = texts(tg.graph(loss).svg())
    for text in ("system prompt", "Be brief.", "parameter · feedback: 2"):
        assert seen.count(text) == 1
    for text in ("question one", "question two"):
        assert seen.count(text) == 1
    assert seen.count("llm call · feedback: 1") == 2
    assert seen.count("frozen") == 4


def test_every_edge_is_a_line_and_every_variable_a_box() -> None:
    _, loss = answering()
    graph = tg.graph(loss)
    page = drawn(graph.svg())
    # the sum, the system prompt, and two each of losses, judges, answers and questions
    assert len(graph.nodes) == 10
    assert len([e for e in page.iter(f"{SVG}path") if e.get("class") == "line"]) == 10
    assert len([e for e in page.iter(f"{SVG}rect") if e.get("class") == "box"]) == 10


def test_feedback_itself_is_shown_on_request() -> None:
    system, loss = answering()
    assert not any("feedback words" in text for text in texts(tg.graph(loss).svg()))
    shown = texts(tg.graph(loss, show_feedback=True).svg())
    assert shown.count("← feedback words") == len(list(system.gradients)) + 2
    assert "feedback words" in tg.graph(loss, show_feedback=True).dot()


def test_an_input_used_twice_is_one_line_that_says_so() -> None:
    v = tg.Variable("x", role_description="part")
    graph = tg.graph(v + v)
    assert [(e.source, e.target, e.count) for e in graph.edges] == [(1, 0, 2)]
    assert "2 times" in texts(graph.svg())
    assert '[label="2 times"]' in graph.dot()


def test_what_is_under_way_is_not_waited_for() -> None:
    engine = Meeting(guests=2)
    call = tg.LLMCall(engine)
    first = call(tg.Variable("1", role_description="first"), "answer one")
    graph = tg.graph(first)
    assert graph.nodes[0].state == "under way"
    assert "(under way)" in texts(graph.svg())
    second = call(tg.Variable("2", role_description="second"))
    assert (first.value, second.value) == ("answer to 1", "answer to 2")
    assert tg.graph(first).nodes[0].value == "answer to 1"


def test_what_failed_says_so_and_raises_nothing() -> None:
    def fail(_: object) -> str:
        raise ConnectionError("the <server> is away")

    answer = tg.LLMCall(Recorder(fail))(tg.Variable("1", role_description="question"))
    with pytest.raises(ConnectionError):
        _ = answer.value
    graph = tg.graph(answer)
    assert graph.nodes[0].state == "failed"
    assert "ConnectionError: the <server>" in texts(graph.svg())
    assert "llm call failed" in graph.dot()


def test_hostile_texts_stay_texts() -> None:
    v = tg.Variable(HOSTILE, role_description=HOSTILE)
    v.gradients.add(HOSTILE)
    graph = tg.graph(v + HOSTILE, show_feedback=True)
    page = drawn(graph.svg())
    assert not [e for e in page.iter() if e.tag.removeprefix(SVG) in ("script", "b")]
    assert "\\u202e" in "".join(page.itertext())
    graph.dot().encode()
    for line in graph.dot().splitlines():
        bare = re.sub(r"\\.", "", line)
        assert bare.count('"') % 2 == 0, line


def test_values_that_are_no_text_are_shown_the_same_every_time() -> None:
    class Thing:
        pass

    for value in (b"\x89PNG", 1.5, None, ["a", {"b": 1}], Thing(), [Thing()] * 50):
        one, two = (glance(tg.Variable(v, role_description="any")).value for v in (value, value))
        assert one == two
        assert "0x" not in one
    assert glance(tg.Variable(b"\x89PNG", role_description="image")).value == "(4 bytes)"


def test_a_chain_of_twenty_thousand_is_cut_and_says_so() -> None:
    v = tg.Variable("start", role_description="text")
    end = v
    for _ in range(20_000):
        end = end + v
    graph = tg.graph(end)
    assert len(graph.nodes) == 60
    assert graph.total == 20_001
    assert "60 of 20,001 variables are drawn" in graph.note
    assert any("60 of 20,001" in text for text in texts(graph.svg()))
    assert "60 of 20,001" in graph.dot()
    assert end.value.startswith("startstart")


def test_many_inputs_are_cut_and_counted() -> None:
    parts = [tg.Variable(str(i), role_description=f"part {i}") for i in range(1_000)]
    graph = tg.graph(tg.sum(parts))
    assert len(graph.nodes) == 9
    assert graph.omitted[0] == 992
    assert "992 more" in texts(graph.svg())
    assert [n.role for n in graph.nodes[1:]] == [f"part {i}" for i in range(8)]
    assert len(tg.graph(tg.sum(parts), max_nodes=2_000, max_inputs=2_000).nodes) == 1_001


def test_a_value_used_a_thousand_times_is_one_line_with_branches() -> None:
    v = tg.Variable("x", role_description="system prompt")
    end = v
    for _ in range(1_000):
        end = end + v
    assert len(tg.graph(end, max_nodes=2_000).svg()) < 1_500_000


@pytest.mark.parametrize("limits", [{"max_nodes": 0}, {"max_inputs": -1}])
def test_limits_have_a_bound(limits: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="give 1 or more"):
        tg.graph(tg.Variable("x", role_description="r"), **limits)


def test_only_variables_have_a_graph() -> None:
    with pytest.raises(UsageError, match="give a Variable"):
        tg.graph("loss")  # type: ignore[arg-type]


SAME = """
import textgrad_core as tg
parts = [tg.Variable(f"v{i}", role_description=f"role {i % 3}") for i in range(12)]
for i in range(3, 12):
    parts.append(parts[i - 3] + parts[-1] + parts[i % 5])
loss = tg.sum(parts)
_ = loss.value
graph = tg.graph(loss, max_nodes=40, max_inputs=30)
print(graph.svg())
print(graph.dot())
"""


def test_the_drawing_does_not_depend_on_the_hash_seed() -> None:
    outputs = set()
    for seed in ("1", "2", "77"):
        done = subprocess.run(
            [sys.executable, "-c", SAME],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


@given(plans())
def test_the_graph_is_the_plan(plan: Sequence[Spot]) -> None:
    built = build(plan)
    root = built.variables[-1]
    _ = root.value
    graph = tg.graph(root, max_nodes=1_000, max_inputs=1_000)
    reached = {len(plan) - 1}
    for place in range(len(plan) - 1, -1, -1):
        if place in reached:
            reached |= set(plan[place].inputs)
    names = {f"variable {place}" for place in reached}
    assert {node.role for node in graph.nodes} == names
    assert graph.total == len(names)
    wanted = {
        (f"variable {source}", f"variable {target}", plan[target].inputs.count(source))
        for target in reached
        for source in plan[target].inputs
    }
    assert {
        (graph.nodes[e.source].role, graph.nodes[e.target].role, e.count) for e in graph.edges
    } == wanted
    assert not graph.note
    drawn(graph.svg())


edges_of_dags = st.integers(1, 14).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.sets(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(
                lambda edge: edge[0] > edge[1]
            ),
            max_size=30,
        ).map(sorted),
    )
)


@given(edges_of_dags)
def test_every_line_leads_downwards(dag: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = dag
    layer = layers_of(count, edges)
    for source, target in edges:
        assert layer[source] > layer[target]
    ends = {source for source, _ in edges}
    assert all(layer[place] == 0 for place in range(count) if place not in ends)


@given(edges_of_dags, st.data())
def test_boxes_stay_apart_and_lines_end_at_them(
    dag: tuple[int, list[tuple[int, int]]], data: st.DataObject
) -> None:
    count, edges = dag
    sizes = [
        Size(width=data.draw(st.integers(20, 200)), height=data.draw(st.integers(20, 90)))
        for _ in range(count)
    ]
    layout = arranged(sizes, edges)
    places = list(zip(layout.boxes, sizes, strict=True))
    for i, ((x, y), size) in enumerate(places):
        assert x > -1e-6
        assert y > -1e-6
        assert x + size.width < layout.width + 1e-6
        assert y + size.height < layout.height + 1e-6
        for (other_x, other_y), other in places[i + 1 :]:
            assert (
                x + size.width < other_x
                or other_x + other.width < x
                or y + size.height < other_y
                or other_y + other.height < y
            )
    for line, (source, target) in zip(layout.lines, edges, strict=True):
        (x, y), size = places[source]
        begin = (x + size.width / 2, y + size.height)
        begun = [p for p, (s, _) in zip(layout.lines, edges, strict=True) if s == source]
        assert line[0] == pytest.approx(begin) or any(line[0] in p[1:] for p in begun)
        assert any(p[0] == pytest.approx(begin) for p in begun)
        (x, y), size = places[target]
        assert line[-1] == pytest.approx((x + size.width / 2, y))
        assert all(a[1] <= b[1] + 1e-6 for a, b in pairwise(line))


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12))
def test_places_are_apart_and_no_shift_is_nearer(wanted: list[float]) -> None:
    placed = spread(wanted, [GAP] * (len(wanted) - 1))
    assert all(b - a >= GAP - 1e-6 for a, b in pairwise(placed))

    def cost(places: Sequence[float]) -> float:
        return sum((p - w) ** 2 for p, w in zip(places, wanted, strict=True))

    for nudged in shifts(placed):
        if all(b - a >= GAP for a, b in pairwise(nudged)):
            assert cost(placed) <= cost(nudged) + 1e-3


def shifts(places: Sequence[float]) -> Iterator[list[float]]:
    """The same places with one run of neighbours moved a little."""
    for first in range(len(places)):
        for last in range(first + 1, len(places) + 1):
            for step in (-0.5, 0.5):
                yield [p + step * (first <= i < last) for i, p in enumerate(places)]


@given(st.text(max_size=80))
def test_lines_fit_their_box(text: str) -> None:
    assert columns(fitted(text)) <= COLUMNS
    role = text if text.strip() else "role"
    lines = box_lines(glance(tg.Variable(text, role_description=role)))
    assert all(columns(line.text) <= COLUMNS for line in lines)
    assert all("\n" not in line.text for line in lines)


def test_a_cancelled_operation_is_a_failed_one() -> None:
    source = tg.Variable("x", role_description="source")
    made = source + "y"
    _ = made.value
    assert made.node is not None

    async def endless() -> None:
        await asyncio.Event().wait()

    never = runtime.start(endless())
    never.cancel()
    cancelled = tg.Variable.deferred(never, made.node, "cancelled", requires_grad=True)
    assert glance(cancelled).state == "failed"


def test_a_file_can_be_written_and_read(tmp_path: Path) -> None:
    _, loss = answering()
    path = tmp_path / "graph.svg"
    path.write_text(tg.graph(loss).svg(), "utf-8")
    assert drawn(path.read_text("utf-8")).tag == f"{SVG}svg"
