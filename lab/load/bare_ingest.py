"""The least that an ingest can be: paho reads, json parses, SQLite stores one row, and the sensor is told.

What `vibdash ingest` does beyond that (checking, dating, joining, acknowledging what is in order, several databases)
is measured against this one, at the same backlog, in the same run.
"""

from __future__ import annotations

import argparse
import json
import select
import sqlite3

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

LARGEST_BATCH = 500
_ROW = "INSERT INTO alert (topic, boot, seq, event, body) VALUES (?, ?, ?, ?, ?)"


class BareIngest:
    """One session that keeps what it has read in `arrived` until it is stored."""

    def __init__(self, port: int, database: str) -> None:
        self._rows = sqlite3.connect(database)
        self._rows.execute("PRAGMA journal_mode = WAL")
        self._rows.execute("PRAGMA synchronous = FULL")
        self._rows.execute(
            "CREATE TABLE alert (topic TEXT, boot INTEGER, seq INTEGER, event TEXT, body TEXT)"
        )
        self._arrived: list[MQTTMessage] = []
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id="bare", clean_session=False, manual_ack=True
        )
        self._client.max_inflight_messages_set(0)
        self._client.on_connect = lambda client, *_: client.subscribe("vibnode/v1/+/+/alert", qos=1)
        self._client.on_subscribe = lambda *_: print("taking messages", flush=True)
        self._client.on_message = lambda _client, _data, message: self._arrived.append(message)
        self._client.connect("127.0.0.1", port)

    def serve(self) -> None:
        """Go on until the process is ended."""
        while True:
            self._client.loop(0.5)
            sock = self._client.socket()
            while len(self._arrived) < LARGEST_BATCH and sock and select.select([sock], [], [], 0)[0]:
                self._client.loop_read()
            self._take()

    def _take(self) -> None:
        arrived, self._arrived = self._arrived, []
        said = [(one, json.loads(one.payload)) for one in arrived]
        with self._rows:
            for one, told in said:
                body = one.payload.decode()
                self._rows.execute(_ROW, (one.topic, told["boot"], told["seq"], told["event"], body))
        for one in arrived:
            self._client.ack(one.mid, one.qos)
        for one, told in said:
            ack = json.dumps({"v": 1, "boot": told["boot"], "seq": told["seq"]}, separators=(",", ":"))
            self._client.publish(one.topic.replace("/alert", "/ack"), ack, qos=1, retain=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("database")
    asked = parser.parse_args()
    BareIngest(asked.port, asked.database).serve()


if __name__ == "__main__":
    main()
