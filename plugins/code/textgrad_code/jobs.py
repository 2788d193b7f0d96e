"""The frame that a session begins with: a program and how it is called."""

from __future__ import annotations

from typing import Any

from textgrad_code.problem import Limits, Problem


def job_frame(program: str, problem: Problem, limits: Limits, most_steps: int) -> dict[str, Any]:
    """As `textgrad_code.jail.driver` describes it, without a nonce.

    Args:
        program: Its text.
        problem: How it is called.
        limits: What it may use.
        most_steps: Steps a traced test may take; 0 does not trace.
    """
    signature = problem.signature
    return {
        "program": program,
        "kind": signature.kind,
        "name": signature.name,
        "class_name": signature.class_name,
        "parameters": [one.type for one in signature.parameters],
        "returns": signature.returns,
        "in_place": signature.in_place,
        "operations": [
            [one.name, [known.type for known in one.parameters], one.returns]
            for one in signature.operations
        ],
        "memory_mib": limits.memory_mib,
        "answer_bytes": limits.answer_bytes,
        "most_steps": most_steps,
    }
