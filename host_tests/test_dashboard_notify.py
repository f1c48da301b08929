"""Telling people: real mail and web servers get what the rules say, at least once, and never hold up the ingest."""

import json
import queue
import signal
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from vibdash.database.opening import open_database
from vibdash.ingest.store import Received, Store
from vibdash.notify.notifications import GIVE_UP_AFTER_MS, Notifications
from vibdash.notify.notifier import Notifier
from vibdash.notify.rules import NotifyError, QuietHours, Rule, read_rules
from vibdash.read.operating import Operations

from lab.rigs.dashboard import DEADLINE_S, Device, Mosquitto, Vibdash, alert_message, eventually, run_vibdash
from lab.rigs.databases import KINDS, new_database, rows

NOW_MS = 1_760_000_000_000
MINUTE_MS = 60_000


class WebServer:
    """Takes POSTs on a free loopback port; `status` is what it answers."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.put(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def web() -> Iterator[WebServer]:
    server = WebServer()
    yield server
    server.stop()


class Mailbox:
    """What aiosmtpd's handler gets."""

    def __init__(self) -> None:
        self.got: queue.Queue[Any] = queue.Queue()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.got.put(envelope)
        return "250 taken"


@pytest.fixture
def mail() -> Iterator[tuple[int, Mailbox]]:
    mailbox = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield port, mailbox
    controller.stop()


@pytest.fixture(params=KINDS)
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    opened = open_database(new_database(request.param, tmp_path))
    yield opened
    opened.dispose()


def take(engine: sa.Engine, seq: int, at_ms: int = NOW_MS, device: str = "motor-1", **changes: Any) -> None:
    payload = json.dumps(alert_message(seq, **changes)).encode()
    Store(engine).take([Received(f"vibnode/v1/demo/{device}/alert", payload, at_ms)])


def write_rules(folder: Path, text: str) -> Path:
    file = folder / "notify.toml"
    file.write_text(text)
    return file


def lines(notifications: Notifications, now_ms: int = NOW_MS, channel: str = "a") -> list[str]:
    return [told.line for _, told in notifications.due(channel, now_ms)]


# Which alerts


def test_what_comes_after_the_rules_began_is_told_once_by_every_rule_that_applies(engine: sa.Engine) -> None:
    take(engine, 1)
    rules = [
        Rule("all", ("a",)),
        Rule("west", ("a",), devices=("west/*",)),
        Rule("loud", ("b",), levels=("alarm",), causes=("velo*",)),
    ]
    notifications = Notifications(engine, rules)
    notifications.begin()
    take(engine, 2, level="warning", cause="velocity")
    take(engine, 3, event="escalate", cause="velocity")
    take(engine, 4, event="clear", cause="velocity")
    Notifications(engine, rules).begin()  # a restart
    assert notifications.plan(NOW_MS) == 3
    assert notifications.plan(NOW_MS) == 0
    assert lines(notifications) == [
        "Warning on motor-1 (demo): Vibration velocity over its limit, raised",
        "Alarm on motor-1 (demo): Vibration velocity over its limit, now an alarm",
    ]
    assert [told.fields["rule"] for _, told in notifications.due("b", NOW_MS)] == ["loud"]


def test_a_shelved_alert_is_not_told(engine: sa.Engine) -> None:
    notifications = Notifications(engine, [Rule("all", ("a",))])
    notifications.begin()
    take(engine, 1, level="warning")
    Operations(engine).shelve([1], 3_600_000, "ada", NOW_MS)
    take(engine, 2, event="escalate")
    notifications.plan(NOW_MS + 1)
    assert lines(notifications) == []


