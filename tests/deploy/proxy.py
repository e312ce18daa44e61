"""nginx as deploy/nginx sets it up, on free ports of the loopback interface."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.asking import connect, eventually
from tests.deploy.files import DEPLOY, free_port, program

NGINX = program("nginx") or ""
needs_nginx = pytest.mark.skipif(
    not (NGINX and program("openssl")), reason="expected nginx and openssl, at least one is absent"
)


@dataclass(frozen=True)
class Proxied:
    """A proxy that runs."""

    host: str
    """Where it speaks TLS."""
    plain: str
    """Where it sends others there."""
    trust: ssl.SSLContext
    """Knows its certificate, and nobody else's."""
    folder: Path
    """Of its logs."""

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    def logged(self) -> str:
        return "".join(log.read_text() for log in self.folder.glob("*.log"))


@contextmanager
def proxied(upstream: str, folder: Path) -> Iterator[Proxied]:
    """nginx before a server, until the context ends."""
    folder.mkdir(parents=True, exist_ok=True)
    certify(folder)
    plain, tls = (f"127.0.0.1:{free_port()}" for _ in range(2))
    conf = configure(folder, "upstream.conf", upstream, plain, tls)
    process = subprocess.Popen([*command(conf), "-g", "daemon off;"])
    try:
        eventually(lambda: process.poll() is not None or _listens(tls))
        assert process.poll() is None, (folder / "error.log").read_text()
        trust = ssl.create_default_context(cafile=folder / "fullchain.pem")
        yield Proxied(tls, plain, trust, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def command(conf: Path) -> list[str]:
    return [NGINX, "-p", str(conf.parent), "-e", str(conf.parent / "error.log"), "-c", str(conf)]


def configure(folder: Path, upstream_file: str, upstream: str, plain: str, tls: str) -> Path:
    """The files of deploy/nginx with places of their own; all else is as it is there."""
    site = _moved(
        (DEPLOY / "nginx/sotto.conf").read_text(),
        {
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl;\n": "",
            "listen 80;": f"listen {plain};",
            "listen 443 ssl;": f"listen {tls} ssl;",
            "/etc/nginx/tls": str(folder),
            "/var/log/nginx": str(folder),
        },
    )
    place = "127.0.0.1:8000" if upstream_file == "upstream.conf" else "sotto:8000"
    where = _moved((DEPLOY / "nginx" / upstream_file).read_text(), {place: upstream})
    (folder / "sotto.conf").write_text(site)
    (folder / "where.conf").write_text(where)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = folder / "nginx.conf"
    conf.write_text(
        ("user root;\n" if os.geteuid() == 0 else "")  # the folder is for its owner alone
        + f"pid {folder}/nginx.pid;\nworker_processes 1;\nevents {{ worker_connections 256; }}\n"
        + f"http {{\n{temporary}include {folder}/where.conf;\ninclude {folder}/sotto.conf;\n}}\n"
    )
    return conf


def certify(folder: Path) -> None:
    """A certificate for the loopback interface, for a day."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-days", "1", "-nodes", "-subj", "/CN=localhost"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", "privkey.pem", "-out", "fullchain.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def _moved(text: str, places: dict[str, str]) -> str:
    for old, new in places.items():
        assert old in text
        text = text.replace(old, new)
    return text


def _listens(host: str) -> bool:
    with suppress(OSError), connect(host):
        return True
    return False
