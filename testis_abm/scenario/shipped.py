"""The scenarios that come with the package, by name wherever it is installed: `fertile_man`, `experiments/sweep`."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
# An installed package holds a copy; a checkout has the folder itself.
FOLDER = next((path for path in (_PACKAGE / "scenarios", _PACKAGE.parent / "scenarios") if path.is_dir()), _PACKAGE)


def shipped() -> dict[str, Path]:
    """Return name -> file, those of experiments last."""
    paths = [*sorted(FOLDER.glob("*.toml")), *sorted(FOLDER.glob("experiments/*.toml"))]
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in paths}


def found(path: Path) -> Path:
    """Return the shipped scenario that `path` names, with or without folder and suffix, else `path` (a file first)."""
    if path.exists() or path.suffix not in ("", ".toml"):
        return path
    return shipped().get(path.with_suffix("").as_posix().removeprefix("scenarios/"), path)
