"""One row an alert: raise, escalation and clear joined in any order, and what operators do about them."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from vibdash.database.opening import open_database
from vibdash.database.schema import journal
from vibdash.ingest.store import Received, Store
from vibdash.protocol.messages import Sensor
from vibdash.read.chatter import Seen
from vibdash.read.occurrences import Flood, Occurrence, OccurrenceReader, State, count_by_state
from vibdash.read.operating import LONGEST_SHELVING_MS, Operations, Refused

from lab.rigs.dashboard import alert_message, status_message
from lab.rigs.databases import KINDS, new_database

NOW_MS = 1_760_000_000_000
HOUR_MS = 3_600_000
SENSOR = Sensor("demo", "motor-1")
STORY = ((1, "raise", "warning"), (2, "escalate", "alarm"), (3, "clear", "alarm"))


class Inbox:
    """The store, the operations and the reader on one database."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._store = Store(engine)
        self.operations = Operations(engine)
        self.reader = OccurrenceReader(engine)

    def alert(self, seq: int, event: str, level: str = "warning", **changes: Any) -> None:
        at = {"time": NOW_MS // 1000 + seq, "uptime_ms": 1000 * seq}
        message = alert_message(seq, event=event, level=level, **{**at, **changes})
        self._take("alert", message)

    def status(self, **changes: Any) -> None:
        self._take("status", status_message(**changes))

    def alerts_of(self, sensor: Sensor, *messages: dict[str, Any]) -> None:
        topic = sensor.topic("alert")
        self._store.take([Received(topic, json.dumps(one).encode(), NOW_MS) for one in messages])

    def _take(self, kind: str, message: dict[str, Any]) -> None:
        self._store.take([Received(SENSOR.topic(kind), json.dumps(message).encode(), NOW_MS)])

    def all(self, now_ms: int = NOW_MS) -> list[Occurrence]:
        return list(self.reader.all(now_ms))

    def one(self, now_ms: int = NOW_MS) -> Occurrence:
        (only,) = self.reader.all(now_ms)
        return only

    def told(self) -> list[tuple[str, str, str]]:
        with self.engine.begin() as connection:
            columns = (journal.c.action, journal.c.author, journal.c.note)
            return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(journal.c.id))]


@pytest.fixture(params=KINDS)
def inbox(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Inbox]:
    engine = open_database(new_database(request.param, tmp_path))
    yield Inbox(engine)
    engine.dispose()


# Joining


def test_raise_escalation_and_clear_are_one_occurrence(inbox: Inbox) -> None:
    inbox.alert(*STORY[0])
    assert (inbox.one().level, inbox.one().state, inbox.one().over_at_ms) == ("warning", State.NEW, None)
    inbox.alert(*STORY[1])
    assert (inbox.one().level, inbox.one().escalated_at_ms) == ("alarm", NOW_MS + 2000)
    inbox.alert(*STORY[2])
    one = inbox.one()
    assert (one.level, one.state, one.since_ms) == ("alarm", State.RETURNED, NOW_MS + 1000)
    assert (one.over_at_ms, one.cleared) == (NOW_MS + 3000, True)
    assert [event.seq for event in inbox.reader.events(one.id)] == [1, 2, 3]


def test_every_order_of_arrival_ends_in_the_same_occurrences(inbox: Inbox) -> None:
    story = (*STORY, (4, "raise", "warning"), (5, "clear", "warning"))
    for number, order in enumerate(itertools.permutations(story)):
        boot = 5000 * (number + 1)
        for seq, event, level in order:
            inbox.alert(seq, event, level, boot=boot, cause="velocity")
        second, first = inbox.all()[:2]
        shown = [[event.seq for event in inbox.reader.events(one.id)] for one in (first, second)]
        shown.sort()
        assert shown == [[1, 2, 3], [4, 5]], order
        assert {one.state for one in (first, second)} == {State.RETURNED}
        with inbox.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM occurrence"))


