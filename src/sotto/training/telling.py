"""What people are told while they wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Tell: TypeAlias = Callable[[str], None]
"""Is told what is being done, a line at a time."""