def test_what_nobody_acknowledges_is_told_to_others_once(engine: sa.Engine) -> None:
    rule = Rule("all", ("a",), unacknowledged_after_ms=30 * MINUTE_MS, unacknowledged_channels=("boss",))
    notifications = Notifications(engine, [rule])
    notifications.begin()
    take(engine, 1)
    take(engine, 1, device="motor-2")
    notifications.plan(NOW_MS)
    Operations(engine).acknowledge([2], "ada", NOW_MS + MINUTE_MS)
    assert notifications.plan_late(NOW_MS + 29 * MINUTE_MS) == 0
    late_ms = NOW_MS + 30 * MINUTE_MS
    assert (notifications.plan_late(late_ms), notifications.plan_late(late_ms)) == (1, 0)
    (line,) = lines(notifications, late_ms, "boss")
    assert line == "Alarm on motor-1 (demo): Unusual vibration, looks like outer-race, not acknowledged"


@pytest.mark.parametrize(
    ("hours", "at", "told_at"),
    [
        ((22, 6), "2026-03-01T21:59", "2026-03-01T21:59"),
        ((22, 6), "2026-03-01T22:00", "2026-03-02T06:00"),
        ((22, 6), "2026-03-02T05:59", "2026-03-02T06:00"),
        ((22, 6), "2026-03-02T06:00", "2026-03-02T06:00"),
        ((12, 13), "2026-03-01T12:30", "2026-03-01T13:00"),
        ((12, 13), "2026-03-01T22:30", "2026-03-01T22:30"),
    ],
)
def test_in_quiet_hours_telling_waits_for_their_end(hours: tuple[int, int], at: str, told_at: str) -> None:
    quiet = QuietHours(hours[0] * 60, hours[1] * 60, UTC)
    at_ms, told_at_ms = (
        int(datetime.fromisoformat(f"{one}+00:00").timestamp() * 1000) for one in (at, told_at)
    )
    assert quiet.end_ms(at_ms) == told_at_ms


def test_quiet_hours_hold_an_alert_in_the_database(engine: sa.Engine) -> None:
    notifications = Notifications(engine, [Rule("all", ("a",), quiet=QuietHours(0, 23 * 60 + 59, UTC))])
    notifications.begin()
    take(engine, 1)
    notifications.plan(NOW_MS)
    assert lines(notifications) == []
    assert len(lines(notifications, NOW_MS + 24 * 3_600_000)) == 1


