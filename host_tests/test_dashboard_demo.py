"""What a new user does: init, then run with the demonstration."""

import base64
import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from test_dashboard_site import free_ports, run_in

from lab.rigs.dashboard import DEADLINE_S, eventually

TRAINING_S = 200.0  # importing scikit-learn and training take some seconds, more on a busy machine


def test_two_commands_after_pip_there_is_a_page_with_simulated_sensors(tmp_path: Path) -> None:
    ports = free_ports(2)
    made = run_in(tmp_path, "init", "plant", "--broker-port", ports[0], "--host-port", ports[1])
    password = re.search(r"password (\S+)", made.stdout)
    assert password, made.stderr
    command = [sys.executable, "-m", "vibdash", "run", "--demo", "--port", "0"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    url = running.stdout.readline().removeprefix("page on ").strip()
    basic = base64.b64encode(f"admin:{password[1]}".encode()).decode()

    def online() -> list[dict[str, Any]]:
        request = urllib.request.Request(f"{url}/api/v1/fleet", headers={"authorization": f"Basic {basic}"})
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return [one for one in json.load(answer)["sensors"] if one["link"] == "online"]

    try:
        eventually(lambda: len(online()) == 3, "three virtual sensors are heard", TRAINING_S)
        assert {(one["site"], one["model_name"]) for one in online()} == {("plant", "simulated")}
        assert all(one["device"].startswith("simulated-") for one in online())
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(DEADLINE_S) == 0
    logs = list(tmp_path.glob("plant/demo/*/vibnode.log"))
    assert len(logs) == 3
    assert not any("Traceback" in log.read_text() for log in logs)
