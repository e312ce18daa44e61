"""A form of many files, which share one: a thousand would take 1 GB of memory, or descriptors."""

from __future__ import annotations

import io
import math
import shutil
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, TypeAlias, cast

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from sotto.errors import TooLarge
from sotto.transports.forms import MAX_FIELDS, FormRoute

MAX_FILES = 1_000
_IN_MEMORY = 1024**2
"""Bytes of all files together; of more, all goes to disk."""

_Fields: TypeAlias = list[tuple[str, str | UploadFile]]


class _ManyFiles(Request):
    def form(self, **limits: Any) -> Any:
        """The fields. Raises TooLarge where there are too many files."""
        if self.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            return self._on_one_shelf()
        return super().form(**limits | {"max_files": 0, "max_fields": MAX_FIELDS})

    async def _on_one_shelf(self) -> FormData:
        shelf = _Shelf()

        async def pieces() -> AsyncGenerator[bytes]:
            async for piece in self.stream():
                yield piece
                # The parser asks for more: what it made of this one is in the files.
                await run_in_threadpool(shelf.take_over, parser.items)

        with ExitStack() as unless_whole:
            unless_whole.callback(shelf.close)
            try:
                async with aclosing(pieces()) as stream:
                    parser = MultiPartParser(
                        self.headers, stream, max_files=math.inf, max_fields=MAX_FIELDS
                    )
                    fields = await parser.parse()
            except MultiPartException as error:
                raise HTTPException(400, error.message) from error
            unless_whole.pop_all()
        return _Form(fields.multi_items(), shelf)


class ManyFilesForm(FormRoute):
    """A route whose form may hold up to MAX_FILES."""

    request_class = _ManyFiles


class _Form(FormData):
    """Fields whose files are closed together."""

    def __init__(self, fields: _Fields, shelf: _Shelf) -> None:
        super().__init__(fields)
        self._shelf = shelf

    async def close(self) -> None:
        """Let go of the files."""
        self._shelf.close()


class _Shelf:
    """One file in which others stand side by side."""

    def __init__(self) -> None:
        self._whole = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - see close
        self._taken = 0
        """Fields that were looked at."""
        self._files = 0

    def take_over(self, fields: _Fields) -> None:
        """Move the contents of the files that are new among these. Raises TooLarge."""
        for _, upload in fields[self._taken :]:
            if isinstance(upload, UploadFile):
                self._files += 1
                if self._files > MAX_FILES:
                    raise TooLarge(f"expected at most {MAX_FILES:,} files, got more")
                self._put(upload)
        self._taken = len(fields)

    def close(self) -> None:
        """Let go of all that stands here; at any time, and again."""
        self._whole.close()

    def _put(self, upload: UploadFile) -> None:
        start = self._whole.seek(0, io.SEEK_END)
        shutil.copyfileobj(upload.file, self._whole)
        upload.file.close()
        part = _Part(cast("BinaryIO", self._whole), start, self._whole.tell())
        upload.file = cast("BinaryIO", part)


class _Part(io.RawIOBase):
    """What stands from one place of a file to another, to be read."""

    def __init__(self, whole: BinaryIO, start: int, end: int) -> None:
        super().__init__()
        self._whole, self._start, self._end = whole, start, end
        self._at = start

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, counted from the part's beginning."""
        origin = {io.SEEK_SET: self._start, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = max(origin + offset, self._start)
        return self._at - self._start

    def readinto(self, buffer: Any) -> int:
        """As `RawIOBase` has it."""
        self._whole.seek(self._at)
        data = self._whole.read(min(len(buffer), max(self._end - self._at, 0)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
