"""Isolation: where programs nobody trusts are run."""

from textgrad_code.sandbox.doctor import sandbox_checks
from textgrad_code.sandbox.protocol import Child, ChildLimits, Exit, Sandbox, Tier
from textgrad_code.sandbox.tiers import Probed, open_sandbox, probe

__all__ = [
    "Child",
    "ChildLimits",
    "Exit",
    "Probed",
    "Sandbox",
    "Tier",
    "open_sandbox",
    "probe",
    "sandbox_checks",
]
