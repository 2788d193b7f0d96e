"""An earlier round may be the best one although the working set has grown since."""

from __future__ import annotations

from textgrad_radiotherapy.cases import load_case, structure_rows
from textgrad_radiotherapy.inner import InnerOptimiser
from textgrad_radiotherapy.protocols import load_protocol
from textgrad_radiotherapy.terms import Term


def test_targets_that_compete_are_solved_at_the_first_call() -> None:
    case = load_case("tg119-multitarget", grid_mm=4.0, bixel_mm=7.0)
    prescribed = load_protocol("tg119-multitarget").prescription_gy
    terms = [
        Term(
            name=name,
            structure=name,
            kind="squared-deviation",
            dose_gy=1.02 * gy,
            weight=100.0,
        )
        for name, gy in prescribed.items()
    ]
    terms.append(
        Term(name="Body", structure="Body", kind="squared-overdose", dose_gy=25.0, weight=5.0)
    )
    optimiser = InnerOptimiser(structure_rows(case, terms), terms)
    first, again = optimiser.solve(), optimiser.solve()
    assert first.gap <= 1e-3
    total = sum(first.term_values[t.name] * t.weight for t in terms)
    assert abs(total - first.objective) <= 1e-6 * first.objective
    assert abs(first.objective - again.objective) <= 1e-3 * first.objective
