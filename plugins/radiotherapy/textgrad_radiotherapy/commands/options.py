"""Command-line options of the plugin's commands."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from textgrad_radiotherapy.cache_folder import KEEP_NONE, check_cache

CASE_HELP = (
    "an embedded case, a case folder, a folder of DICOM files, a matRad .mat file, or an .npz "
    "file of arrays"
)


def plan(parser: ArgumentParser) -> None:
    """Options of ``textgrad radiotherapy plan``."""
    parser.add_argument("--case", required=True, metavar="C", help=CASE_HELP)
    parser.add_argument(
        "--protocol", metavar="P", help="a protocol or its file (default: the case's own)"
    )
    parser.add_argument(
        "--weights", metavar="FILE", help="weights as JSON (default: all the same)"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="empty or new folder")
    _grid(parser)
    _cache(parser)
    _json(parser)


def evaluate(parser: ArgumentParser) -> None:
    """Options of ``textgrad radiotherapy evaluate``."""
    parser.add_argument("plan", metavar="PLAN", help="a plan folder or run folder")
    parser.add_argument("--protocol", metavar="P", help="another protocol than the plan's")
    parser.add_argument("--dose", metavar="RTDOSE", help="judge this dose over the plan's anatomy")
    _cache(parser)
    _json(parser)


def dvh(parser: ArgumentParser) -> None:
    """Options of ``textgrad radiotherapy dvh``."""
    parser.add_argument("plan", metavar="PLAN", help="a plan folder or run folder")
    parser.add_argument("--structure", action="append", metavar="S", help="only this; repeatable")
    parser.add_argument("--step", type=float, default=0.1, metavar="GY", help="(default: 0.1)")
    parser.add_argument("--out", metavar="FILE", help="CSV file (default: printed)")
    _cache(parser)


def protocols(parser: ArgumentParser) -> None:
    """Options of ``textgrad radiotherapy protocols``."""
    parser.add_argument("protocol", metavar="PROTOCOL", nargs="?", help="show this one")
    _json(parser)


def cases(parser: ArgumentParser) -> None:
    """Options of ``textgrad radiotherapy cases``."""
    _json(parser)


def import_dicom(parser: ArgumentParser) -> None:
    """Options of ``textgrad radiotherapy import-dicom``."""
    parser.add_argument("folder", metavar="DICOM", help="folder with the files, at any depth")
    parser.add_argument("--out", required=True, metavar="DIR", help="case folder to write")
    parser.add_argument(
        "--name", help="short name, no personal data (default: that of the case folder)"
    )
    for flag, what in (("ct", "CT series"), ("structures", "structure set"), ("plan", "RT plan")):
        parser.add_argument(f"--{flag}", metavar="UID", help=f"which {what}, where there are more")
    parser.add_argument(
        "--prescription",
        action="append",
        metavar="TARGET=GY",
        help="dose per course of a target, if the plan does not say; repeatable",
    )
    parser.add_argument("--fractions", type=int, metavar="N", help="number of fractions")
    parser.add_argument(
        "--gantry", type=float, nargs="+", metavar="DEG", help="beams, in place of the plan's"
    )
    _grid(parser)
    _cache(parser)
    _json(parser)


def export_dicom(parser: ArgumentParser) -> None:
    """Options of ``textgrad radiotherapy export-dicom``."""
    parser.add_argument("plan", metavar="PLAN", help="a plan folder or run folder")
    parser.add_argument("--out", required=True, metavar="DIR", help="empty or new folder")
    _cache(parser)
    _json(parser)


def doctor(parser: ArgumentParser) -> None:
    """Options of ``textgrad radiotherapy doctor``."""
    _cache(parser)
    _json(parser)


def cache_of(given: Namespace) -> str | None:
    """The folder of influence matrices that the options name, as `cache_folder` takes it.

    Raises:
        CaseError: If it can be none.
    """
    wanted = named_cache(given)
    check_cache(wanted)
    return wanted


def named_cache(given: Namespace) -> str | None:
    """The same, whether there can be such a folder or not."""
    wanted: str | None = KEEP_NONE if given.no_cache else given.cache
    return wanted


def _cache(parser: ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--cache",
        metavar="DIR",
        help="folder of influence matrices (default: the suite's own; 'none' keeps none)",
    )
    where.add_argument(
        "--no-cache", action="store_true", help="keep no influence matrix, as --cache none"
    )


def _grid(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--grid-mm", type=float, default=3.0, metavar="X", help="dose grid (default: 3)"
    )
    parser.add_argument(
        "--bixel-mm", type=float, default=5.0, metavar="X", help="beamlets (default: 5)"
    )


def _json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
