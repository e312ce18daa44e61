"""Sotto: Whisper speech to text while it is being spoken, on machines its users own."""

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client"]

TYPE_CHECKING = False  # not typing's own: importing that would take longer than all of this
if TYPE_CHECKING:
    from sotto.client import AsyncClient, Client


def __getattr__(name: str) -> object:
    """The clients, once somebody asks for them: `import sotto` loads nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("sotto.client"), name)
