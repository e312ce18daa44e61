"""A finished run as a repository of the Hugging Face hub, in one commit.

    README.md        the model card              transformers/   the result, Hugging Face
    model.bin, …     the export                  metrics.jsonl   curves.svg
    recipe.json      data.json                   versions.json

No path of this machine is published. In `recipe.json`, `data.json` and the card, a path below a
root of the recipe begins with the root's name, as in the recipe itself (`{data}/digits`); a root,
and what lies elsewhere, is told by its last part, a manifest by its folder's (`digits`). Where a
path is found in any other file, nothing is published.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,  # not theirs but their HTTP client's: httpx in version 1, httpx2 in version 2
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from sotto.errors import BadOption, ModelUnavailable
from sotto.training.config import Recipe
from sotto.training.learning.runs import Run
from sotto.training.manifest import FILE
from sotto.training.release.card import RESULTS, card

CARD = "README.md"
TRANSFORMERS = "transformers"
"""The folder of the Hugging Face form."""
_AS_THEY_ARE = ("versions.json", "curves.svg", "metrics.jsonl")
_WITH_PATHS = ("recipe.json", "data.json")
_READ = frozenset({".json", ".jsonl", ".md", ".svg", ".txt"})
"""Suffixes of files in which paths are looked for."""
_WORDS = frozenset({"tokenizer.json", "vocab.json", "vocabulary.json", "vocabulary.txt"})
"""Files of what was learned from texts, where a piece may look like a path."""
_TIMEOUT = 10.0
"""Seconds in which the hub must begin to answer."""
_UNNAMED = "other"
"""The license of a recipe that names none."""


@dataclass(frozen=True)
class Planned:
    """A file to be published."""

    target: str
    """Its path in the repository."""
    content: Path | bytes
    """Where it lies, or what was made for it."""

    @property
    def size(self) -> int:
        """Bytes."""
        content = self.content
        return len(content) if isinstance(content, bytes) else content.stat().st_size

    def read(self) -> bytes:
        """All of it."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


@dataclass(frozen=True)
class Publication:
    """What would be on the hub."""

    repo: str
    """`owner/name`."""
    private: bool
    files: tuple[Planned, ...]
    """By target."""
    card: str
    """That of `README.md`."""
    warnings: tuple[str, ...]
    """What nothing forbids, but somebody may not have meant."""


@dataclass(frozen=True)
class Standing:
    """What the hub has and allows now."""

    user: str | None
    """Whose token it is; None: there is no token."""
    allowed: bool
    """Whether that user is the owner, or belongs to it."""
    private: bool | None
    """Whether the repository is; None: there is none that the token shows."""
    others: tuple[str, ...]
    """Its files that would stay beside those of the publication."""


def plan(run: Run, repo: str, *, private: bool = False) -> Publication:
    """What `publish` would do; the hub is not asked.

    Raises BadOption where the run is not finished and exported, or would tell a path.
    """
    _check(run, repo)
    recipe = run.recipe()
    roots = {name: os.path.normpath(root) for name, root in recipe.roots.items()}
    shown = Recipe.model_validate(_without_paths(recipe.model_dump(mode="json"), roots))
    text = card(run, shown)
    contents: dict[str, Path | bytes] = dict(_files_of(run.export, ""))
    contents |= _files_of(run.model, f"{TRANSFORMERS}/")
    contents |= _about(run, roots)
    contents[CARD] = text.encode()
    files = tuple(Planned(target, contents[target]) for target in sorted(contents))
    _require_no_path(files, run, roots.values())
    return Publication(repo, private, files, text, tuple(_warnings(run, recipe, contents)))


def look(publication: Publication, api: HfApi) -> Standing:
    """Ask the hub; nothing is changed. Raises BadOption, ModelUnavailable."""
    user, owners = None, []
    with _asking(publication, api):
        if _has_token(api):
            about = api.whoami()
            user = str(about["name"])
            owners = [user, *(one["name"] for one in about.get("orgs", ()))]
        allowed = publication.repo.partition("/")[0] in owners
        try:
            info = api.model_info(publication.repo, timeout=_TIMEOUT)
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            return Standing(user, allowed, None, ())
    ours = {file.target for file in publication.files} | {".gitattributes"}
    there = {file.rfilename for file in info.siblings or ()}
    return Standing(user, allowed, bool(info.private), tuple(sorted(there - ours)))


def publish(publication: Publication, api: HfApi) -> str:
    """Make the repository if there is none, and commit all files at once; gives the commit's URL.

    Raises BadOption where the hub refuses, ModelUnavailable where it cannot be reached.
    """
    if not _has_token(api):
        raise BadOption(
            "token",
            "expected a token that may write, got none: run `hf auth login`, or set HF_TOKEN",
        )
    if publication.private and look(publication, api).private is False:
        raise BadOption(
            "private",
            f"expected {publication.repo} to be private, got one that is public: change it on the "
            "hub, or choose another --repo",
        )
    with _asking(publication, api):
        api.create_repo(publication.repo, private=publication.private, exist_ok=True)
        commit = api.create_commit(
            publication.repo,
            [CommitOperationAdd(file.target, file.content) for file in publication.files],
            commit_message=f"Publish {publication.repo.partition('/')[2]}",
        )
    return str(commit.commit_url)


