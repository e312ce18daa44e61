"""CTranslate2's `model.bin`: named variables, one after the other.

Little-endian. A text is a u16 of its length, which counts the zero at its end, and its bytes. The
file is: u32 version, the specification's name, u32 its revision; u32 count, then for each variable
its name, u8 rank, u32 for each dimension, u8 type, u32 number of bytes, the data; u32 count, then
pairs of names, the first of which stands for the second.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import torch

from sotto.errors import ModelUnavailable

VERSION = 6
SPECIFICATION = "WhisperSpec"
REVISION = 3
MOST_VARIABLES = 2**16
"""large-v3 has less than two thousand."""
LONGEST_NAME, MOST_DIMENSIONS = 256, 8
SCALE = "_scale"
"""After the name of a quantized variable: what its values were multiplied by."""

_TYPES = {
    0: torch.float32,
    1: torch.int8,
    2: torch.int16,
    3: torch.int32,
    4: torch.float16,
    5: torch.bfloat16,
}


@dataclass(frozen=True)
class Variable:
    """Where in the file it lies."""

    shape: tuple[int, ...]
    kind: torch.dtype
    start: int
    """Bytes from the file's begin."""

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * self.kind.itemsize


class Ct2File:
    """An open file, read by variable. Raises ModelUnavailable, as all its methods do."""

    def __init__(self, path: Path, file: BufferedReader) -> None:
        self.path = path
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._check_header()
        self._variables = self._listed()
        self._aliases = {self._text(): self._text() for _ in range(self._count())}
        self._read: dict[str, torch.Tensor] = {}

    def __contains__(self, name: str) -> bool:
        return self._own_name(name) in self._variables

    def shape(self, name: str) -> tuple[int, ...]:
        """A variable's dimensions."""
        return self._variable(name).shape

    def dimension(self, name: str, axis: int) -> int:
        """One of them."""
        shape = self.shape(name)
        if axis >= len(shape):
            raise self._fault(f"expected {axis + 1} dimensions of {name}, got {len(shape)}")
        return shape[axis]

    def is_one(self, name: str, other: str) -> bool:
        """Whether both names stand for the same variable."""
        return self._own_name(name) == self._own_name(other)

    def number(self, name: str) -> int:
        """A variable that is a single whole number."""
        variable = self._variable(name)
        if math.prod(variable.shape) != 1 or variable.kind.is_floating_point:
            raise self._fault(f"expected a whole number as {name}, got {list(variable.shape)}")
        return int(self._stored(variable).item())

    def tensor(self, name: str) -> torch.Tensor:
        """A variable as floating point: as it is stored, or float32 if it was quantized.

        Names of the same variable get the same tensor: else a small file could want much memory.
        A variable's shape is to be checked before, as PyTorch does not take any.
        """
        name = self._own_name(name)
        if name not in self._read:
            self._read[name] = self._floating(name)
        return self._read[name]

    def _floating(self, name: str) -> torch.Tensor:
        variable = self._variable(name)
        values = self._stored(variable).reshape(variable.shape)
        if variable.kind.is_floating_point:
            return values
        scaled = self._variable(name + SCALE)
        if scaled.shape not in {(), variable.shape[:1]} or not scaled.kind.is_floating_point:
            raise self._fault(f"expected a scale for each row of {name}, got {list(scaled.shape)}")
        scale = self._stored(scaled).float()
        if not bool(((scale > 0) & scale.isfinite()).all()):
            raise self._fault(f"expected scales above 0 for {name}, got {float(scale.min())}")
        return values.float() / scale.reshape(-1, *[1] * (values.ndim - 1))

    def _check_header(self) -> None:
        self._expect("version", VERSION, self._number("<I"))
        self._expect("specification", SPECIFICATION, self._text())
        self._expect("revision", REVISION, self._number("<I"))

    def _listed(self) -> dict[str, Variable]:
        variables: dict[str, Variable] = {}
        for _ in range(self._count()):
            name = self._text()
            if name in variables:
                raise self._fault(f"expected {name} once, got it twice")
            variables[name] = self._next_variable(name)
        return variables

    def _next_variable(self, name: str) -> Variable:
        rank = self._number("<B")
        if rank > MOST_DIMENSIONS:
            raise self._fault(f"expected at most {MOST_DIMENSIONS} dimensions, got {rank}")
        shape = struct.unpack(f"<{rank}I", self._bytes(4 * rank))
        kind = _TYPES.get(self._number("<B"))
        size = self._number("<I")
        if kind is None:
            raise self._fault(f"expected a known type for {name}, got another")
        variable = Variable(shape, kind, self._file.tell())
        if variable.size != size:
            raise self._fault(f"expected {variable.size} bytes for {name}, got {size}")
        if variable.start + size > self._size:
            raise self._fault(f"expected {size} bytes for {name}, got the file's end")
        self._file.seek(size, os.SEEK_CUR)
        return variable

    def _own_name(self, name: str) -> str:
        return name if name in self._variables else self._aliases.get(name, name)

    def _variable(self, name: str) -> Variable:
        variable = self._variables.get(self._own_name(name))
        if variable is None:
            raise self._fault(f"expected a variable {name}, got none")
        return variable

    def _stored(self, variable: Variable) -> torch.Tensor:
        """All its numbers, in a row."""
        # Room for no more than what the list has shown to lie in the file.
        raw = torch.empty(variable.size, dtype=torch.uint8)
        self._file.seek(variable.start)
        if self._file.readinto(raw.numpy().data) != variable.size:
            raise self._fault("expected a file that stays as it is, got one that shrank")
        return raw.view(variable.kind)

    def _count(self) -> int:
        count = self._number("<I")
        if count > MOST_VARIABLES:
            raise self._fault(f"expected at most {MOST_VARIABLES} variables, got {count}")
        return count

    def _number(self, form: str) -> int:
        (number,) = struct.unpack(form, self._bytes(struct.calcsize(form)))
        return int(number)

    def _text(self) -> str:
        length = self._number("<H")
        if length > LONGEST_NAME:
            raise self._fault(f"expected a name of at most {LONGEST_NAME} bytes, got {length}")
        raw = self._bytes(length)
        try:
            return raw.removesuffix(b"\0").decode()
        except UnicodeDecodeError as error:
            raise self._fault(f"expected a name, got {raw[:40]!r}") from error

    def _bytes(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) != count:
            raise self._fault(f"expected {count} bytes more, got {len(data)}")
        return data

    def _expect(self, what: str, expected: object, got: object) -> None:
        if got != expected:
            raise self._fault(f"expected {what} {expected}, got {got!r:.80}")

    def _fault(self, sentence: str) -> ModelUnavailable:
        return ModelUnavailable(f"{self.path}: {sentence}")
