"""A certificate authority of the tests' own, made with openssl: any name and any dates, in PEM and DER."""

import datetime
import shutil
import subprocess
from pathlib import Path

CONFIGURATION = """
[ca]
default_ca = here
[here]
database = {folder}/index.txt
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = any
copy_extensions = copy
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
"""
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*arguments: object) -> None:
    """Run openssl; its words are shown where it fails."""
    program = shutil.which("openssl")
    assert program, "openssl is not installed; make packages-test installs it"
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Authority:
    """`folder` holds ca.der and ca.pem, and for each certificate NAME.pem, NAME.key, NAME.der and NAME-key.der."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._configuration = folder / "openssl.cnf"
        self._configuration.write_text(CONFIGURATION.format(folder=folder))
        (folder / "index.txt").touch()
        subject = ("-subj", "/CN=The tests", "-days", "2")
        openssl("req", "-x509", *NEW_KEY, *subject, "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
        openssl("x509", "-in", folder / "ca.pem", "-outform", "der", "-out", folder / "ca.der")

    def issue(self, name: str, host: str, from_days: int = -1, to_days: int = 1) -> None:
        """Make the certificate `name` for `host`, valid between so many days from now."""
        request, pem, key = (self.folder / f"{name}.{end}" for end in ("csr", "pem", "key"))
        alternative = ("-addext", f"subjectAltName=DNS:{host}")
        openssl("req", *NEW_KEY, "-subj", f"/CN={host}", *alternative, "-keyout", key, "-out", request)
        dates = ("-startdate", _date(from_days), "-enddate", _date(to_days))
        openssl(
            "ca", "-batch", "-config", self._configuration, "-in", request, "-out", pem, "-notext", *dates
        )
        openssl("x509", "-in", pem, "-outform", "der", "-out", self.folder / f"{name}.der")
        openssl("pkey", "-in", key, "-outform", "der", "-out", self.folder / f"{name}-key.der")


def _date(days: int) -> str:
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    return then.strftime("%Y%m%d%H%M%SZ")
