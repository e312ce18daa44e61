"""A form of many files: as they were sent, in one file of the server's."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message

from sotto.errors import TooLarge
from sotto.transports.many_files import MAX_FILES, ManyFilesForm


def body(files: Sequence[bytes]) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    return b"".join(head + file + b"\r\n" for file in files) + b"--b--\r\n"


def on_disk() -> int:
    """Files that this process has open in the folder for temporary ones."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found += str(link.readlink()).startswith(f"{tempfile.gettempdir()}/")
    return found


async def read(data: bytes, step: int, seen: list[int] | None = None) -> FormData:
    """The form, as it comes in messages of so many bytes; `seen`: files on disk at each."""
    at = 0

    async def receive() -> Message:
        nonlocal at
        if seen is not None:
            seen.append(on_disk())
        piece, at = data[at : at + step], at + step
        return {"type": "http.request", "body": piece, "more_body": at < len(data)}

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    scope: dict[str, Any] = {"type": "http", "headers": headers, "app": None}
    form: FormData = await ManyFilesForm.request_class(scope, receive).form()
    return form


def contents(form: FormData) -> list[bytes]:
    uploads = [upload for upload in form.getlist("file") if isinstance(upload, UploadFile)]
    found = [upload.file.read() for upload in reversed(uploads)][::-1]
    assert [upload.size for upload in uploads] == [len(data) for data in found]
    return found


@settings(deadline=None, max_examples=100)
@given(files=st.lists(st.binary(max_size=300), max_size=12), step=st.integers(1, 2_000))
def test_files_are_what_was_sent_however_they_come(files: list[bytes], step: int) -> None:
    async def work() -> list[bytes]:
        form = await read(body(files), step)
        try:
            return contents(form)
        finally:
            await form.close()

    assert asyncio.run(work()) == files


async def test_a_part_is_read_as_a_file_is() -> None:
    form = await read(body([b"before", b"0123456789", b"after"]), 7)
    upload = form.getlist("file")[1]
    assert isinstance(upload, UploadFile)
    part = upload.file
    assert (part.read(4), part.read(), part.read()) == (b"0123", b"456789", b"")
    assert (part.seek(0, io.SEEK_END), part.seek(-3, io.SEEK_CUR), part.read()) == (10, 7, b"789")
    assert (part.seek(20), part.read(), part.seek(2), part.read(3)) == (20, b"", 2, b"234")
    await form.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files as Linux does")
async def test_large_files_share_one_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files = [bytes([n]) * 1_500_000 for n in range(12)]
    seen: list[int] = []
    form = await read(body(files), 500_000, seen)
    assert (seen[0], max(seen), on_disk()) == (0, 2, 1)
    assert contents(form) == files
    await form.close()
    assert on_disk() == 0


async def test_too_many_files_are_told_before_all_are_there() -> None:
    data = body([b"x"] * (MAX_FILES + 1)) + bytes(10_000_000)
    seen: list[int] = []
    with pytest.raises(TooLarge, match="at most 1,000 files"):
        await read(data, 10_000, seen)
    assert len(seen) < 20