def test_a_failure_is_tried_again_ever_later_and_given_up_after_a_week(engine: sa.Engine) -> None:
    notifications = Notifications(engine, [Rule("all", ("a",))])
    notifications.begin()
    take(engine, 1)
    notifications.plan(NOW_MS)
    waits_s, now_ms = [], NOW_MS
    for _ in range(12):
        notifications.note_failure([1], "no answer", now_ms)
        with engine.connect() as connection:
            due_at_ms: int = connection.execute(sa.text("SELECT due_at_ms FROM notification")).scalar_one()
        waits_s.append((due_at_ms - now_ms) // 1000)
        now_ms = due_at_ms
    assert waits_s[:4] == [5, 10, 20, 40]
    assert waits_s[-1] == 3600
    notifications.note_failure([1], "no answer", NOW_MS + GIVE_UP_AFTER_MS + 1)
    assert lines(notifications, NOW_MS + 2 * GIVE_UP_AFTER_MS) == []


# Real servers


def test_a_webhook_ntfy_and_mail_get_an_alert(
    engine: sa.Engine, tmp_path: Path, web: WebServer, mail: tuple[int, Mailbox]
) -> None:
    (tmp_path / "token").write_text("tk_secret\n")
    notify = read_rules(
        write_rules(
            tmp_path,
            f"""
            [channel.hook]
            kind = "webhook"
            url = "{web.url}"
            [channel.phone]
            kind = "ntfy"
            url = "{web.url}"
            token_file = "token"
            [channel.mail]
            kind = "smtp"
            host = "127.0.0.1"
            port = {mail[0]}
            from = "vibnode@example.org"
            to = ["ada@example.org", "otto@example.org"]
            security = "none"
            [rule.all]
            channels = ["hook", "phone", "mail"]
            """,
        )
    )
    notifier = Notifier(engine, notify)
    notifier.start()
    eventually(
        lambda: rows_of(engine, "SELECT alert_id FROM notified_up_to") == [(0,)], "the rules have begun"
    )
    take(engine, 1)
    posts = [web.got.get(timeout=DEADLINE_S) for _ in range(2)]
    letter = mail[1].got.get(timeout=DEADLINE_S)
    done = "SELECT count(*) FROM notification WHERE delivered"
    eventually(lambda: rows_of(engine, done) == [(3,)], "all is noted as delivered")
    notifier.stop()
    line = "Alarm on motor-1 (demo): Unusual vibration, looks like outer-race, raised"
    ((_, hook),) = [post for post in posts if post[0]["content-type"] == "application/json"]
    (told,) = json.loads(hook)["notifications"]
    assert (told["device"], told["seq"], told["level"], told["text"]) == ("motor-1", 1, "alarm", line)
    ((headers, phone),) = [post for post in posts if "title" in post[0]]
    assert (phone.decode(), headers["priority"]) == (line, "urgent")
    assert headers["authorization"] == "Bearer tk_secret"
    assert letter.rcpt_tos == ["ada@example.org", "otto@example.org"]
    assert f"Subject: Vibnode: {line[:30]}" in letter.content.decode()
    assert web.got.empty()


def rows_of(engine: sa.Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_what_is_due_together_is_one_message(engine: sa.Engine, tmp_path: Path, web: WebServer) -> None:
    rules = f'[channel.hook]\nkind = "webhook"\nurl = "{web.url}"\n[rule.all]\nchannels = ["hook"]\n'
    notify = read_rules(write_rules(tmp_path, rules))
    notifications = Notifications(engine, notify.rules)
    notifications.begin()
    for number in range(40):
        take(engine, 1, device=f"motor-{number}")
    notifications.plan(NOW_MS)
    notifier = Notifier(engine, notify)
    notifier.start()
    _, body = web.got.get(timeout=DEADLINE_S)
    notifier.stop()
    message = json.loads(body)
    assert len(message["notifications"]) == 40
    assert message["subject"].startswith("Vibnode: 40 alerts, the first: Alarm on motor-0")


def test_a_server_that_is_down_gets_it_after_a_kill_and_a_restart(
    tmp_path: Path, web: WebServer, broker: Mosquitto
) -> None:
    database = new_database("sqlite", tmp_path)
    rules = f'[channel.hook]\nkind = "webhook"\nurl = "{web.url}"\n[rule.all]\nchannels = ["hook"]\n'
    arguments = ("--notify", str(write_rules(tmp_path, rules)))
    web.status = 503
    vibdash = Vibdash(broker, database, tmp_path / "vibdash.log", arguments=arguments)
    eventually(lambda: rows(database, "SELECT alert_id FROM notified_up_to"), "the rules have begun")
    device = Device(broker, "motor-1")
    device.alert(1)
    web.got.get(timeout=DEADLINE_S)
    failed = "SELECT last_failure FROM notification WHERE failures = 1"
    eventually(lambda: rows(database, failed) == [("127.0.0.1 answered 503",)], "the failure is noted")
    vibdash.stop(signal.SIGKILL)
    web.status = 200
    vibdash = Vibdash(broker, database, tmp_path / "vibdash.log", arguments=arguments)
    _, body = web.got.get(timeout=DEADLINE_S)
    assert json.loads(body)["notifications"][0]["seq"] == 1
    eventually(lambda: rows(database, "SELECT delivered FROM notification") == [(1,)], "delivered")
    assert vibdash.stop() == 0
    device.leave()


def test_a_server_that_never_answers_holds_up_neither_ingest_nor_page(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        rules = f'[channel.mute]\nkind = "ntfy"\nurl = "{url}"\n[rule.all]\nchannels = ["mute"]\n'
        arguments = ("--notify", str(write_rules(tmp_path, rules)))
        database = f"sqlite:///{tmp_path}/x.db"
        vibdash = Vibdash(broker, database, tmp_path / "vibdash.log", arguments=arguments)
        eventually(lambda: rows(database, "SELECT alert_id FROM notified_up_to"), "the rules have begun")
        device = Device(broker, "motor-1")
        device.alert(1)
        mute.settimeout(DEADLINE_S)
        connection, _ = mute.accept()  # it is being told, and waits for an answer
        for seq in range(2, 12):
            device.alert(seq)
            device.wait_for_ack(seq)
        assert len(vibdash.alerts()) == 11
        assert rows(database, "SELECT count(*) FROM notification WHERE ended_at_ms IS NOT NULL") == [(0,)]
        assert vibdash.stop() == 0
        connection.close()
        device.leave()


# The file


GOOD = '[channel.a]\nkind = "ntfy"\nurl = "http://x/t"\n[rule.r]\nchannels = ["a"]\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", ["x: is not known"]),
        ("[channel.a]\n", ["channel.a.kind: missing; accepted: ", "webhook, ntfy, smtp"]),
        ('[rule.r]\nchannels = ["a"]\n', ["channel: is missing"]),
        ('[channel.a]\nkind = "sms"\n', ["'sms'", "webhook"]),
        ('[channel.a]\nkind = "ntfy"\nurl = "ftp://x"\n', ["'ftp://x'", "accepted: http://"]),
        ('[channel.a]\nkind = "ntfy"\nurl = "http://x"\ntoken = "t"\n', ["channel.a.token", "token_file"]),
        (
            '[channel.a]\nkind = "ntfy"\nurl = "http://x"\ntoken_file = "no"\n',
            ["token_file: 'no'; accepted: ", "text file"],
        ),
        (
            '[channel.a]\nkind = "smtp"\nhost = "h"\nfrom = "me"\nto = ["a@b"]\n',
            ["from: 'me'; accepted: ", "e-mail"],
        ),
        (
            '[channel.a]\nkind = "smtp"\nhost = "h"\nfrom = "a@b"\nto = "a@b"\n',
            ["to: 'a@b'; accepted: ", "list"],
        ),
        (GOOD.replace('["a"]', '["b"]'), ["channel 'b' is not defined", "accepted: one of a"]),
        (GOOD + 'levels = ["loud"]\n', ["rule.r.levels", "'loud'", "warning, alarm"]),
        (GOOD + 'quiet_hours = "22-6"\n', ["quiet_hours: '22-6'; accepted: ", "22:00-06:00"]),
        (
            GOOD + 'quiet_hours = "22:00-06:00"\nzone = "Mars"\n',
            ["zone: 'Mars'; accepted: ", "Europe/Berlin"],
        ),
        (GOOD + "unacknowledged_after_min = 5\n", ["unacknowledged_channels"]),
        (
            GOOD + 'unacknowledged_after_min = 0\nunacknowledged_channels = ["a"]\n',
            ["unacknowledged_after_min: 0; accepted: 1 to 10080"],
        ),
        (GOOD + "every = 5\n", ["rule.r.every", "accepted: one of channels"]),
        ("no toml", ["is not TOML"]),
    ],
)
def test_rules_that_are_wrong_are_refused_with_what_is_needed(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    file = write_rules(tmp_path, text)
    with pytest.raises(NotifyError) as refused:
        read_rules(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert len(str(refused.value).splitlines()) == 1
    for word in words:
        assert word in str(refused.value)


def test_the_command_tries_every_channel_and_says_what_failed(tmp_path: Path, web: WebServer) -> None:
    rules = f'[channel.hook]\nkind = "webhook"\nurl = "{web.url}"\n[rule.all]\nchannels = ["hook"]\n'
    file = str(write_rules(tmp_path, rules))
    ended = run_vibdash("notify", file, "--try")
    assert (ended.returncode, ended.stdout) == (0, "channel hook: delivered\n")
    web.status = 404
    ended = run_vibdash("notify", file, "--try")
    assert (ended.returncode, ended.stderr) == (1, "vibdash: channel hook: 127.0.0.1 answered 404\n")
    ended = run_vibdash("run", "--notify", str(tmp_path / "none.toml"), "--db", f"sqlite:///{tmp_path}/n.db")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert not (tmp_path / "n.db").exists()
