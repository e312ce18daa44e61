"""Sotto on Ray Serve: `serve run sotto.app.ray:build`. Ray is imported here, and for training."""

from sotto.app.ray.arguments import Arguments
from sotto.app.ray.builder import build

__all__ = ["Arguments", "build"]
