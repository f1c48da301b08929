"""Anything may arrive on a topic: it is understood or quarantined with a reason, and never stops the ingest."""

import copy
import json
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vibdash.database.opening import open_database
from vibdash.ingest.store import Received, Store
from vibdash.protocol.messages import Alert, Malformed, Status, parse
from vibdash.read.fleet import FleetReader
from vibdash.read.occurrences import OccurrenceReader

from lab.rigs.dashboard import alert_message, status_message
from lab.rigs.databases import KINDS, new_database

NOW_MS = 1_760_000_000_000
QUICK = settings(max_examples=1500, deadline=None, derandomize=True)
STORED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 1, -1, 2**15, 2**31, 2**32 - 1, 2**32, 2**53, 2**63, 10**30]),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(["", "none", "ntp", "raise", "clear", "anomaly", "velocity", "\0", "\ud800", "a" * 2000]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
topics = st.one_of(
    st.sampled_from(
        [f"vibnode/v1/demo/motor-1/{kind}" for kind in ("alert", "status", "reply", "ack", "cmd", "x")]
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60),
)


def _paths(message: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    keys = (
        message.keys()
        if isinstance(message, dict)
        else range(len(message))
        if isinstance(message, list)
        else ()
    )
    return [path, *(place for key in keys for place in _paths(message[key], (*path, key)))]


@st.composite
def spoilt_messages(draw: st.DrawFn) -> tuple[str, bytes]:
    """A message as a device sends it, with some of its places replaced, removed, or its bytes damaged."""
    kind = draw(st.sampled_from(["alert", "status"]))
    message: Any = copy.deepcopy(alert_message(7) if kind == "alert" else status_message())
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from(_paths(message)[1:]))
        parent = message
        for key in way:
            parent = parent[key] if isinstance(parent, dict) and key in parent else {}
        if isinstance(parent, dict) and last in parent and draw(st.booleans()):
            del parent[last]
        elif isinstance(parent, dict):
            parent[last] = draw(values)
    payload = json.dumps(message).encode()
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(payload)))
        payload = payload[:at] + draw(st.binary(max_size=8)) + payload[at + draw(st.integers(0, 8)) :]
    return f"vibnode/v1/demo/motor-1/{kind}", payload


arriving = st.one_of(spoilt_messages(), st.tuples(topics, st.binary(max_size=200)))
deep = st.integers(1, 4000).map(lambda depth: b'{"v":' + b"[" * depth)


@given(arriving | st.tuples(topics, deep))
@QUICK
def test_a_message_is_understood_or_refused_with_a_reason(message: tuple[str, bytes]) -> None:
    try:
        said = parse(*message)
    except Malformed as error:
        assert error.reason
        assert error.reason.isprintable()
        assert len(error.reason) < 400
    else:
        assert said is None or isinstance(said, Alert | Status)


@pytest.fixture(scope="module", params=KINDS)
def engine(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> sa.Engine:
    return open_database(new_database(request.param, tmp_path_factory.mktemp("fuzz")))


@given(st.lists(arriving, max_size=6))
@STORED
def test_whatever_arrives_is_stored_or_quarantined_and_the_fleet_can_be_read(
    engine: sa.Engine, batch: list[tuple[str, bytes]]
) -> None:
    Store(engine).take([Received(topic, payload, NOW_MS) for topic, payload in batch])
    fleet = FleetReader(engine, silent_after_ms=60_000).fleet(NOW_MS)
    OccurrenceReader(engine).all(NOW_MS)
    refused = 0
    for topic, payload in batch:
        try:
            parse(topic, payload)
        except Malformed:
            refused += 1
    assert fleet.quarantined >= refused
