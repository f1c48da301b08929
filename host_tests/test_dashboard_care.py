"""Looking after a site: its copy, its way to another place, and what is found to be wrong with it."""

import json
import os
import re
import shutil
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from test_dashboard_site import device, host, init, run_in
from vibdash.access.accounts import Accounts
from vibdash.commands.keys import CommandKeys
from vibdash.database.opening import open_database
from vibdash.database.schema import command_key
from vibdash.protocol.messages import Sensor
from vibdash.site.folder import SiteFolder
from vibdash.site.local_broker import LocalBroker

from lab.rigs.dashboard import eventually, run_vibdash
from lab.rigs.databases import empty_database

SENSOR = Sensor("plant", "pump-1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[SiteFolder, str]:
    """A site with a device and a rule file, and the password of its user."""
    folder = tmp_path_factory.mktemp("old")
    password = re.search(r"password (\S+)", init(folder).stdout)
    assert password
    assert run_in(folder, "device", "add", "pump-1").returncode == 0
    site = SiteFolder(folder / "plant")
    (site.path / "notify.toml").write_text('[channel.x]\nkind = "ntfy"\nurl = "http://127.0.0.1:1/x"\n')
    (site.path / "notify.toml").chmod(0o600)
    return site, password[1]


@pytest.fixture
def site(made: tuple[SiteFolder, str], tmp_path: Path) -> SiteFolder:
    """A site of one's own to spoil: its copy in another place."""
    copy = tmp_path / "copy.tar"
    assert run_vibdash("--in", str(made[0].path), "backup", str(copy)).returncode == 0
    place = tmp_path / "elsewhere" / "works"
    place.parent.mkdir()
    ended = run_vibdash("restore", str(copy), str(place))
    assert ended.returncode == 0, ended.stderr
    return SiteFolder(place)


def key_of(site: SiteFolder) -> bytes:
    engine = open_database(f"sqlite:///{site.path}/vibdash.db")
    with engine.connect() as connection:
        key = connection.scalar(sa.select(command_key.c.key).where(command_key.c.device == "pump-1"))
    assert isinstance(key, bytes)
    engine.dispose()
    return key


def test_a_site_goes_on_at_another_place_with_its_devices_users_and_keys(
    made: tuple[SiteFolder, str], site: SiteFolder, tmp_path: Path
) -> None:
    old, password = made
    stays = old.path.rename(old.path.with_name("gone"))  # nothing may be found where it was
    try:
        broker = LocalBroker(site.mosquitto / "mosquitto.conf")
        broker.start()
        try:
            dashboard, pump = host(site), device(site, "pump-1")
            assert (dashboard.refused, pump.refused) == ([False], [False])
            dashboard.listen("vibnode/v1/plant/#")
            pump.say("vibnode/v1/plant/pump-1/status", b"from the old device")
            pump.say("vibnode/v1/plant/pump-2/status", b"not its own")
            pump.say("vibnode/v1/plant/pump-1/status", b"end")
            eventually(lambda: len(dashboard.heard) > 1, "the device is heard")
            assert [one[1] for one in dashboard.heard] == [b"from the old device", b"end"]
            for peer in (dashboard, pump):
                peer.leave()
        finally:
            broker.stop()
        engine = open_database(f"sqlite:///{site.path}/vibdash.db")
        assert Accounts(engine).check("admin", password) is not None
        engine.dispose()
        credentials = json.loads((site.devices / "pump-1" / "credentials.json").read_text())
        assert key_of(site).hex() == credentials["command_key"]
        assert (site.path / "notify.toml").exists()
    finally:
        stays.rename(old.path)


def test_a_copy_and_what_is_made_of_it_are_their_owners_alone(
    made: tuple[SiteFolder, str], site: SiteFolder, tmp_path: Path
) -> None:
    files = [tmp_path / "copy.tar", site.path, *site.path.rglob("*")]
    alone = tmp_path / "database"
    umask = os.umask(0)
    try:
        url = f"sqlite:///{made[0].path}/vibdash.db"
        assert run_vibdash("--in", str(made[0].path), "backup", str(alone), "--db", url).returncode == 0
    finally:
        os.umask(umask)
    assert alone.read_bytes().startswith(b"SQLite format 3")
    for file in (*files, alone):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_a_site_on_postgresql_moves_with_its_database(made: tuple[SiteFolder, str], tmp_path: Path) -> None:
    first, second = empty_database("postgresql", tmp_path), empty_database("postgresql", tmp_path)
    engine = open_database(first)
    key = CommandKeys(engine).make(SENSOR, 0)
    engine.dispose()
    site = SiteFolder(tmp_path / "plant")
    shutil.copytree(made[0].path, site.path)
    text = site.settings.read_text()
    site.settings.write_text(re.sub(r"(?m)^database.*$", f"database = {json.dumps(first)}", text))
    copy = tmp_path / "copy.tar"
    assert run_vibdash("--in", str(site.path), "backup", str(copy)).returncode == 0
    full = run_vibdash("restore", str(copy), str(tmp_path / "new"))
    assert (full.returncode, "has tables already" in full.stderr) == (1, True)
    assert not (tmp_path / "new").exists()
    ended = run_vibdash("restore", str(copy), str(tmp_path / "new"), "--db", second)
    assert ended.returncode == 0, ended.stderr
    assert SiteFolder(tmp_path / "new").defaults()["db"] == second
    engine = open_database(second)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(command_key.c.key)) == key
    engine.dispose()


