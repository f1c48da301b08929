"""A sensor with no accelerometer, for test_firmware_uplink.py: the real uplink and outbox, and alerts at a given pace.

``micropython firmware_uplink_device.py DEVICE_JSON ALERTS INTERVAL_MS RESEND_MS``; runs until it is killed.
"""

import asyncio
import sys

from vibnode import config, messages, uplink
from vibnode.clock import Clock
from vibnode.outbox import Outbox


class Node:
    """What the uplink needs of a sensor: its outbox, its status, and a count of bytes."""

    def __init__(self, outbox):
        self.outbox = outbox
        self.bytes_sent = 0
        self.refused = 0
        self.clock = Clock()

    def status(self, why):
        facts = {"boot": self.outbox.boot, "queued": self.outbox.queued(), "bytes_sent": self.bytes_sent}
        return messages.status(why, facts)


async def live(device, alerts, interval_ms):
    node = Node(Outbox(device["data_dir"] + ".bin"))
    link = uplink.Uplink(device, node)
    sending = asyncio.create_task(link.run())
    for i in range(alerts):
        seq = node.outbox.append(messages.alert_body({"number": i}, [], None))
        print("stored", node.outbox.boot, seq)
        link.alert_stored()
        await asyncio.sleep_ms(interval_ms)
    print("all stored")
    await sending


uplink.FIRST_RESEND_MS = int(sys.argv[4])
uplink.LAST_DELAY_MS = 2000
asyncio.run(live(config.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