def _check(run: Run, repo: str) -> None:
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise BadOption("repo", f"expected owner/name, got {repo!r}: {error}") from error
    if repo.count("/") != 1:
        raise BadOption("repo", f"expected owner/name, got {repo!r}")
    if not run.finished:
        raise BadOption("run", f"expected a finished run with a folder {run.model}, got none")
    if not (run.export / "model.bin").is_file():
        raise BadOption(
            "run", f"expected an exported run with a folder {run.export}, got none: `sotto export`"
        )


def _files_of(folder: Path, prefix: str) -> dict[str, Path]:
    """By target; the card and what is hidden are left out."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        f"{prefix}{name}": path
        for name, path in paths.items()
        if path.is_file() and name != CARD and not f"/{name}".count("/.")
    }


def _about(run: Run, roots: Mapping[str, str]) -> dict[str, Path | bytes]:
    found: dict[str, Path | bytes] = {
        name: run.folder / name for name in _AS_THEY_ARE if (run.folder / name).is_file()
    }
    for name in _WITH_PATHS:
        path = run.folder / name
        if path.is_file():
            shown = _without_paths(json.loads(path.read_text(encoding="utf-8")), roots)
            found[name] = f"{json.dumps(shown, indent=1, ensure_ascii=False)}\n".encode()
    return found


def _without_paths(value: object, roots: Mapping[str, str]) -> object:
    match value:
        case dict():
            return {
                key: {name: Path(root).name for name, root in part.items()}
                if key == "roots" and isinstance(part, dict)
                else _without_paths(part, roots)
                for key, part in value.items()
            }
        case list():
            return [_without_paths(part, roots) for part in value]
        case str() if Path(value).is_absolute():
            return _shown(Path(os.path.normpath(value)), roots)
        case _:
            return value


def _shown(path: Path, roots: Mapping[str, str]) -> str:
    """Begun with the nearest root, or the last part alone."""
    above = [name for name, root in roots.items() if path.is_relative_to(root)]
    if not above:
        return path.parent.name if path.name == FILE else path.name
    nearest = max(above, key=lambda name: len(roots[name]))
    return (Path(f"{{{nearest}}}") / path.relative_to(roots[nearest])).as_posix()


def _require_no_path(files: Iterable[Planned], run: Run, roots: Iterable[str]) -> None:
    """Raises BadOption where a file tells where this machine keeps what."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path's raises where nobody knows
    places = {Path(home), Path.cwd(), run.folder, run.folder.parent, *map(Path, roots)}
    told = "|".join(re.escape(str(p)) for p in places if p.is_absolute() and p.parent != p)
    # Not within a longer path or URL.
    pattern = re.compile(rf"(?<![\w.:/-])(?:{told})(?![\w.-])".encode())
    for file in files:
        path = Path(file.target)
        if path.suffix not in _READ or path.name in _WORDS:
            continue
        found = pattern.search(file.read())
        if found is not None:
            raise BadOption(
                "run",
                f"expected no path of this machine in {file.target}, got {found[0].decode()}",
            )


def _warnings(run: Run, recipe: Recipe, contents: Mapping[str, object]) -> Iterator[str]:
    if recipe.claims.license == _UNNAMED:
        yield f"the card says `license: {_UNNAMED}`: name one in the recipe's [claims]"
    if not (run.folder / RESULTS).is_file():
        yield f"the card tells no word error rates: there is no {RESULTS} in {run.folder}"
    for name in (*_WITH_PATHS, *_AS_THEY_ARE):
        if name not in contents:
            yield f"there is no {name} in {run.folder}"


def _has_token(api: HfApi) -> bool:
    return bool(get_token() if api.token is None else api.token)


@contextmanager
def _asking(publication: Publication, api: HfApi) -> Iterator[None]:
    """What the hub's client raises → ours."""
    where = f"publish {publication.repo} to {api.endpoint}"
    try:
        yield
    except HfHubHTTPError as error:
        raise _refused(error, publication, api) from error
    except OfflineModeIsEnabled as error:
        raise ModelUnavailable(f"cannot {where}: HF_HUB_OFFLINE is set") from error
    except json.JSONDecodeError as error:
        raise ModelUnavailable(f"cannot {where}: expected JSON, got another answer") from error
    except ValueError as error:  # the card's front matter
        raise BadOption("card", f"cannot {where}: {error}") from error
    except (HTTPError, OSError, RuntimeError) as error:  # RuntimeError: the hub's xet transport
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise ModelUnavailable(f"cannot {where}: {reason}") from error


def _refused(
    error: HfHubHTTPError, publication: Publication, api: HfApi
) -> BadOption | ModelUnavailable:
    status = error.response.status_code
    said = f"{status}: {error.server_message}" if error.server_message else str(status)
    if status in (401, 403):
        return BadOption(
            "token",
            f"expected a token that may write to {publication.repo}, got one that {api.endpoint} "
            f"refuses ({said})",
        )
    if 400 <= status < 500 and status not in (408, 429):
        return BadOption("repo", f"{api.endpoint} refuses {publication.repo} ({said})")
    return ModelUnavailable(f"cannot publish {publication.repo}: {api.endpoint} says {said}")