def _is_no_tar(file: Path) -> None:
    file.write_bytes(b"x" * 2000)


def _leads_out(file: Path) -> None:
    with tarfile.open(file, "w") as archive:
        archive.add(__file__, "files/../../evil")


def _is_a_link(file: Path) -> None:
    with tarfile.open(file, "w") as archive:
        link = tarfile.TarInfo("files/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)


def _is_cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:50_000])


def _is_newer(file: Path) -> None:
    with tarfile.open(file, "w") as archive:
        about = file.with_name("about")
        about.write_text('{"format": 99, "folder": "/x", "kind": "sqlite"}')
        archive.add(about, "site.json")
        about.unlink()


@pytest.mark.parametrize("spoil", [_is_no_tar, _leads_out, _is_a_link, _is_cut, _is_newer])
def test_a_copy_that_is_none_makes_no_site(
    made: tuple[SiteFolder, str], tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    copy = tmp_path / "copy.tar"
    assert run_vibdash("--in", str(made[0].path), "backup", str(copy)).returncode == 0
    spoil(copy)
    before = set(tmp_path.iterdir())
    ended = run_vibdash("restore", str(copy), str(tmp_path / "new"))
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert str(copy) in ended.stderr
    assert set(tmp_path.iterdir()) == before


def test_a_copy_is_not_put_inside_of_the_site_nor_over_anything(
    made: tuple[SiteFolder, str], tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("mine")
    for place, why in (
        (made[0].path / "copy", "inside of the site"),
        (tmp_path / "there", "is there already"),
    ):
        ended = run_vibdash("--in", str(made[0].path), "backup", str(place))
        assert (ended.returncode, why in ended.stderr) == (1, True)
    assert (tmp_path / "there").read_text() == "mine"
    copy = tmp_path / "copy.tar"
    assert run_vibdash("--in", str(made[0].path), "backup", str(copy)).returncode == 0
    ended = run_vibdash("restore", str(copy), str(tmp_path / "there"))
    assert (ended.returncode, "is there already" in ended.stderr) == (1, True)


# What is wrong


def test_a_site_that_was_just_made_has_only_credentials_to_be_deleted(site: SiteFolder) -> None:
    ended = run_vibdash("check", str(site.path))
    assert (ended.returncode, ended.stderr) == (1, "")
    (line,) = ended.stdout.splitlines()
    assert "devices/pump-1: holds the device's password" in line
    shutil.rmtree(site.devices / "pump-1")
    ended = run_vibdash("check", str(site.path))
    assert (ended.returncode, ended.stdout) == (0, f"{site.path}: nothing is wrong\n")


def _change(name: str, old: str, new: str) -> Callable[[SiteFolder], object]:
    def spoil(site: SiteFolder) -> None:
        file = site.path / name
        text = file.read_text()
        assert re.search(old, text)
        file.write_text(re.sub(old, new, text))

    return spoil


def _other_certificate(site: SiteFolder) -> object:
    init(site.path.parent)
    return shutil.copy(site.path.parent / "plant" / "ca" / "ca.pem", site.authority / "ca.pem")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda site: (site.path / "vibdash.db").chmod(0o644),
            "vibdash.db: others than its owner may use it",
        ),
        (lambda site: (site.path / "vibdash.db").unlink(), "vibdash.db is not there"),
        (lambda site: (site.path / "vibdash.db").write_bytes(b"x" * 9999), "file is not a database"),
        (lambda site: (site.authority / "ca.key").unlink(), "certificates: "),
        (_other_certificate, "is not signed by ca/ca.pem"),
        (
            _change("vibdash.toml", '127.0.0.1:(?=\\d+"   # what)', "192.0.2.1:"),
            "192.0.2.1 is not in the broker's certificate",
        ),
        (_change("vibdash.toml", "start = true", "strat = true"), "broker.strat: no such setting"),
        (
            _change("vibdash.toml", "vibdash@127.0.0.1:\\d+", "vibdash@127.0.0.1:1"),
            "broker.url: port 1 is none",
        ),
        (
            _change("mosquitto/mosquitto.conf", "acl_file .*", "acl_file /gone/access"),
            "acl_file: /gone/access is not there",
        ),
        (_change("mosquitto/access", "%u/ack", "+/ack"), "mosquitto/access: is not as"),
        (
            _change("mosquitto/passwords", "pump-1:", "pump-2:"),
            "device pump-2: may connect and has no command key",
        ),
        (_change("broker.password", "^.", "!"), "vibdash has another password"),
    ],
)
def test_check_says_what_is_wrong(site: SiteFolder, spoil: Callable[[SiteFolder], object], said: str) -> None:
    spoil(site)
    ended = run_vibdash("check", str(site.path))
    assert (ended.returncode, ended.stderr) == (1, "")
    assert said in ended.stdout


def test_check_of_what_is_no_site_is_an_error(tmp_path: Path) -> None:
    ended = run_vibdash("check", str(tmp_path))
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
