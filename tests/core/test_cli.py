"""The command as a user types it: in a process of its own, with a small plugin installed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from commands import under_way
from fault_server import FaultServer
from textgrad_core.cli.job import job_of
from textgrad_core.cli.options import argument_help
from textgrad_core.cli.parser import Called, build_parser
from textgrad_core.errors import UsageError
from textgrad_core.journal_lines import read_entries
from words_plugin import HIDDEN, plugin

HELPERS = Path(__file__).parents[1] / "helpers"
RUN = ("run", "words", "--out", "run")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A folder to work in, where the plugin ``words`` is installed."""
    site = tmp_path / "site"
    install(site, "words", "words_plugin:plugin")
    work = tmp_path / "work"
    work.mkdir()
    return Shell(work, site)


def install(site: Path, name: str, target: str) -> None:
    """What an installer leaves: the metadata in which an entry point is found."""
    info = site / f"{name}_dist-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[textgrad_core.plugins]\n{name} = {target}\n")


class Shell:
    def __init__(self, folder: Path, site: Path) -> None:
        self.folder, self.site = folder, site
        self.log = folder / "measurements.txt"
        inherited = filter(None, [os.environ.get("PYTHONPATH")])
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(site), str(HELPERS), *inherited]),
            "WORDS_LOG": str(self.log),
            "PYTHONWARNINGS": "error",
            "TEXTGRAD_CACHE": str(folder / "cache"),
        }

    def start(
        self, *arguments: str, **environment: str
    ) -> AbstractContextManager[subprocess.Popen[str]]:
        command = [sys.executable, "-m", "textgrad_core", *arguments]
        return under_way(command, self.folder, {**self.environment, **environment})

    def __call__(self, *arguments: str, expect: int = 0, **environment: str) -> str:
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=120)
        assert process.returncode == expect, f"exit {process.returncode}\n{out}\n{err}"
        self.errors = err
        return out

    def json(self, *arguments: str, expect: int = 0, **environment: str) -> Any:
        out = self(*arguments, "--json", expect=expect, **environment)
        return json.loads(out.splitlines()[-1])

    @property
    def measured(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def test_a_run_shows_a_table_and_leaves_its_files(shell: Shell) -> None:
    out = shell(*RUN)
    lines = out.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert "Proposals: mutations (built in). No language model is used." in out
    assert "Research use only." in out
    assert re.search(r"^step +value +wrong +gc +w +best +done +left$", out, re.MULTILINE)
    assert re.search(r"^hidden word +0 +0.29 +0.00  GATTACAGATTACA$", out, re.MULTILINE)
    assert "\x1b" not in out
    files = {p.name for p in (shell.folder / "run").iterdir()}
    named = {"journal.jsonl", "settings.json", "result.csv", "result.json", "report.html"}
    assert named <= files
    assert not [f for f in files if f.endswith(".tmp")]


def test_json_is_one_object_on_the_last_line(shell: Shell) -> None:
    found = shell.json(*RUN)
    assert found["start"]["value"] == "A" * 14
    assert found["best"]["score"] < found["start"]["score"]
    assert found["references"][0]["name"] == "hidden word"
    assert found["evaluations_run"] == len(shell.measured)
    assert found["folder"] == "run"


def test_the_same_command_again_measures_nothing(shell: Shell) -> None:
    first = shell.json("run", "words", "--seed", "5")
    paid = len(shell.measured)
    second = shell.json("run", "words", "--seed", "5")
    assert len(shell.measured) == paid
    assert second["folder"] == first["folder"]
    assert second["best"] == first["best"]
    assert second["evaluations_run"] == 0
    assert shell.json("run", "words", "--seed", "6")["folder"] != first["folder"]


def test_killed_and_run_again_repeats_nothing_and_ends_the_same(shell: Shell) -> None:
    undisturbed = shell.json("run", "words", "--out", "whole", "--no-cache")
    shell.log.unlink()
    with shell.start("run", "words", "--out", "cut", "--no-cache", WORDS_SLEEP_S="0.1") as process:
        wait_for(lambda: len(shell.measured) >= 9)
        process.kill()
    recorded = read_entries(shell.folder / "cut" / "journal.jsonl")[0]
    kept = sum(e.kind == "evaluation" for e in recorded)
    assert kept >= 1
    shell.log.unlink()
    resumed = shell.json("run", "words", "--out", "cut", "--no-cache")
    assert resumed["best"] == undisturbed["best"]
    assert resumed["evaluations_run"] == undisturbed["evaluations_run"] - kept
    assert len(shell.measured) == resumed["evaluations_run"]
    for name in ("result.csv",):
        assert (shell.folder / "cut" / name).read_text() == (
            shell.folder / "whole" / name
        ).read_text()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly_and_says_how_to_go_on(
    shell: Shell, number: signal.Signals, code: int
) -> None:
    with shell.start(*RUN, WORDS_SLEEP_S="0.2") as process:
        wait_for(lambda: len(shell.measured) >= 3)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in err
    command = err.strip().splitlines()[-1].split()
    assert command == ["textgrad", "resume", "run"]
    done = shell.json(*command[1:])
    assert done["stop_reason"] == "all 8 steps are done"


def test_replay_and_report_need_no_instrument(shell: Shell) -> None:
    shell(*RUN)
    paid = len(shell.measured)
    page = (shell.folder / "run" / "report.html").read_text()
    (shell.folder / "run" / "report.html").unlink()
    assert "every step is the same" in shell("replay", "run", WORDS_VERSION="2")
    shell("report", "run", WORDS_VERSION="2")
    again = (shell.folder / "run" / "report.html").read_text()
    assert page.count("<tr") == again.count("<tr")
    assert len(shell.measured) == paid
    journal = shell.folder / "run" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))
    shell("replay", "run", expect=5)
    assert "is not finished; go on with: textgrad resume run" in shell.errors
    shell("report", "run")


