from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_store_that_cannot_be_had_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.touch()
    ended = subprocess.run(
        [sys.executable, "-m", "sotto", "serve", "--port", "0"],
        env=os.environ | {"SOTTO_STORE__URL": f"sqlite:///{file}/transcripts.db"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode not in (0, 2)
    (said,) = ended.stderr.splitlines()
    assert said.startswith("sotto: cannot write transcripts to ")
    assert ended.stdout == ""
