"""A drawing of a molecule as SVG."""

from __future__ import annotations

from typing import Any

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D


def molecule_svg(smiles: str, width_px: int = 360, height_px: int = 260) -> str:
    """The molecule on a transparent ground, as one ``<svg>`` element without XML header.

    Args:
        smiles: A valid SMILES string.
        width_px: Width of the drawing.
        height_px: Height of the drawing.
    """
    drawer = rdMolDraw2D.MolDraw2DSVG(width_px, height_px)
    options: Any = drawer.drawOptions()
    options.clearBackground = False
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, Chem.MolFromSmiles(smiles))
    drawer.FinishDrawing()
    svg = drawer.GetDrawingText()
    return svg[svg.index("<svg") :].strip()