def test_an_acknowledgement_survives_a_raise_that_comes_after_its_escalation(inbox: Inbox) -> None:
    inbox.alert(*STORY[1])
    inbox.operations.acknowledge([inbox.one().id], "ada", NOW_MS)
    inbox.alert(*STORY[0])
    assert (inbox.one().state, inbox.one().acked_by) == (State.ACKNOWLEDGED, "ada")


def test_causes_and_sensors_are_kept_apart(inbox: Inbox) -> None:
    inbox.alert(1, "raise", cause="anomaly")
    inbox.alert(2, "raise", cause="velocity")
    inbox.alert(3, "clear", cause="anomaly")
    assert [(one.cause, one.state) for one in inbox.all()] == [
        ("velocity", State.NEW),
        ("anomaly", State.RETURNED),
    ]


def test_a_raise_puts_an_end_to_one_that_never_cleared(inbox: Inbox) -> None:
    inbox.alert(1, "raise")
    inbox.alert(3, "raise")
    assert [one.state for one in inbox.all()] == [State.NEW, State.RETURNED]
    inbox.alert(2, "escalate", "alarm")
    assert [(one.level, one.state) for one in inbox.all()] == [
        ("warning", State.NEW),
        ("alarm", State.RETURNED),
    ]


@pytest.mark.parametrize("restarted", [{"boot": 4, "uptime_ms": 10}, {"boot": 9001, "uptime_ms": 10}])
def test_after_a_restart_what_the_device_does_not_list_is_over(
    inbox: Inbox, restarted: dict[str, int]
) -> None:
    inbox.alert(1, "raise", uptime_ms=900_000)
    inbox.status(uptime_ms=900_001, active=["anomaly"])
    assert inbox.one().state is State.NEW
    inbox.status(active=[], why="birth", **restarted)
    assert (inbox.one().state, inbox.one().cleared) == (State.RETURNED, False)


def test_a_status_from_before_the_alert_does_not_end_it(inbox: Inbox) -> None:
    inbox.alert(1, "raise", uptime_ms=2000)
    inbox.status(uptime_ms=1999, active=[])
    assert inbox.one().state is State.NEW


def test_an_alert_that_comes_after_the_status_that_denies_it_is_over_at_once(inbox: Inbox) -> None:
    inbox.status(uptime_ms=5000, active=[])
    inbox.alert(1, "raise", uptime_ms=2000)
    assert inbox.one().state is State.RETURNED


# The life cycle


def test_acknowledged_while_it_lasts_it_is_closed_by_its_clear(inbox: Inbox) -> None:
    inbox.alert(1, "raise")
    assert inbox.operations.acknowledge([inbox.one().id], "ada", NOW_MS + 1) == 1
    assert inbox.operations.acknowledge([inbox.one().id], "bob", NOW_MS + 2) == 0
    one = inbox.one()
    assert (one.state, one.acked_by, one.acked_at_ms) == (State.ACKNOWLEDGED, "ada", NOW_MS + 1)
    inbox.alert(2, "clear")
    assert inbox.one().state is State.CLOSED


def test_returned_it_stays_until_it_is_acknowledged(inbox: Inbox) -> None:
    inbox.alert(1, "raise")
    inbox.alert(2, "clear")
    assert inbox.one().state is State.RETURNED
    inbox.operations.acknowledge([inbox.one().id], "ada", NOW_MS)
    assert inbox.one().state is State.CLOSED


def test_an_acknowledged_warning_that_becomes_an_alarm_asks_again(inbox: Inbox) -> None:
    inbox.alert(*STORY[0])
    inbox.operations.acknowledge([inbox.one().id], "ada", NOW_MS)
    inbox.alert(*STORY[1])
    assert (inbox.one().state, inbox.one().acked_by) == (State.NEW, None)
    inbox.alert(*STORY[2])
    assert inbox.one().state is State.RETURNED
    assert inbox.operations.acknowledge([inbox.one().id], "ada", NOW_MS) == 1
    assert inbox.one().state is State.CLOSED


