"""A number that is minimised as it is stands once in table, page, notebook and prompt."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import textgrad_core as tg
from result_samples import QED, VINA, sample_result
from textgrad_core.cli.table import LiveTable, comparison
from textgrad_core.columns import beside_scalar, scalar_objective
from textgrad_core.outcome import Evaluated
from textgrad_core.report import render_report
from textgrad_core.search.memory import record_lines
from textgrad_core.search.options import Options
from textgrad_core.search.result import Result, Trial
from toy_domain import ToyDomain

LONE = (VINA, replace(QED, weight=0.0))


def lone(trial: Trial) -> Trial:
    found = trial.outcome
    return replace(trial, scalar=found.scores["vina"]) if isinstance(found, Evaluated) else trial


def lone_result() -> Result:
    """The sample, as if the docking score alone had been minimised."""
    result = sample_result()
    return replace(
        result,
        objectives=LONE,
        scalar_name="vina",
        start=lone(result.start),
        best=lone(result.best),
        trials=tuple(lone(t) for t in result.trials),
        finals=tuple(lone(t) for t in result.finals),
        references=tuple(lone(t) for t in result.references),
    )


def test_only_an_objective_that_is_the_whole_scalar_loses_its_column() -> None:
    assert scalar_objective(LONE, "vina") is VINA
    assert beside_scalar(LONE, "vina") == LONE[1:]
    assert beside_scalar(LONE, "s") == LONE
    assert beside_scalar((VINA, QED), "vina") == (VINA, QED)
    best_high = (replace(VINA, direction="max"), LONE[1])
    assert beside_scalar(best_high, "vina") == best_high


def test_the_live_table_names_it_once_with_its_unit_and_leaves_room_for_the_value() -> None:
    out, domain = io.StringIO(), ToyDomain()
    options = Options(steps=2, proposals=2)
    table = LiveTable(domain, options, 0, out, live=False)
    tg.optimize("AAAA", domain, cache="off", listeners=(table,), steps=2, proposals=2)
    lines = out.getvalue().splitlines()
    assert re.fullmatch(r"step word +distance +best +done +left", lines[0])
    assert lines[1].split() == ["letters"]
    assert re.fullmatch(r" +0 AAAA +7 +7\* +1/\d+ *", lines[3])


def test_the_comparison_and_the_page_show_it_once_and_the_files_keep_both() -> None:
    result = lone_result()
    head, units, *_ = comparison(result, ToyDomain()).splitlines()
    assert head.split() == ["qed", "vina", "word"]
    assert units.split() == ["kcal/mol"]
    page = render_report(result)
    assert page.count('scope="col" class="num">vina <span class="unit">kcal/mol</span>') == 2
    assert len(re.findall('<figure class="plot', page)) == 2
    assert len(re.findall('<figure class="plot', render_report(sample_result()))) == 3
    assert str(result._repr_html_()).count(">vina (kcal/mol)</th>") == 1


def test_the_record_names_it_once_and_ranks_what_was_measured() -> None:
    trials = lone_result().trials
    record = record_lines(trials, LONE, "vina", count=2)
    assert record[0] == "best so far: CCOCC: vina = -4.0 kcal/mol, qed = 0.500"
    assert record[1].startswith("rank 2 of 4: CCOC:")
    assert record[2].startswith("rank 4 of 4: CCC: vina = -2.0 kcal/mol")
    assert [line.split(":")[0] for line in record[3:]] == ["rejected"]
    both = record_lines(sample_result().trials, (VINA, QED), "vina - 3 qed")
    assert both[0].endswith("vina - 3 qed = -5.500, vina = -4.0 kcal/mol, qed = 0.500")
