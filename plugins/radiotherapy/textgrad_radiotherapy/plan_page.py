"""A plan as one page: what is known of it, drawn and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textgrad_core.domain import Section
from textgrad_core.report import render_page
from textgrad_radiotherapy.about_case import about_case
from textgrad_radiotherapy.feedback import feedback
from textgrad_radiotherapy.figures.pictures import Pictures
from textgrad_radiotherapy.figures.sections import report_sections
from textgrad_radiotherapy.notice import SENTENCE
from textgrad_radiotherapy.plan import Plan

PAGE = "report.html"


def plan_sections(
    plan: Plan, pictures: Pictures, notes: Sequence[str], words: str
) -> tuple[Section, ...]:
    """What the page of a run and that of a single plan have in common.

    Args:
        plan: The plan where it is judged.
        pictures: The same, drawn.
        notes: What was known before planning; no section without any.
        words: Goals, proven gap and comparison in words, as `feedback` tells them.
    """
    known = (Section(title="Known before planning", text="\n".join(notes)),)
    return (
        *(known if notes else ()),
        *report_sections(plan.table, pictures),
        Section(title="Plan in words", text=words),
        Section(title="About this case", text="\n".join(about_case(plan.case))),
    )


def plan_page(
    plan: Plan,
    pictures: Pictures,
    *,
    notes: Sequence[str] = (),
    files: Sequence[str] = (),
    versions: Mapping[str, str] | None = None,
    licences: Sequence[str] = (),
) -> str:
    """The page of a plan that no search was made for.

    Args:
        plan: The plan where it is judged.
        pictures: The same, drawn.
        notes: What was known before planning.
        files: Names of the files beside the page.
        versions: Versions of what computed it, by name.
        licences: Licences of it, one sentence each.

    Raises:
        MissingExtra: If jinja2 is not installed.
    """
    return render_page(
        f"Radiotherapy plan: {plan.case.title or plan.case.name}",
        notice=SENTENCE,
        sections=plan_sections(plan, pictures, notes, feedback(plan.to_json())),
        finding=f"{plan.protocol.title}: {plan.table.summary()}.",
        files=files,
        versions=versions,
        licences=licences,
    )
