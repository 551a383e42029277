"""Names that become files and folders: every one of them is checked here, by what joins it to a path.

A name is one plain part of a path that means the same on every system: letters, digits, ``_``, ``-`` and ``.``, not a
dot or dash in front. ``below`` joins names to a root and follows no link on the way.
"""

import re
from pathlib import Path

_PLAIN = re.compile(r"\w[\w.-]*+")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)  # of Windows
LONGEST = 100  # bytes
OTHER_FOLDERS = ("reference", "assets")  # of reports/, which belong to no scale


class BadName(ValueError):
    """A name cannot be a file or folder of ours, or a link stands in its place. One line, for the user."""


def plain_name(name: str) -> str:
    """``name`` itself.

    Raises:
        BadName: it is not one plain part of a path; says what a name may hold.
    """
    plain = _PLAIN.fullmatch(name) and not name.endswith(".") and not _DEVICES.match(name)
    if not plain or len(name.encode("utf-8", "replace")) > LONGEST:
        shown = name if len(name) <= LONGEST else name[:LONGEST] + "…"
        raise BadName(
            f"{shown!r} is no plain name: letters, digits, '_', '-' and '.', "
            f"no dot or dash in front, at most {LONGEST} bytes"
        )
    return name


def scale_name(name: str) -> str:
    """The name of a scale: plain, and not one of the other folders of ``reports/``.

    Raises:
        BadName: it is not.
    """
    if plain_name(name).lower() in OTHER_FOLDERS:
        raise BadName(f"{name!r} cannot be a scale: reports/{name.lower()} holds something else")
    return name


def is_scale_name(name: str) -> bool:
    """Could this be the name of a scale?"""
    try:
        return scale_name(name) == name
    except BadName:
        return False


def below(root: Path, *names: str) -> Path:
    """``root/name/name…``; the root may be anything, what is below it may not.

    Raises:
        BadName: a name is not plain, or one of the folders on the way is a link.
    """
    path = root
    for name in names:
        path = path / plain_name(name)
        if path.is_symlink():
            raise BadName(f"{path} is a link, and links are not followed; remove it")
    if not path.resolve().is_relative_to(root.resolve()):
        raise BadName(f"{path} lies outside {root}")
    return path


def without_links(folder: Path) -> Path:
    """The folder itself, which need not exist.

    Raises:
        BadName: something directly in it is a link: what is written there would land elsewhere.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_symlink():
            raise BadName(f"{path} is a link, and links are not followed; remove it")
    return folder
