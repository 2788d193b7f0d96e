"""Dock the same ligands with DOCKSTRING's own package and with ours, side by side.

Prints a table, writes result.json, and exits with 1 if any score differs by more than 0.3
kcal/mol. Run it from the repository: ``python benchmarks/docking_fidelity/run.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from textgrad_molecules.docking import (
    DEFAULT_EXHAUSTIVENESS,
    DOCKSTRING_SEED,
    Docker,
    DockResult,
    dockstring_receptor,
)

LIGANDS = {
    "benzene": "c1ccccc1",
    "acetamide": "CC(N)=O",
    "pentane": "CCCCC",
    "fenofibric acid": "CC(C)(Oc1ccc(cc1)C(=O)c1ccc(Cl)cc1)C(=O)O",
    "gemfibrozil": "Cc1ccc(C)c(OCCCC(C)(C)C(=O)O)c1",
}
ALLOWED_KCAL_MOL = 0.3
HEADINGS = ("target", "ligand", "dockstring", "ours", "diff", "dockstring s", "ours s", "ratio")
COLUMNS = "{:8s} {:16s} {:>10s} {:>8s} {:>7s} {:>12s} {:>8s} {:>6s}"


def with_dockstring(target: str, smiles: str) -> tuple[float, float]:
    """Score in kcal/mol and wall seconds of the package's own way, one core."""
    from dockstring import load_target  # the first call pays for it before the clock starts

    started = time.perf_counter()
    score, _ = load_target(target).dock(smiles, num_cpus=1, seed=DOCKSTRING_SEED)
    if score is None:
        raise SystemExit(f"dockstring found no pose for {smiles}")
    return float(score), time.perf_counter() - started


def with_ours(docker: Docker, smiles: str) -> tuple[float, float]:
    """Score in kcal/mol and wall seconds of ours, one core."""
    started = time.perf_counter()
    answer = docker.dock(smiles, DEFAULT_EXHAUSTIVENESS)
    if not isinstance(answer, DockResult):
        raise SystemExit(f"{smiles}: {answer}")
    return answer.affinity_kcal_mol, time.perf_counter() - started


def compare(targets: list[str], ligands: dict[str, str]) -> list[dict[str, Any]]:
    """Every ligand on every target, the two ways in turn, who is first alternating."""
    rows: list[dict[str, Any]] = []
    print(
        COLUMNS.format(
            "target", "ligand", "dockstring", "ours", "diff", "dockstring s", "ours s", "ratio"
        )
    )
    for target in targets:
        with Docker(dockstring_receptor(target), workers=1) as docker:
            maps = time.perf_counter()
            with_ours_first_use(docker)
            maps = time.perf_counter() - maps
            for name, smiles in ligands.items():
                if len(rows) % 2:
                    ours, theirs = with_ours(docker, smiles), with_dockstring(target, smiles)
                else:
                    theirs, ours = with_dockstring(target, smiles), with_ours(docker, smiles)
                rows.append(
                    {
                        "target": target,
                        "ligand": name,
                        "smiles": smiles,
                        "dockstring_kcal_mol": theirs[0],
                        "ours_kcal_mol": ours[0],
                        "difference_kcal_mol": round(ours[0] - theirs[0], 3),
                        "dockstring_s": round(theirs[1], 2),
                        "ours_s": round(ours[1], 2),
                        "ratio": round(theirs[1] / ours[1], 2),
                        "start_of_ours_s": round(maps, 2),
                    }
                )
                show(rows[-1])
    return rows


def with_ours_first_use(docker: Docker) -> None:
    """Start the server and compute the maps, once per target; reported apart."""
    docker.dock("C", 1)


def show(row: dict[str, Any]) -> None:
    """One line of the table."""
    print(
        COLUMNS.format(
            row["target"],
            row["ligand"],
            f"{row['dockstring_kcal_mol']:.1f}",
            f"{row['ours_kcal_mol']:.3f}",
            f"{row['difference_kcal_mol']:+.3f}",
            f"{row['dockstring_s']:.2f}",
            f"{row['ours_s']:.2f}",
            f"{row['ratio']:.1f}",
        ),
        flush=True,
    )


def main() -> int:
    """Compare, print, write; 1 if a score is off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", action="append", help="receptor; repeatable (PPARA)")
    parser.add_argument("--ligand", action="append", metavar="SMILES", help="repeatable")
    parser.add_argument("--out", type=Path, help="file to write the result to, as JSON")
    options = parser.parse_args()
    # dockstring calls the obabel program that is installed beside this Python.
    os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    ligands = {smiles: smiles for smiles in options.ligand} if options.ligand else LIGANDS
    targets = [dockstring_receptor(name).name for name in options.target or ["PPARA"]]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    print(f"exhaustiveness {DEFAULT_EXHAUSTIVENESS}, one core each, {cores} cores, load {load}")
    rows = compare(targets, ligands)
    worst = max(abs(row["difference_kcal_mol"]) for row in rows)
    mean = statistics.fmean(abs(row["difference_kcal_mol"]) for row in rows)
    ratio = sum(row["dockstring_s"] for row in rows) / sum(row["ours_s"] for row in rows)
    print(f"largest |difference| {worst:.3f}, mean {mean:.3f} kcal/mol; {ratio:.1f} times faster")
    print(f"starting ours (receptor and maps, once per target): {rows[0]['start_of_ours_s']} s")
    result = {
        "exhaustiveness": DEFAULT_EXHAUSTIVENESS,
        "seed": DOCKSTRING_SEED,
        "cores": cores,
        "load_at_start": load,
        "machine": platform.machine(),
        "python": platform.python_version(),
        "settings": Docker(dockstring_receptor(targets[0])).fingerprint(),
        "rows": rows,
        "largest_difference_kcal_mol": worst,
        "mean_difference_kcal_mol": round(mean, 3),
        "times_faster": round(ratio, 2),
    }
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(worst > ALLOWED_KCAL_MOL)


if __name__ == "__main__":
    sys.exit(main())
