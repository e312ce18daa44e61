"""Makes measured.json anew of results of `sotto bench streams`:

python -m sotto.bench.plan.ship out/nano/streams.json out/base/streams.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sotto.bench.plan.measured import Shipped, Stream, from_file, shipped

DIGITS = 4


def text(stream: Stream, paths: Sequence[Path]) -> str:
    """The file, of these results. Raises BadOption."""
    whole = Shipped(stream, tuple(from_file(path) for path in paths))
    return json.dumps(_rounded(asdict(whole)), indent=1) + "\n"


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, DIGITS)
        case dict():
            return {key: _rounded(one) for key, one in value.items()}
        case list() | tuple():
            return [_rounded(one) for one in value]
        case _:
            return value


if __name__ == "__main__":
    made = text(shipped().stream, [Path(name) for name in sys.argv[1:]])
    Path(__file__).with_name("measured.json").write_text(made, encoding="utf-8")