def test_fresh_sets_the_old_run_aside(shell: Shell) -> None:
    shell(*RUN)
    old = (shell.folder / "run" / "journal.jsonl").read_bytes()
    shell(*RUN, "--fresh", "--seed", "9")
    assert (shell.folder / "run.old-1" / "journal.jsonl").read_bytes() == old
    shell(*RUN, expect=5)
    assert "other settings" in shell.errors
    assert "seed" in shell.errors


def test_fresh_leaves_alone_what_runs_or_cannot_be_replaced(shell: Shell) -> None:
    with shell.start(*RUN, WORDS_SLEEP_S="0.3") as first:
        wait_for(lambda: len(shell.measured) >= 1)
        shell(*RUN, "--fresh", expect=5)
        assert f"process {first.pid}" in shell.errors
        first.kill()
    shell("run", "words", "--start", "HELLO", "--out", "run", "--fresh", expect=2)
    assert {p.name for p in shell.folder.iterdir() if p.name.startswith("run")} == {"run"}


def test_a_run_that_is_only_read_again_keeps_its_figures(shell: Shell) -> None:
    shell(*RUN)
    first = json.loads((shell.folder / "run" / "result.json").read_text())["usage"]
    assert first["evaluations_run"] > 0
    for command in (RUN, ("report", "run")):
        shell(*command)
        again = json.loads((shell.folder / "run" / "result.json").read_text())["usage"]
        assert again == first


def test_the_time_of_the_files_is_told_and_kept(shell: Shell) -> None:
    out = shell(*RUN, WORDS_WRITING_S="1.5")
    assert re.search(r" in \d+ s; files and report took [2-9] s\.", " ".join(out.split()))
    kept = json.loads((shell.folder / "run" / "result.json").read_text())["usage"]
    assert kept["report_seconds"] >= 1.5
    assert "; files and report: " in (shell.folder / "run" / "report.html").read_text()
    found = shell.json("report", "run")
    assert found["report_seconds"] < kept["report_seconds"]
    assert json.loads((shell.folder / "run" / "result.json").read_text())["usage"] == kept


def test_an_unfinished_run_can_be_shown_and_says_how_to_go_on(shell: Shell) -> None:
    with shell.start(*RUN, WORDS_SLEEP_S="0.2") as process:
        wait_for(lambda: len(shell.measured) >= 4)
        process.kill()
    out = shell("report", "run")
    assert "the run was interrupted" in out
    assert "textgrad resume run" in out
    assert "(screen)" in out
    shell("replay", "run", expect=5)


@pytest.mark.skipif(os.name != "posix", reason="platform: sends a signal")
def test_a_stopped_run_neither_waits_for_its_instrument_nor_keeps_its_claims(shell: Shell) -> None:
    with shell.start(*RUN, WORDS_SLEEP_S="600") as process:
        wait_for(lambda: len(shell.measured) >= 1)
        assert [*shell.folder.rglob("*.claims/*")] != []
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert [*shell.folder.rglob("*.claims/*")] == []


def test_a_second_process_on_the_same_folder_is_refused(shell: Shell) -> None:
    with shell.start(*RUN, WORDS_SLEEP_S="0.3") as first:
        wait_for(lambda: len(shell.measured) >= 1)
        shell(*RUN, expect=5)
        assert f"process {first.pid}" in shell.errors
        first.kill()