def test_a_shelved_one_comes_back_by_itself(inbox: Inbox) -> None:
    inbox.alert(1, "raise")
    inbox.operations.shelve([inbox.one().id], HOUR_MS, "ada", NOW_MS)
    one = inbox.one()
    assert (one.state, one.shelved_by, one.shelved_until_ms) == (State.SHELVED, "ada", NOW_MS + HOUR_MS)
    assert inbox.one(NOW_MS + HOUR_MS - 1).state is State.SHELVED
    assert inbox.one(NOW_MS + HOUR_MS).state is State.NEW


def test_unshelving_brings_it_back_at_once(inbox: Inbox) -> None:
    inbox.alert(1, "raise")
    inbox.operations.shelve([inbox.one().id], HOUR_MS, "ada", NOW_MS)
    assert inbox.operations.unshelve([inbox.one().id], "bob", NOW_MS) == 1
    assert inbox.one().state is State.NEW
    assert inbox.operations.unshelve([inbox.one().id], "bob", NOW_MS) == 0


@pytest.mark.parametrize("for_ms", [0, -1, LONGEST_SHELVING_MS + 1])
def test_nothing_is_shelved_for_ever(inbox: Inbox, for_ms: int) -> None:
    inbox.alert(1, "raise")
    with pytest.raises(Refused, match="7 days"):
        inbox.operations.shelve([inbox.one().id], for_ms, "ada", NOW_MS)
    assert inbox.told() == []


def test_everything_done_is_in_the_journal_once(inbox: Inbox) -> None:
    for seq, cause in ((1, "anomaly"), (2, "velocity")):
        inbox.alert(seq, "raise", cause=cause)
    ids = [one.id for one in inbox.all()]
    for _ in range(2):
        inbox.operations.acknowledge(ids, "ada", NOW_MS)
    inbox.operations.shelve(ids[:1], 8 * HOUR_MS, "bob", NOW_MS)
    inbox.operations.comment(ids[0], " bearing ordered\x00 ", "bob", NOW_MS)
    done = [("acknowledge", "ada", ""), ("acknowledge", "ada", ""), ("shelve", "bob", "for 8 h")]
    assert inbox.told() == [*done, ("comment", "bob", "bearing ordered")]
    assert [entry.action for entry in inbox.reader.journal(ids[0])] == ["acknowledge", "shelve", "comment"]


@pytest.mark.parametrize("text", ["", "  \n", "x" * 2001])
def test_a_comment_that_says_nothing_or_too_much_is_refused(inbox: Inbox, text: str) -> None:
    inbox.alert(1, "raise")
    with pytest.raises(Refused, match="1 to 2000"):
        inbox.operations.comment(inbox.one().id, text, "ada", NOW_MS)


def test_closed_ones_do_not_crowd_out_open_ones(inbox: Inbox) -> None:
    inbox.alert(1, "raise", cause="velocity")
    inbox.operations.acknowledge([inbox.one().id], "ada", NOW_MS)
    for seq in range(2, 2 + 2 * 210):
        inbox.alert(seq, "clear" if seq % 2 else "raise")
    inbox.operations.acknowledge([one.id for one in inbox.all()], "ada", NOW_MS)
    states = [one.state for one in inbox.all()]
    assert (states.count(State.CLOSED), states.count(State.ACKNOWLEDGED)) == (200, 1)


# What is never cut


def raise_and_clear(inbox: Inbox, times: int, first_seq: int = 1, level: str = "warning") -> None:
    events = ("raise", "clear")
    seqs = range(first_seq, first_seq + 2 * times)
    messages = [
        alert_message(seq, event=events[at % 2], level=level, uptime_ms=1000 * seq)
        for at, seq in enumerate(seqs)
    ]
    inbox.alerts_of(SENSOR, *messages)


