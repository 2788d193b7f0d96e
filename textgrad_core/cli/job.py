"""One run as the command line describes it, and as its folder remembers it."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from textgrad_core.budget import Budget
from textgrad_core.cli.options import make_arguments
from textgrad_core.coding import declared_encoding
from textgrad_core.domain import Domain
from textgrad_core.engine import get_engine
from textgrad_core.engine.protocol import Engine
from textgrad_core.errors import JournalError, UsageError
from textgrad_core.jsondata import JSON, digest
from textgrad_core.plugin import Plugin
from textgrad_core.prices import load_prices
from textgrad_core.registry import load_domain
from textgrad_core.report import write_atomically
from textgrad_core.search.options import Options

SETTINGS = "settings.json"
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything needed to run again: the content of ``settings.json``.

    Args:
        plugin: Name of the plugin.
        start: Value to start from, as typed.
        make: Options of the plugin.
        options: How the search runs.
        engine: Model that proposes, as typed; None for the plugin's own search.
        base_url: Address of the model's server.
        prices: What models cost, as plain data.
        cache: Whether outcomes are shared with other runs.
        command: The command that does the same.
    """

    plugin: str
    start: str
    make: Mapping[str, Any]
    options: Options
    engine: str | None = None
    base_url: str | None = None
    prices: Mapping[str, JSON] | None = None
    cache: bool = True
    command: str = ""

    def __post_init__(self) -> None:
        """Keep secrets out of the folder."""
        if self.base_url is not None:
            address = urlsplit(self.base_url)
            if address.scheme not in ("http", "https") or not address.hostname:
                raise UsageError(
                    f"--base-url {self.base_url!r} is no address: give http://HOST[:PORT]/v1"
                )
            if address.username or address.password or address.query or address.fragment:
                raise UsageError(
                    "--base-url holds a user, a password or a query, which would be written to "
                    "the run folder: put the key into the environment variable OPENAI_API_KEY"
                )
        if self.options.budget.cost is not None and self.prices is None:
            raise UsageError("--cost needs --prices FILE: nothing says what the model costs")
        if self.base_url is not None and self.engine is None:
            raise UsageError("--base-url needs --engine openai:MODEL")
        if self.options.feedback != "exact" and self.engine is None:
            raise UsageError(f"--feedback {self.options.feedback} needs --engine openai:MODEL")

    def domain(self) -> Domain[Any]:
        """The plugin's domain, built with the options."""
        return load_domain(self.plugin, **self.make)

    def model(self) -> Engine | None:
        """The engine; nothing is sent yet."""
        return None if self.engine is None else get_engine(self.engine, self.base_url)

    def to_json(self) -> dict[str, JSON]:
        """Plain data; holds no secret."""
        priced: dict[str, JSON] = {} if self.prices is None else {"prices": dict(self.prices)}
        return {
            **priced,
            "format": FORMAT,
            "plugin": self.plugin,
            "start": self.start,
            "make": dict(self.make),
            "options": self.options.to_json(),
            "engine": self.engine,
            "base_url": self.base_url,
            "cache": self.cache,
            "command": self.command,
        }

    def default_folder(self) -> Path:
        """``runs/PLUGIN-WORDS-DIGEST``: the same command, the same folder."""
        shaped = {k: v for k, v in self.to_json().items() if k not in ("command", "cache")}
        words = [str(v) for v in self.make.values() if isinstance(v, str)]
        slug = re.sub(r"[^A-Za-z0-9]+", "-", "-".join([self.plugin, *words])).strip("-")
        return Path("runs") / f"{slug[:60]}-{digest(shaped)[:8]}"


def job_of(plugin: Plugin, given: Namespace, command: str) -> tuple[Job, Domain[Any]]:
    """The job that the arguments of ``textgrad run`` describe, and its domain, to be closed."""
    sampling = {"temperature": given.temperature, "max_tokens": given.max_tokens}
    limits = ("evaluations", "calls", "seconds", "tokens", "cost")
    budget = Budget(**{name: getattr(given, name) for name in limits})
    made = make_arguments(plugin.make, given)
    domain = plugin.make(**made)
    job = Job(
        plugin=plugin.name,
        start=_start(domain, given.start),
        make=made,
        options=Options(
            steps=given.steps,
            proposals=given.proposals,
            parents=domain.parents if given.parents is None else given.parents,
            finalists=given.finalists,
            feedback=given.feedback,
            seed=given.seed,
            deadline_s=given.deadline,
            budget=budget,
            params={n: v for n, v in sampling.items() if v is not None},
        ),
        engine=given.engine,
        base_url=given.base_url,
        prices=None if given.prices is None else load_prices(Path(given.prices)).to_json(),
        cache=not given.no_cache,
        command=command,
    )
    return job, domain


def _start(domain: Domain[Any], given: str | None) -> str:
    """The value to start from: the user's, read from a file if it is ``@FILE``, or the domain's.

    A ``.py`` file is read in the encoding it declares, any other in UTF-8; line ends stay.

    Raises:
        UsageError: If the file cannot be read, or nothing says where to start.
    """
    if given is None:
        if domain.start is None:
            raise UsageError(f"plugin {domain.name!r} knows no start: give --start VALUE or @FILE")
        return domain.start
    if not given.startswith("@"):
        return given
    path = Path(given[1:])
    try:
        data = path.read_bytes()
        return data.decode(declared_encoding(data) if path.suffix == ".py" else "utf-8")
    except OSError as error:
        raise UsageError(f"--start {given!r} cannot be read: {error}") from error
    except (SyntaxError, ValueError, LookupError) as error:
        remedy = ", or declare its encoding in the first line" if path.suffix == ".py" else ""
        raise UsageError(
            f"--start {given!r} cannot be read as text: {error}; save it in UTF-8{remedy}"
        ) from error


def save_job(job: Job, folder: Path) -> None:
    """Write ``settings.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(job.to_json(), indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / SETTINGS, text)


def load_job(folder: Path) -> Job:
    """Read ``settings.json``.

    Raises:
        JournalError: If the folder is no run folder.
    """
    path = folder / SETTINGS
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        options = dict(record["options"])
        options["budget"] = Budget(**options["budget"])
        return Job(
            plugin=record["plugin"],
            start=record["start"],
            make=record["make"],
            options=Options(**options),
            engine=record["engine"],
            base_url=record["base_url"],
            prices=record.get("prices"),
            cache=record["cache"],
            command=record["command"],
        )
    except FileNotFoundError:
        raise JournalError(
            f"{folder} is no run folder (it holds no {SETTINGS}): give the folder that "
            "'textgrad run' printed"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JournalError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