def test_mistakes_are_named_with_their_remedy(shell: Shell) -> None:
    shell("run", "word", expect=2)
    assert "did you mean 'words'" in shell.errors
    shell("run", "words", "--start", "HELLO", expect=2)
    assert "letters ['E', 'H', 'L', 'O'] are no bases" in shell.errors
    shell("run", "words", "--proposals", "0", expect=2)
    assert "proposals=0: give at least 1" in shell.errors
    shell("run", "words", "--steps", "many", expect=2)
    assert "invalid int value" in shell.errors
    shell("run", "--seed", "1", "words", expect=2)
    assert "name the plugin before its options" in shell.errors
    shell("run", "words", "--see", "1", expect=2)
    assert "unrecognized arguments: --see" in shell.errors
    shell("run", "words", "--feedback", "llm", expect=2)
    assert "--feedback llm needs --engine" in shell.errors
    shell("resume", "nowhere", expect=5)
    assert "is no run folder" in shell.errors
    shell("run", "words", "--base-url", "http://u:secret@h/v1", "--engine", "openai:m", expect=2)
    assert "secret" not in shell.errors
    shell("run", "words", "--faulty", "instrument", expect=1)
    assert "caught fire" in shell.errors
    left = {p.name for p in shell.folder.iterdir()}
    assert left <= {"measurements.txt", "runs", "cache"}
    for options in (["--start", "HELLO"], ["--evaluations", "3"], ["--engine", "foo:bar"]):
        shell("run", "words", *options, "--out", "new", expect=2)
        assert not (shell.folder / "new").exists()
    assert len(list((shell.folder / "runs").iterdir())) == 1  # of the instrument that failed
    answer = shell.json("run", "words", "--start", "HELLO", expect=2)
    assert answer["error"] == "Invalid"
    assert shell.json("run", "words", "--bogus", expect=2)["error"] == "UsageError"
    (shell.folder / "file").write_text("mine")
    answer = shell.json("run", "words", "--out", "file", expect=5)
    assert "file" in answer["message"]
    assert (shell.folder / "file").read_text() == "mine"


def test_plugins_and_doctor_survive_a_broken_one(shell: Shell) -> None:
    install(shell.site, "broken", "no_such_module:plugin")
    (shell.site / "hungry.py").write_text(
        "import textgrad_core as tg\n"
        "def make(): ...\n"
        "plugin = tg.Plugin(name='hungry', summary='-', make=make, extra='molecules',\n"
        "                   requires=('module_nobody_has',))\n"
    )
    install(shell.site, "hungry", "hungry:plugin")
    listed = {p["name"]: p for p in shell.json("plugins")}
    assert listed["words"]["ready"]
    assert "no_such_module" in listed["broken"]["problem"]
    assert "pip install -e '.[molecules]'" in listed["hungry"]["problem"]
    checks = shell.json("doctor", expect=3)
    assert any(c["name"] == "plugin words" and c["ok"] for c in checks)
    assert any(c["name"] == "plugin broken" and not c["ok"] for c in checks)
    shell("run", "hungry", "--start", "x", expect=3)
    assert "pip install -e '.[molecules]'" in shell.errors


def test_options_of_a_plugin_are_in_its_help(shell: Shell) -> None:
    shown = shell("run", "words", "--help")
    assert "--picky, --no-picky" in shown
    assert "What goes wrong with every word" in shown
    assert "textgrad plugins" in shell("run", "--help")
    assert shell("--version").startswith("textgrad-suite ")


def test_help_of_arguments_is_read_from_the_docstring() -> None:
    text = (
        "Build.\n\nArgs:\n    one: First.\n    two: Second,\n        longer.\n\nRaises:\n    X: y."
    )
    assert argument_help(text) == {"one": "First", "two": "Second, longer"}
    assert argument_help("Build.") == {}