def test_chatter_is_one_row_with_a_count_and_pushes_no_other_alarm_out(inbox: Inbox) -> None:
    other = Sensor("demo", "press-1")
    inbox.alerts_of(other, alert_message(1, cause="velocity", score=9000, threshold=100))
    raise_and_clear(inbox, 1200)
    first, chatter = inbox.all()
    assert (first.device, first.state, first.level) == ("press-1", State.NEW, "alarm")
    assert (chatter.device, chatter.state, chatter.times) == ("motor-1", State.RETURNED, 1200)
    assert count_by_state(inbox.all())[State.NEW] == 1


def test_a_hundred_machines_in_alarm_are_a_hundred_rows_before_all_others(inbox: Inbox) -> None:
    for number in range(1100):
        level = "alarm" if number % 11 == 0 else "warning"
        inbox.alerts_of(Sensor("demo", f"m-{number}"), alert_message(1, level=level))
    found = inbox.all()
    assert len(found) == 1100
    assert [one.level for one in found[:101]] == [*["alarm"] * 100, "warning"]


def test_what_is_done_about_chatter_is_done_about_all_of_it(inbox: Inbox) -> None:
    raise_and_clear(inbox, 5)
    raise_and_clear(inbox, 1, first_seq=11, level="alarm")
    inbox.alert(13, "raise")
    (one,) = inbox.all()
    assert (one.times, one.level, one.state, one.first_at_ms is not None) == (7, "alarm", State.NEW, True)
    assert inbox.operations.acknowledge([Seen(one.id, one.newest_id, one.level)], "ada", NOW_MS) == 7
    states = [one.state for one in inbox.all()]
    assert (states.count(State.ACKNOWLEDGED), states.count(State.CLOSED)) == (1, 6)
    assert inbox.operations.acknowledge([one.id], "ada", NOW_MS) == 0


def test_what_came_after_the_look_is_not_acknowledged_with_it(inbox: Inbox) -> None:
    raise_and_clear(inbox, 3)
    (seen,) = inbox.all()
    inbox.alert(7, "raise", "alarm")
    assert inbox.operations.acknowledge([Seen(seen.id, seen.newest_id, seen.level)], "ada", NOW_MS) == 3
    assert next(one.state for one in inbox.all()) is State.NEW


def test_what_became_worse_after_the_look_is_not_acknowledged(inbox: Inbox) -> None:
    inbox.alert(*STORY[0])
    seen = inbox.one()
    inbox.alert(*STORY[1])
    assert inbox.operations.acknowledge([Seen(seen.id, seen.newest_id, seen.level)], "ada", NOW_MS) == 0
    assert inbox.one().state is State.NEW


def test_more_than_ten_in_ten_minutes_are_a_flood(inbox: Inbox) -> None:
    for number in range(10):
        inbox.alerts_of(Sensor("demo", f"m-{number}"), alert_message(1))
    assert inbox.reader.flood(NOW_MS) is None
    inbox.alerts_of(Sensor("demo", "m-10"), alert_message(1))
    assert inbox.reader.flood(NOW_MS) == Flood(11, NOW_MS)
    assert inbox.reader.flood(NOW_MS + 600_000) is None


def test_a_struck_out_note_stays_readable(inbox: Inbox) -> None:
    inbox.alert(1, "raise")
    id = inbox.one().id
    inbox.operations.comment(id, "on the wrong machine", "ada", NOW_MS)
    (entry,) = inbox.reader.journal(id)
    inbox.operations.strike(entry.id, "bob", NOW_MS + 1)
    (entry,) = inbox.reader.journal(id)
    assert (entry.note, entry.author, entry.struck_by) == ("on the wrong machine", "ada", "bob")
    assert entry.struck_at_ms == NOW_MS + 1
    with pytest.raises(Refused, match="struck out already"):
        inbox.operations.strike(entry.id, "bob", NOW_MS)
    with pytest.raises(Refused, match="not there"):
        inbox.operations.strike(12345, "bob", NOW_MS)
