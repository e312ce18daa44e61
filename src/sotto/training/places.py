"""The paths of a recipe → absolute ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from sotto.errors import BadOption

Spec = TypeVar("Spec", bound=BaseModel)


class Places:
    """Where a recipe's paths begin: its own folder, or a root as `{name}/…`.

    Roots in `told` begin where the command runs and take the place of those in the file.
    """

    def __init__(self, path: Path, roots: Mapping[str, str], told: Mapping[str, str]) -> None:
        self._path = path
        self._home = path.resolve().parent
        self.roots = {name: str(self._home / root) for name, root in roots.items()}
        self.roots |= {name: str(Path.cwd() / root) for name, root in told.items()}

    def absolute(self, path: str) -> str:
        """Raises BadOption where the path names a root that there is not."""
        try:
            return str(self._home / path.format(**self.roots))
        except (KeyError, ValueError, IndexError) as error:
            known = ", ".join(self.roots) or "none"
            raise BadOption(
                "recipe", f"{self._path}: expected a root of {known} in {path!r}, got {error}"
            ) from error

    def all(self, paths: tuple[str, ...]) -> tuple[str, ...]:
        """Each of them."""
        return tuple(map(self.absolute, paths))

    def changed(self, spec: Spec, *keys: str) -> Spec:
        """With the paths under these keys absolute, where there are any."""
        said = {key: getattr(spec, key) for key in keys}
        return spec.model_copy(
            update={key: self.absolute(value) for key, value in said.items() if value is not None}
        )

    def checkpoint(self, spec: Spec, key: str) -> Spec:
        """The same; but a name that no folder has is left as it is: an id of the hub."""
        name = getattr(spec, key)
        if name is None or not ("{" in name or (self._home / name).exists()):
            return spec
        return self.changed(spec, key)