def test_a_model_on_a_local_server_proposes_and_no_key_is_kept(shell: Shell) -> None:
    words = iter(["GAAAAAAAAAAAAA", "GATAAAAAAAAAAA", HIDDEN, "C" * 14])

    def answer(body: dict[str, Any]) -> str:
        asked = "".join(m["content"] for m in body["messages"])
        if "<VALUE-" not in asked:
            return "More T, please."
        nonce = asked.rsplit("<VALUE-", 1)[1].split(">", 1)[0]
        return f"So be it. <VALUE-{nonce}>{next(words)}</VALUE-{nonce}>"

    key = "sk-very-secret-0123456789"
    with FaultServer(answer=answer) as server:
        options = ["--engine", "openai:some-model", "--base-url", server.url("ok")]
        options += ["--feedback", "both", "--steps", "2", "--proposals", "2"]
        out = shell(*RUN, *options, "--temperature", "0.5", OPENAI_API_KEY=key)
        calls = len(server.received)
        assert server.received[0].body["model"] == "some-model"
        assert server.received[0].body["temperature"] == 0.5
        assert server.received[0].headers["authorization"] == f"Bearer {key}"
        assert "Proposals: the language model openai:some-model" in out
        assert "no language model" not in out.lower()
        found = shell.json(*RUN, *options, "--temperature", "0.5", OPENAI_API_KEY=key)
        assert len(server.received) == calls
    assert found["best"]["value"] == HIDDEN
    for path in (shell.folder / "run").iterdir():
        assert key not in path.read_text()


def test_a_server_that_refuses_ends_the_run_with_its_own_code(shell: Shell) -> None:
    with FaultServer() as server:
        options = ["--engine", "openai:m", "--base-url", server.url("401")]
        shell(*RUN, *options, expect=4, OPENAI_API_KEY="sk-wrong-0123456789")
    assert "auth" in shell.errors
    assert "textgrad resume run" in shell.errors
    assert "sk-wrong" not in shell.errors
    shell(*RUN, "--engine", "openai:m", "--out", "other", expect=4)
    assert "OPENAI_API_KEY" in shell.errors
    assert not (shell.folder / "other").exists()


def test_money_is_counted_by_the_prices_of_a_file_and_limited(shell: Shell) -> None:
    (shell.folder / "prices.toml").write_text(
        "[models.m]\nprompt_per_million = 1_000_000\ncompletion_per_million = 2_000_000\n"
    )

    def answer(body: dict[str, Any]) -> str:
        nonce = re.findall(r"<VALUE-(\w+)>", body["messages"][-1]["content"])[-1]
        made.append(nonce)
        return f"<VALUE-{nonce}>{'GAT' * len(made)}</VALUE-{nonce}>"

    made: list[str] = []
    with FaultServer(answer=answer) as server:
        options = ["--engine", "openai:m", "--base-url", server.url("ok"), "--proposals", "1"]
        options += ["--max-tokens", "1"]
        shell(*RUN, *options, "--cost", "9", expect=2)
        assert "--cost needs --prices" in shell.errors
        options += ["--prices", "prices.toml", "--steps", "3"]
        found = shell.json(*RUN, *options)
        assert found["cost"] == 13.0 * len(server.received)  # 7 tokens sent, 3 received
        (shell.folder / "prices.toml").unlink()  # the run folder keeps what it was told
        again = shell.json("resume", "run")
        assert again["cost"] == found["cost"]
        assert (shell.folder / "run" / "result.json").read_text().count('"cost"') == 1


def test_a_budget_of_tokens_ends_a_run_with_what_it_has(shell: Shell) -> None:
    with FaultServer(answer=lambda _: "no value here") as server:
        options = ["--engine", "openai:m", "--base-url", server.url("ok"), "--tokens", "1"]
        found = shell.json(*RUN, *options)
        assert server.received == []
    assert "budget of 1 tokens is used up" in found["stop_reason"]
    assert found["best"]["value"] == found["start"]["value"]


SEEN = "\u00e9"


def started_from(path: Path) -> str:
    parser = build_parser(Called(command="run", name="words", plugin=plugin))
    job, _ = job_of(plugin, parser.parse_args(["run", "words", "--start", f"@{path}"]), "")
    return job.start


DECLARED = f"# coding: latin-1\r\n'{SEEN}'\r\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.py", DECLARED.encode("latin-1")),
        ("a.py", b"\xef\xbb\xbf" + DECLARED.replace("latin-1", "utf-8").encode()),
        ("a.txt", DECLARED.encode()),
    ],
)
def test_a_start_from_a_file_keeps_its_letters_and_line_ends(
    name: str, data: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    start = started_from(tmp_path / name)
    assert start.replace("utf-8", "latin-1") == DECLARED


@pytest.mark.parametrize(
    ("name", "remedy"), [("a.py", "declare its encoding"), ("a.txt", "save it in UTF-8")]
)
def test_a_start_that_is_no_text_is_refused(name: str, remedy: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(f"'{SEEN}'".encode("latin-1"))
    with pytest.raises(UsageError, match=remedy):
        started_from(tmp_path / name)
