"""nginx and Caddy with the examples of dashboard/service, on free loopback ports and with a certificate made here."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from vibdash.site.certificates import certificate_pem, key_pem, new_authority, new_broker_certificate

from lab.rigs.dashboard import DEADLINE_S, eventually

SERVICE = Path(__file__).parents[2] / "dashboard" / "service"
NAME, PAGE = "plant.example.org", "127.0.0.1:8765"
KINDS = ("nginx", "caddy")

_NGINX = """\
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""
_CADDY = "{{\n\tadmin off\n\tauto_https disable_redirects\n\thttps_port {port}\n}}\n"


class Proxy:
    """A proxy with TLS before a page; `url` is where the page is below /vib/."""

    def __init__(self, kind: str, page: str, folder: Path) -> None:
        program = shutil.which(kind, path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, f"{kind} is not installed"
        folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"https://localhost:{self.port}/vib"
        authority, authority_key = new_authority("test")
        certificate, key = new_broker_certificate(authority, authority_key, ["localhost"])
        for name, content in (("cert.pem", certificate_pem(certificate)), ("key.pem", key_pem(key))):
            (folder / name).write_bytes(content)
        arguments = (_write_nginx if kind == "nginx" else _write_caddy)(page, folder)
        for file in folder.glob("*.conf"):
            file.write_text(
                file.read_text(encoding="utf-8").replace("@PORT@", str(self.port)), encoding="utf-8"
            )
        self._log = (folder / "log").open("wb")
        # Caddy keeps what it learns in the home folder.
        environment = os.environ | {
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
        }
        self._process = subprocess.Popen(
            [program, *arguments], stdout=self._log, stderr=self._log, env=environment
        )
        eventually(self._answers, f"{kind} answers; its log is {folder}/log")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(DEADLINE_S)
        self._log.close()

    def _answers(self) -> bool:
        assert self._process.poll() is None, "the proxy ended at once"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _write_nginx(page: str, folder: Path) -> list[str]:
    example = (SERVICE / "nginx.conf").read_text(encoding="utf-8")
    text = example.replace("listen 443 ssl", "listen 127.0.0.1:@PORT@ ssl").replace(PAGE, page)
    text = text.replace(f"/etc/ssl/{NAME}.pem", f"{folder}/cert.pem")
    text = text.replace(f"/etc/ssl/{NAME}.key", f"{folder}/key.pem").replace(NAME, "localhost")
    (folder / "site.conf").write_text(text, encoding="utf-8")
    (folder / "main.conf").write_text(_NGINX.format(folder=folder), encoding="utf-8")
    return ["-c", str(folder / "main.conf")]


def _write_caddy(page: str, folder: Path) -> list[str]:
    example = (SERVICE / "Caddyfile").read_text(encoding="utf-8").replace(PAGE, page)
    text = example.replace(
        f"{NAME} {{",
        f"https://localhost:@PORT@ {{\n\tbind 127.0.0.1\n\ttls {folder}/cert.pem {folder}/key.pem",
    )
    (folder / "caddy.conf").write_text(_CADDY.format(port="@PORT@") + text, encoding="utf-8")
    return ["run", "--config", str(folder / "caddy.conf"), "--adapter", "caddyfile"]
