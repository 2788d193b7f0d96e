"""Words measured as they are drawn, and broken into lines that fit."""

from __future__ import annotations

ROOM_TAKEN = 0.97  # a browser's font may be a little wider than the one measured here


def width_in(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a line of text in inches; inside `drawing.style`, whose font it is.

    Args:
        text: The line.
        size: Size of the font in points.
        bold: Whether it is drawn bold.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight="bold" if bold else "normal")
    points, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(points) / 72.0


def broken(text: str, room_in: float, size: float, *, bold: bool = False) -> tuple[str, ...]:
    """The text in lines that fit, broken at blanks; a word that no line holds is broken too.

    Args:
        text: What is to be drawn.
        room_in: Width of a line, inches.
        size: Size of the font in points.
        bold: Whether it is drawn bold.
    """

    def fits(line: str) -> bool:
        return width_in(line, size, bold=bold) <= ROOM_TAKEN * room_in

    lines: list[str] = []
    line = ""
    for word in text.split():
        wider = f"{line} {word}" if line else word
        if fits(wider):
            line = wider
            continue
        if line:
            lines.append(line)
        line = word
        while not fits(line) and len(line) > 1:
            cut = next((n for n in range(len(line) - 1, 1, -1) if fits(line[:n])), 1)
            lines.append(line[:cut])
            line = line[cut:]
    return (*lines, line)
