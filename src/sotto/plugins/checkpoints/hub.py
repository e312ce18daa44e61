"""Downloads from the Hugging Face hub, or from what HF_ENDPOINT says stands in for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from huggingface_hub import HfApi, ModelInfo, constants, hf_hub_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    GatedRepoError,
    HFValidationError,
    HTTPError,  # not theirs but their HTTP client's: httpx in version 1, httpx2 in version 2
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from sotto.errors import ModelUnavailable, UnknownModel
from sotto.interfaces.checkpoints import Progress

_TIMEOUT = 10.0
"""Seconds in which the hub must begin to answer."""


@dataclass(frozen=True)
class Request:
    """What to fetch, and where to put it."""

    name: str
    """As the user said it."""
    repo: str
    folder: Path
    endpoint: str | None = None
    """URL; None takes HF_ENDPOINT."""


def fetch(request: Request, wanted: Sequence[str], progress: Progress | None = None) -> None:
    """Download those of the wanted files that the repository has, in the order given.

    All are of one revision. Files that are already there are not fetched again.
    Raises UnknownModel, ModelUnavailable.
    """
    try:
        info = HfApi(endpoint=request.endpoint).model_info(
            request.repo, files_metadata=True, timeout=_TIMEOUT
        )
        _download(request, info, wanted, progress)
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"{request.repo} asks who you are: accept its terms on the hub, then set HF_TOKEN"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        known = f"the repositories of {_hub(request)}"
        raise UnknownModel(request.name, [known]) from error
    except OfflineModeIsEnabled as error:
        raise ModelUnavailable(_unreachable(request, "HF_HUB_OFFLINE is set")) from error
    except (HTTPError, OSError, RuntimeError) as error:  # RuntimeError: the hub's xet transport
        raise ModelUnavailable(_unreachable(request, _first_line(error))) from error


def _download(
    request: Request, info: ModelInfo, wanted: Sequence[str], progress: Progress | None
) -> None:
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    files = [name for name in wanted if name in sizes]
    total = sum(sizes[name] for name in files)
    done = 0

    def report(received: int) -> None:
        if progress is not None:
            progress(min(done + received, total), total)

    report(0)
    for name in files:
        hf_hub_download(
            request.repo,
            name,
            revision=info.sha,
            local_dir=request.folder,
            endpoint=request.endpoint,
            etag_timeout=_TIMEOUT,
            tqdm_class=_bar(report),
        )
        done += sizes[name]
        report(0)


def _hub(request: Request) -> str:
    return request.endpoint or constants.ENDPOINT


def _unreachable(request: Request, reason: str) -> str:
    return (
        f"could not fetch {request.repo} from {_hub(request)} ({reason}); run `sotto models pull "
        f"{request.name}` on a machine that can, then copy its folder to {request.folder}"
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _bar(report: Callable[[int], None]) -> type[Any]:
    """The part of a tqdm bar that the hub's client uses; it tells `report` the bytes received."""

    class Bar:
        def __init__(
            self, *_: object, total: int | None = None, initial: int = 0, **__: object
        ) -> None:
            self.total = total
            self.n = initial

        def __enter__(self) -> Bar:
            return self

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None:
            self.close()

        def update(self, n: float | None = 1) -> None:
            self.n += int(n or 0)
            report(self.n)

        def update_transfer(self, n: float | None = 1) -> None:
            """Bytes on the wire; `update` counts them where they are written."""

        def set_postfix_str(self, postfix: str, *, refresh: bool = False) -> None:
            """Speed, which is not shown."""

        set_transfer_postfix_str = set_postfix_str

        def refresh(self) -> None:
            """There is nothing to draw."""

        def close(self) -> None:
            """There is nothing to close."""

    return Bar
