"""What a folder of DICOM files holds, and which of it is meant."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RTDoseStorage,
    RTPlanStorage,
    RTStructureSetStorage,
)

from textgrad_radiotherapy.dicom.tags import text
from textgrad_radiotherapy.errors import CaseError

_HEADER = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesDescription", "ImageType",
    "StructureSetLabel", "RTPlanLabel", "DoseSummationType", "DoseComment",
]  # fmt: skip

NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that can be chosen: a CT series, a structure set, a plan or a dose.

    Args:
        uid: SeriesInstanceUID of a CT series, SOPInstanceUID of anything else.
        label: What people call it, as far as the file says.
        files: Its files, sorted by name.
    """

    uid: str
    label: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What was found in a folder, each kind sorted by UID.

    Args:
        folder: Where.
        ct: CT series.
        structures: RT structure sets.
        plan: RT plans.
        dose: RT doses.
        ignored: Number of files of other kinds, DICOM or not.
    """

    folder: Path
    ct: tuple[Item, ...]
    structures: tuple[Item, ...]
    plan: tuple[Item, ...]
    dose: tuple[Item, ...]
    ignored: int


def scan(folder: Path) -> Inventory:
    """List the DICOM files below a folder, at any depth.

    Args:
        folder: Where to look; symbolic links to folders are not followed.

    Returns:
        The inventory; files that are no DICOM, localisers and other objects are counted.

    Raises:
        CaseError: If the folder is not there.
    """
    if not folder.is_dir():
        raise CaseError(f"no folder {folder}: name one with DICOM files in it")
    found: dict[str, dict[str, list[tuple[Path, Dataset]]]] = {}
    ignored = 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        header = _header(path)
        kind = "" if header is None else text(header, "SOPClassUID")
        localiser = header is not None and "LOCALIZER" in text(header, "ImageType")
        if header is None or kind not in _KINDS or localiser:
            ignored += 1
            continue
        by = "SeriesInstanceUID" if kind == CTImageStorage else "SOPInstanceUID"
        found.setdefault(kind, {}).setdefault(text(header, by), []).append((path, header))
    items = {kind: _items(groups) for kind, groups in found.items()}
    ct, structures, plan, dose = (items.get(kind, ()) for kind in _KINDS)
    return Inventory(
        folder=folder, ct=ct, structures=structures, plan=plan, dose=dose, ignored=ignored
    )


def choose(
    items: Sequence[Item],
    wanted: str | None,
    kind: str,
    option: str,
    *,
    optional: bool = True,
) -> Item | None:
    """The one item that is meant.

    Args:
        items: What there is.
        wanted: UID of the one that is meant, ``none`` to leave it out, or None if there is no
            choice to make.
        kind: What the items are, for messages.
        option: How the choice is written up to its value, for messages: ``--ct ``.
        optional: Whether a case can do without, so that ``none`` is a choice.

    Returns:
        The item; None if there is none or none is wanted.

    Raises:
        CaseError: If several could be meant, or the wanted one is not there; all are named.
    """
    listed = "; ".join(f"{i.uid} ({i.label}, {len(i.files)} file(s))" for i in items)
    if wanted == NONE and optional:
        return None
    if wanted is not None:
        for item in items:
            if item.uid == wanted:
                return item
        raise CaseError(f"no {kind} has the UID {wanted!r}; found: {listed or 'none'}")
    if len(items) > 1:
        without = f", or leave all out with {option}{NONE}" if optional else ""
        raise CaseError(
            f"{len(items)} candidates for the {kind}: {listed}. Choose one with "
            f"{option}UID{without}"
        )
    return items[0] if items else None


def load(path: Path) -> Dataset:
    """A whole DICOM file.

    Raises:
        CaseError: If it cannot be read to its end.
    """
    try:
        return _decoded(path)
    except Exception as exc:  # a broken file may break any part of the reader
        raise CaseError(
            f"{path.name} cannot be read as DICOM: {type(exc).__name__}: {exc}"
        ) from exc


def _header(path: Path) -> Dataset | None:
    try:
        return _decoded(path, stop_before_pixels=True, specific_tags=[*_HEADER])
    except (InvalidDicomError, EOFError):
        return None
    except Exception as exc:  # a broken file may break any part of the reader
        raise CaseError(f"{path} is a broken DICOM file ({exc}): move it away") from exc


def _decoded(path: Path, **options: Any) -> Dataset:
    """A dataset, every value decoded: otherwise broken ones fail later, one by one.

    Values that break a rule of the standard but can be understood are let through. A file
    without the header of the file format is read if it begins like the dataset of an object.
    """
    with path.open("rb") as file:
        bare = file.read(2) == b"\x08\x00"  # group 0008, little endian
    with pydicom.config.disable_value_validation():
        dataset = pydicom.dcmread(path, force=bare, **options)
        deque(dataset.iterall(), maxlen=0)
    if bare:
        implicit, _ = dataset.original_encoding
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def _items(groups: Mapping[str, list[tuple[Path, Dataset]]]) -> tuple[Item, ...]:
    return tuple(
        Item(uid=uid, label=_label(files[0][1]), files=tuple(path for path, _ in files))
        for uid, files in sorted(groups.items())
    )


def _label(header: Dataset) -> str:
    words = (
        text(header, k)
        for k in (
            "StructureSetLabel", "RTPlanLabel", "DoseSummationType", "DoseComment",
            "SeriesDescription",
        )
    )  # fmt: skip
    return next((w for w in words if w), "no label")


_KINDS = (CTImageStorage, RTStructureSetStorage, RTPlanStorage, RTDoseStorage)
