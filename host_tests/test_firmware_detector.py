"""The detector: dwell, hysteresis, gating, one alert per cause. Portable: runs on CPython and MicroPython."""

from vibnode.condition import steadiness
from vibnode.detector import (
    ALARM,
    Condition,
    Detector,
    FeatureLayout,
    Steadiness,
    largest,
    untrained_speed,
)

META = {
    "classes": ("healthy", "outer-race", "imbalance"),
    "warning": 100,
    "alarm": 300,
    "hysteresis": 50,
    "off_rms": 1000,
    "quiet_rms": 1000,
    "off_below": 512,
    "dwell_windows": 5,
    "clear_windows": 8,
}
RUNNING, OFF = 2000, 500


def feed(detector, scores, rms=RUNNING, class_index=0, velocity=0, fault="ok"):
    """The (window number, event, level, cause) of all transitions that a row of scores causes."""
    seen = []
    for i, score in enumerate(scores):
        for t in detector.update(rms, score, class_index, velocity, fault):
            seen.append((i, t.event, t.level, t.cause))
    return seen


class Noise:
    """Repeatable numbers, the same on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def within(self, spread):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % (2 * spread + 1) - spread


def test_raises_after_the_dwell_and_not_before():
    detector = Detector(META)
    assert feed(detector, [0] * 20 + [150] * 4) == []
    assert feed(detector, [150]) == [(0, "raise", "warning", "anomaly")]
    assert detector.active() == ["anomaly"]


def test_a_first_alert_clears_after_as_many_quiet_windows_as_any():
    assert [event[:2] for event in feed(Detector(META), [150] * 5 + [0] * 8)] == [(4, "raise"), (12, "clear")]


def test_single_outliers_raise_nothing():
    detector = Detector(META)
    assert feed(detector, ([5000] + [0] * 3) * 200) == []


def test_a_jump_to_alarm_level_is_one_raise():
    detector = Detector(META)
    assert feed(detector, [900] * 50) == [(4, "raise", "alarm", "anomaly")]


def test_warning_escalates_once_and_stays_alarm_until_it_clears():
    detector = Detector(META)
    assert feed(detector, [150] * 10) == [(4, "raise", "warning", "anomaly")]
    assert feed(detector, [400] * 10) == [(4, "escalate", "alarm", "anomaly")]
    assert feed(detector, [150] * 20 + [400] * 20) == []
    assert feed(detector, [0] * 20) == [(7, "clear", "alarm", "anomaly")]
    assert detector.active() == []


def test_inside_the_hysteresis_an_alert_stays():
    detector = Detector(META)
    feed(detector, [150] * 10)
    assert feed(detector, [51] * 1000) == []
    assert feed(detector, [49] * 20) == [(7, "clear", "warning", "anomaly")]


def test_no_chatter_at_a_score_hovering_on_the_threshold():
    for threshold in (META["warning"], META["alarm"], META["warning"] - META["hysteresis"]):
        for spread in (10, 40, 70):
            noise = Noise(threshold + spread)
            seen = feed(Detector(META), [threshold + noise.within(spread) for _ in range(5000)])
            assert len(seen) <= 3, (threshold, spread, seen)


def test_a_machine_that_is_off_raises_nothing():
    detector = Detector(META)
    assert feed(detector, [9000] * 100, rms=OFF) == []
    assert detector.machine == "off"


def test_an_alert_outlasts_a_stop_and_clears_when_the_machine_runs_well():
    detector = Detector(META)
    feed(detector, [900] * 10, class_index=1)
    assert feed(detector, [0] * 100, rms=OFF) == []
    assert detector.active() == ["anomaly"]
    assert [event[1] for event in feed(detector, [0] * 20)] == ["clear"]


def test_starts_and_stops_shorter_than_the_dwell_raise_nothing():
    detector = Detector(META)
    for _ in range(50):
        assert feed(detector, [0] * 10, rms=OFF) == []
        assert feed(detector, [5000] * 6) == []  # three until it counts as running, three of run-up
        assert feed(detector, [0] * 10) == []
        assert detector.machine == "running"


def test_a_level_on_the_move_raises_nothing_until_it_has_settled():
    detector = Detector(META)
    assert feed(detector, [0] * 20) == []
    seen = []
    for step in range(30):  # up by two octaves in six dwells, and the score with it
        seen.extend(feed(detector, [17 * step], rms=RUNNING + 17 * step))
    assert seen == []
    seen = feed(detector, [900] * 200, rms=RUNNING + 500)
    assert seen[0][1] == "raise" and detector.anomaly.level == ALARM
    assert seen[0][0] < 12 * META["dwell_windows"]


def test_a_level_that_never_settles_is_judged_all_the_same():
    detector = Detector(META)
    assert feed(detector, [0] * 20) == []
    for i in range(400):
        if feed(detector, [900], rms=RUNNING + (300 if i % 2 else -300)):
            break
    assert detector.active() == ["anomaly"] and 5 * META["dwell_windows"] < i < 20 * META["dwell_windows"]


def test_while_the_level_moves_an_alert_escalates_and_clears():
    """A bearing that fails is never steady: nothing holds back what is known to be wrong."""
    detector = Detector(META)
    feed(detector, [150] * 10)
    assert [event[1] for event in feed(detector, [900] * 10, rms=RUNNING + 600)] == ["escalate"]
    assert [event[1] for event in feed(detector, [0] * 10, rms=RUNNING + 1200)] == ["clear"]


def test_a_run_up_is_not_learnt():
    detector = Detector(META, learning=True)
    feed(detector, [0] * 10, rms=OFF)
    taken = []
    for step in range(20):
        feed(detector, [0], rms=1000 + 50 * step)
        taken.append(detector.may_learn(1000 + 50 * step))
    assert not any(taken)
    feed(detector, [0] * 60, rms=2000)
    assert detector.may_learn(2000)


def test_a_level_about_the_sensor_s_own_noise_is_off():
    detector = Detector(META, noise_rms=RUNNING - 40)
    feed(detector, [900] * 50)
    assert detector.machine == "off" and detector.active() == []
    feed(detector, [0] * 10, rms=RUNNING + 30)
    assert detector.machine == "running"


def test_machine_state_needs_more_than_one_window_to_change():
    detector = Detector(META)
    assert detector.machine == "unknown"
    feed(detector, [0])
    assert detector.machine == "running"
    feed(detector, [0] * 2, rms=OFF)
    assert detector.machine == "running"
    feed(detector, [0], rms=OFF)
    assert detector.machine == "off"
    feed(detector, [0] * 2)
    assert detector.machine == "off"
    feed(detector, [0])
    assert detector.machine == "running"


def test_while_learning_scores_mean_nothing_but_velocity_does():
    detector = Detector(META, velocity_limits=(3000, 3200), learning=True)
    assert feed(detector, [5000] * 50) == []
    assert detector.machine == "learning"
    assert feed(detector, [5000] * 5, velocity=3100) == [(4, "raise", "warning", "velocity")]
    detector.learnt(RUNNING)
    assert detector.machine == "running"
    assert [event[1:] for event in feed(detector, [5000] * 5, velocity=3100)] == [
        ("raise", "alarm", "anomaly")
    ]


def test_one_alert_per_cause_and_causes_apart():
    detector = Detector(META, velocity_limits=(3000, 3200))
    seen = feed(detector, [900] * 200, velocity=3300, class_index=1)
    assert seen == [(4, "raise", "alarm", "anomaly"), (4, "raise", "alarm", "velocity")]
    assert detector.active() == ["anomaly", "velocity"]
    assert detector.n_active() == 2


def test_the_class_is_that_of_most_windows_of_the_anomaly():
    detector = Detector(META)
    feed(detector, [150] * 3, class_index=2)  # an earlier exceedance, which passes
    feed(detector, [0] * 3)
    found = []
    for class_index in (1, 2, 1, 0, 1):
        found.extend(detector.update(RUNNING, 150, class_index))
    assert [(t.event, t.class_index, t.value, t.threshold) for t in found] == [("raise", 1, 150, 100)]


def test_a_model_without_classes_names_none():
    meta = dict(META)
    meta["classes"] = ()
    found = []
    detector = Detector(meta)
    for _ in range(10):
        found.extend(detector.update(RUNNING, 150))
    assert [(t.event, t.class_index) for t in found] == [("raise", 0)]


def test_an_instrument_fault_is_its_own_alert_and_holds_the_machine_s_still():
    detector = Detector(META)
    feed(detector, [0] * 10)
    assert feed(detector, [9000] * 2, fault="stuck") == []
    assert detector.instrument == "ok"
    assert feed(detector, [9000] * 30, fault="stuck") == [(0, "raise", "alarm", "instrument:stuck")]
    assert detector.instrument == "stuck"
    assert detector.active() == ["instrument:stuck"]
    seen = feed(detector, [9000] * 3, fault="gone")
    assert [(event[1], event[3]) for event in seen] == [
        ("clear", "instrument:stuck"),
        ("raise", "instrument:gone"),
    ]
    assert feed(detector, [0] * 5) == [(2, "clear", "alarm", "instrument:gone")]
    assert detector.instrument == "ok"


def test_layout_and_largest_find_the_inputs():
    layout = FeatureLayout(["x.rms", "x.velocity_rms", "x.peak", "y.rms", "y.velocity_rms", "y.peak"])
    assert layout.rms == (0, 3)
    assert layout.velocity == (1, 4)
    assert layout.peak == (2, 5)
    assert largest([10, 0, 0, 30, 0, 0], layout.rms) == 30


QUIET = dict(META, quiet_rms=1500)  # off under 1000, no machine trained on under 1500


def test_a_level_far_under_any_machine_s_is_outside_and_neither_judged_nor_learnt():
    for learning in (False, True):
        detector = Detector(QUIET, velocity_limits=(3000, 3200), learning=learning)
        assert feed(detector, [5000] * 50, rms=1400) == []
        assert detector.machine == "outside"
        assert not detector.may_learn(1400)
        assert feed(detector, [0] * 10, rms=1400, velocity=3100) == [(4, "raise", "warning", "velocity")]


def test_a_quiet_machine_is_learnt_when_somebody_says_that_it_runs():
    detector = Detector(QUIET)
    feed(detector, [0] * 10, rms=1400)
    detector.learn()
    feed(detector, [0] * 5, rms=1400)
    assert detector.machine == "learning" and detector.may_learn(1400) and not detector.may_learn(900)
    detector.learnt(1400)
    feed(detector, [0] * 5, rms=1400)
    assert detector.machine == "running"


def test_off_follows_the_baseline_once_there_is_one():
    for detector in (Detector(QUIET, usual_rms=2600), Detector(QUIET, learning=True)):
        if detector.learning:
            feed(detector, [0] * 5, rms=2600)
            detector.learnt(2600)
        feed(detector, [0] * 5, rms=2600 - META["off_below"])
        assert detector.machine == "running"
        assert feed(detector, [9000] * 50, rms=2600 - META["off_below"] - 1) == []
        assert detector.machine == "off"


def test_a_baseline_far_down_does_not_put_off_under_the_sensor_s_noise():
    detector = Detector(QUIET, usual_rms=1200)
    feed(detector, [0] * 5, rms=999)
    assert detector.machine == "off"


def test_windows_that_the_model_calls_outside_are_told_and_do_not_count():
    detector = Detector(META)
    found = [t for _ in range(50) for t in detector.update(RUNNING, 9000, outside=True)]
    assert (found, detector.machine) == ([], "outside")
    assert feed(detector, [9000] * 5) == [(4, "raise", "alarm", "anomaly")]
    assert detector.machine == "running"


def test_single_windows_outside_do_not_hold_an_alert_back():
    detector = Detector(META)
    found = []
    for i in range(30):
        found.extend(detector.update(RUNNING, 9000, outside=i % 3 == 0))
    assert [t.event for t in found] == ["raise"]
    assert detector.machine == "running"


def test_a_window_without_a_score_moves_nothing():
    detector = Detector(META)
    feed(detector, [150] * 4)
    assert feed(detector, [None] * 20) == []
    assert feed(detector, [150]) == [(0, "raise", "warning", "anomaly")]


def test_a_told_speed_is_untrained_beyond_a_quarter_octave():
    meta = {"shaft_low_millihz": 10_000, "shaft_high_millihz": 50_000}  # 600 to 3000 rpm
    answers = [untrained_speed(meta, rpm) for rpm in (480, 510, 1800, 3560, 3600, None)]
    assert answers == [True, False, False, False, True, None]
    assert untrained_speed({"shaft_low_millihz": 0, "shaft_high_millihz": 0}, 600) is None


# On the edges: what is just enough, and what is not


def test_a_score_on_the_threshold_is_over_it():
    for score, level in ((META["warning"], "warning"), (META["alarm"], "alarm")):
        detector = Detector(META)
        assert feed(detector, [score - 1] * 50 if level == "warning" else []) == []
        found = [t for _ in range(5) for t in detector.update(RUNNING, score, 1)]
        assert [(t.event, t.level, t.value, t.class_index) for t in found] == [("raise", level, score, 1)]
        assert found[0].threshold == score


def test_a_score_on_the_lower_edge_of_the_hysteresis_does_not_clear():
    detector = Detector(META)
    feed(detector, [150] * 10)
    assert feed(detector, [META["warning"] - META["hysteresis"]] * 100) == []


def test_counters_stop_at_their_limits():
    condition = Condition("anomaly", 100, 300, 50, 5, 8)
    counts = []
    for value in [150] * 7 + [0] * 7:
        condition.update(value)
        counts.append(condition.over_warning)
    assert counts == [1, 2, 3, 4, 5, 5, 5, 4, 3, 2, 1, 0, 0, 0]


def test_windows_of_alarm_level_are_counted_by_themselves():
    detector = Detector(dict(META, clear_windows=2))
    for _ in range(2):  # and from nothing after a clear
        assert feed(detector, [900] * 4 + [150]) == [(4, "raise", "warning", "anomaly")]
        assert feed(detector, [900] * 2) == [(1, "escalate", "alarm", "anomaly")]
        assert feed(detector, [0] * 2) == [(1, "clear", "alarm", "anomaly")]


def test_a_stop_forgets_the_windows_towards_a_clear():
    running, off = META["off_rms"], META["off_rms"] - 1
    detector = Detector(META)
    feed(detector, [150] * 5 + [0] * 7, rms=running)
    feed(detector, [0], rms=off)
    assert feed(detector, [0] * 8, rms=running) == [(7, "clear", "warning", "anomaly")]


def test_a_clear_is_of_the_level_that_was_up_and_of_its_threshold():
    for score, level, threshold in ((150, "warning", 100), (900, "alarm", 300)):
        detector = Detector(META)
        feed(detector, [score] * 10, class_index=1)
        found = [t for _ in range(8) for t in detector.update(RUNNING, 7, 2)]
        assert found == [("clear", level, "anomaly", 7, threshold, 1)]


def test_what_was_counted_before_a_clear_does_not_count_after_it():
    detector = Detector(META)
    feed(detector, [150] * 10 + [0] * 8)
    assert feed(detector, [900] * 5) == [(4, "raise", "alarm", "anomaly")]
    assert [event[0] for event in feed(detector, [0] * 20)] == [7]


def test_a_level_is_steady_near_its_own_recent_mean():
    for apart, steady in ((96, True), (97, False)):
        for sign in (1, -1):
            steadiness = Steadiness(20, 80)
            steadiness.begin(3000)
            assert steadiness.take(3000 + sign * apart, False) == steady, (apart, sign)
            steadiness.begin(3000)
            steadiness.take(3080, False)  # the mean goes a twentieth of the way
            assert steadiness.take(3004 + sign * apart, False) == steady, (apart, sign)


def test_the_mean_is_finer_than_a_step():
    steadiness = Steadiness(20, 80)
    steadiness.begin(3000)
    steadiness.take(3015, False)  # up by 0.75 steps
    assert not steadiness.take(3097, False)  # 96.25 over it


def test_a_machine_on_the_move_is_judged_after_so_many_windows_less_the_steady_ones():
    steadiness = Steadiness(20, 80)
    assert steadiness.limit == 80
    steadiness.begin(3000)
    assert [steadiness.take(3000, True) for _ in range(81)] == [False] * 79 + [True] * 2
    assert steadiness.take(3000, False)
    assert [steadiness.take(3000, True) for _ in range(2)] == [True] * 2
    steadiness.begin(3000)
    assert not steadiness.take(3000, True)


def test_until_a_first_window_and_while_it_is_off_a_machine_moves_nowhere():
    detector = Detector(META)
    assert detector.steady
    detector.update(8000, 0)
    assert detector.steady
    for rms in (OFF, OFF - 300, OFF + 300):
        detector.update(rms, 0)
        assert detector.steady
    detector.update(RUNNING, 0)
    assert not detector.steady


def test_a_moving_window_counts_from_the_threshold_down_only():
    detector = Detector(META)
    assert [t for _ in range(10) for t in detector.update(RUNNING, META["warning"], moving=True)] == []
    assert not detector.steady
    feed(detector, [META["warning"] - 1])
    assert feed(detector, [150] * 5) == [(4, "raise", "warning", "anomaly")]


def test_levels_on_the_limits_of_off_and_of_quiet_are_neither():
    detector = Detector(QUIET, learning=True)
    feed(detector, [0] * 5, rms=1500)
    assert detector.machine == "learning" and detector.may_learn(1500)
    feed(detector, [0], rms=1499)
    assert not detector.may_learn(1499)
    feed(detector, [0] * 2, rms=1499)
    assert detector.machine == "outside"
    loud = Detector(dict(META, quiet_rms=0), learning=True)
    feed(loud, [0] * 5, rms=1000)
    assert loud.machine == "learning" and loud.may_learn(1000) and not loud.may_learn(999)


def test_a_machine_leaves_the_outside_as_slowly_as_it_gets_there():
    detector = Detector(QUIET)
    states = []
    for rms in [2000, 1400, 1400, 1400, 2000, 2000, 2000]:
        detector.update(rms, 0)
        states.append(detector.machine)
    assert states == ["running"] * 3 + ["outside"] * 3 + ["running"]


def test_a_first_window_says_at_once_what_the_machine_is():
    for rms, machine in ((OFF, "off"), (1400, "outside"), (2000, "running")):
        detector = Detector(QUIET)
        detector.update(rms, 0)
        assert detector.machine == machine


def test_a_machine_that_was_off_runs_though_a_window_was_outside():
    detector = Detector(QUIET)
    feed(detector, [0] * 5, rms=OFF)
    for rms in (1400, 2000, 2000):
        detector.update(rms, 0)
    assert detector.machine == "running"


def test_a_few_windows_that_are_off_keep_what_the_machine_was():
    detector = Detector(QUIET)
    feed(detector, [0] * 5, rms=2000)
    feed(detector, [0], rms=OFF)
    feed(detector, [0] * 3, rms=1400)
    assert detector.machine == "outside"


def test_most_windows_decide_the_class_and_not_the_last():
    detector = Detector(META)
    found = [t for i in (1, 1, 1, 2, 2) for t in detector.update(RUNNING, 150, i)]
    assert [t.class_index for t in found] == [1]
    detector = Detector(META)
    found = [t for i in (2, 1, 2, 1, 2) for t in detector.update(RUNNING, 150, i)]
    assert [t.class_index for t in found] == [2]
    detector = Detector(META)
    feed(detector, [150] * 4, class_index=2)
    feed(detector, [0] * 4)
    found = [t for _ in range(5) for t in detector.update(RUNNING, 150, 1)]
    assert [t.class_index for t in found] == [1]


def test_a_window_under_the_threshold_has_no_vote():
    detector = Detector(META)
    found = [
        t for s, i in [(150, 1), (50, 2), (50, 2)] + [(150, 1)] * 6 for t in detector.update(RUNNING, s, i)
    ]
    assert [t.class_index for t in found] == [1]


def test_a_class_that_the_model_does_not_name_is_passed_over():
    detector = Detector(META)
    found = [t for _ in range(5) for t in detector.update(RUNNING, 150, len(META["classes"]))]
    assert [t.class_index for t in found] == [0]
    detector = Detector(dict(META, classes=()))
    found = [t for _ in range(5) for t in detector.update(RUNNING, 150, 1)]
    assert [t.class_index for t in found] == [0]


def test_what_is_not_told_of_a_window_is_the_first_class_and_no_fault():
    detector = Detector(META, velocity_limits=(1, 1))
    found = [t for _ in range(9) for t in detector.update(RUNNING, 150)]
    assert [(t.cause, t.class_index) for t in found] == [("anomaly", 0)]
    assert (detector.machine, detector.steady) == ("running", True)


def test_the_class_of_an_alert_outlasts_a_stop_and_that_of_an_exceedance_does_not():
    detector = Detector(META)
    feed(detector, [150] * 10, class_index=1)
    feed(detector, [0] * 10, rms=OFF)
    assert detector.voted_class() == 1
    found = [t for _ in range(20) for t in detector.update(RUNNING, 0)]
    assert [(t.event, t.class_index) for t in found] == [("clear", 1)]
    detector = Detector(META)
    feed(detector, [150] * 4, class_index=2)
    feed(detector, [0] * 10, rms=OFF)
    assert detector.voted_class() == 0


def test_a_stop_forgets_what_was_counted():
    running, off = META["off_rms"], META["off_rms"] - 1  # so near that the level is steady throughout
    detector = Detector(META, velocity_limits=(3000, 3200))
    feed(detector, [150] * 4, rms=running, velocity=3100)
    assert feed(detector, [150] * 3, rms=off, velocity=3100) == []
    assert feed(detector, [150] * 2, rms=running, velocity=3100) == []  # it is off until the third
    assert feed(detector, [150] * 5, rms=running, velocity=3100) == [
        (4, "raise", "warning", "anomaly"),
        (4, "raise", "warning", "velocity"),
    ]


def test_a_single_window_that_is_off_forgets_it_too():
    running, off = META["off_rms"], META["off_rms"] - 1
    detector = Detector(META)
    feed(detector, [150] * 4, rms=running)
    feed(detector, [150], rms=off)
    assert detector.machine == "running"
    assert feed(detector, [150] * 5, rms=running) == [(4, "raise", "warning", "anomaly")]


def test_the_number_of_alerts_is_that_of_their_causes():
    detector = Detector(META, velocity_limits=(3000, 3200))
    assert (detector.n_active(), detector.active()) == (0, [])
    feed(detector, [0] * 5, velocity=3100)
    assert (detector.n_active(), detector.active()) == (1, ["velocity"])
    feed(detector, [900] * 5, velocity=3100)
    assert (detector.n_active(), detector.active()) == (2, ["anomaly", "velocity"])
    feed(detector, [900] * 3, fault="stuck")
    assert (detector.n_active(), detector.active()) == (3, ["anomaly", "velocity", "instrument:stuck"])


def test_velocity_has_its_own_hysteresis_and_names_no_class():
    detector = Detector(META, velocity_limits=(3000, 3200))
    found = [t for _ in range(5) for t in detector.update(RUNNING, 0, 1, 3200)]
    assert found == [("raise", "alarm", "velocity", 3200, 3200, 0)]
    assert feed(detector, [0] * 50, velocity=2936) == []
    assert feed(detector, [0] * 8, velocity=2935) == [(7, "clear", "alarm", "velocity")]


def test_new_thresholds_hold_from_the_next_window_on():
    detector = Detector(META)
    changed = {"warning": 200, "alarm": 400, "hysteresis": 10, "dwell_windows": 2, "clear_windows": 3}
    detector.set(dict(META, **changed), None)
    assert feed(detector, [199] * 20) == []
    assert feed(detector, [200] * 2) == [(1, "raise", "warning", "anomaly")]
    assert feed(detector, [400] * 2) == [(1, "escalate", "alarm", "anomaly")]
    assert feed(detector, [190] * 20) == []
    assert feed(detector, [189] * 3) == [(2, "clear", "alarm", "anomaly")]


def test_limits_of_velocity_come_change_and_go():
    detector = Detector(META)
    assert feed(detector, [0] * 20, velocity=3300) == []
    detector.set(META, (3000, 3200))
    assert feed(detector, [0] * 5, velocity=3100) == [(4, "raise", "warning", "velocity")]
    detector.set(META, (3050, 3150))  # an alert that is up goes on by the new ones
    assert feed(detector, [0] * 9, velocity=2986) == feed(detector, [0] * 9, velocity=3149) == []
    assert feed(detector, [0] * 5, velocity=3150) == [(4, "escalate", "alarm", "velocity")]
    detector.set(META, None)  # an alert that is up clears in order
    assert detector.active() == ["velocity"]
    assert feed(detector, [0] * 8, velocity=5000) == [(7, "clear", "alarm", "velocity")]
    detector.set(META, None)
    assert detector.velocity is None
    assert feed(detector, [0] * 20, velocity=5000) == []


def test_a_fault_is_told_after_three_windows_and_over_after_three():
    detector = Detector(META)
    seen = []
    for fault in ("gap", "ok", "gap", "gap", "ok", "gap", "gap", "ok", "ok", "ok"):
        found = detector.update(RUNNING, 0, fault=fault)
        seen.append([(t.event, t.level, t.cause, t.value, t.threshold, t.class_index) for t in found])
    assert seen[6] == [("raise", "alarm", "instrument:gap", 0, 0, 0)]
    assert seen[9] == [("clear", "alarm", "instrument:gap", 0, 0, 0)]
    assert sum([len(found) for found in seen]) == 2


def test_a_sensor_may_be_at_fault_from_the_start():
    assert feed(Detector(META), [0] * 3, fault="gap") == [(2, "raise", "alarm", "instrument:gap")]


def test_to_learn_anew_forgets_how_loud_the_machine_used_to_be():
    detector = Detector(QUIET, usual_rms=2600)
    feed(detector, [0] * 5, rms=1400)
    assert detector.machine == "off"
    detector.learn()
    feed(detector, [0] * 5, rms=1400)
    assert detector.machine == "learning"


def test_a_baseline_that_is_complete_leaves_off_and_outside_as_they_are():
    for rms, machine in ((OFF, "off"), (1400, "outside")):
        detector = Detector(QUIET, learning=True)
        feed(detector, [0] * 5, rms=rms)
        detector.learnt(2000)
        assert detector.machine == machine and not detector.learning


def test_scores_of_before_the_baseline_do_not_count_after_it():
    detector = Detector(META)
    feed(detector, [150] * 4)
    detector.learn()
    detector.learnt(RUNNING)
    assert feed(detector, [150] * 5) == [(4, "raise", "warning", "anomaly")]


def test_noise_counts_only_where_it_is_over_the_model_s_own_limit():
    for noise_rms, least in ((900, 1000), (1000, 1064), (None, 1000)):
        detector = Detector(META, noise_rms=noise_rms)
        feed(detector, [0] * 5, rms=least - 1)
        assert detector.machine == "off", noise_rms
        feed(detector, [0] * 5, rms=least)
        assert detector.machine == "running", noise_rms


def test_a_speed_on_the_edge_of_what_was_trained_on_is_trained():
    meta = {"shaft_low_millihz": 10_000, "shaft_high_millihz": 50_000}
    assert [untrained_speed(meta, rpm) for rpm in (503.9, 504, 3570, 3570.1, 0)] == [
        True,
        False,
        False,
        True,
        None,
    ]
    assert untrained_speed({"shaft_low_millihz": 1000, "shaft_high_millihz": 1}, 600) is True


def test_the_largest_is_over_all_axes_and_never_under_zero():
    assert [largest([5, 7, 6], (0, 1, 2)), largest([5, 7, 6], (0, 2)), largest([-5, -7], (0, 1))] == [7, 6, 0]


# Two dwells, and sensors that rest

TWO_SPEEDS = dict(META, dwell_windows=90, alarm_dwell_windows=6)


def test_alarm_level_is_told_in_seconds_and_a_warning_takes_its_time():
    assert feed(Detector(TWO_SPEEDS), [900] * 200) == [(5, "raise", "alarm", "anomaly")]
    assert feed(Detector(TWO_SPEEDS), [150] * 200) == [(89, "raise", "warning", "anomaly")]
    detector = Detector(TWO_SPEEDS)
    assert feed(detector, [150] * 100 + [900] * 10) == [
        (89, "raise", "warning", "anomaly"),
        (105, "escalate", "alarm", "anomaly"),
    ]


def test_what_alternates_between_both_sides_of_the_warning_is_none():
    """Two loads, 20 windows each, of which one is over the threshold."""
    assert feed(Detector(TWO_SPEEDS), ([150] * 20 + [0] * 20) * 100) == []


def test_a_sensor_that_rests_is_sure_after_as_long_or_three_rounds():
    for windows_apart, rounds in ((1, 90), (9, 10), (30, 3), (10000, 3)):
        detector = Detector(TWO_SPEEDS)
        feed(detector, [0] * 5)
        taken = 0
        while not detector.active():
            detector.update(RUNNING, 150, weight=windows_apart)
            taken += 1
        assert taken == rounds, windows_apart
        while detector.active():
            detector.update(RUNNING, 0, weight=windows_apart)
    assert detector.anomaly.level == 0


def test_a_single_round_says_nothing_however_long_the_rest():
    detector = Detector(TWO_SPEEDS)
    for _ in range(50):
        for score in (900, 900, 0, 0, 0):
            assert len(detector.update(RUNNING, score, weight=100000)) == 0


def test_a_level_that_jumps_from_round_to_round_is_judged_after_three():
    detector = Detector(TWO_SPEEDS, steadiness=Steadiness(16, 64))
    feed(detector, [0] * 5)
    for i in range(20):
        if detector.update(RUNNING + (600 if i % 2 else -600), 900, weight=100000):
            break
    assert detector.anomaly.level == ALARM and i < 6


def test_settling_is_timed_in_seconds():
    """Windows of 0.16 s, of 1.28 s, and rounds of 10 s, between which no machine is still running up."""
    for rate_millihz, hop, span, limit in (
        (3200000, 512, 16, 64),
        (200000, 256, 16, 8),
        (26667000, 266670, 16, 1),
        (26667000, 1024, 66, 266),
    ):
        made = steadiness({"rate_millihz": rate_millihz, "hop": hop})
        assert (made.limit, made._span) == (limit, span)


def test_what_is_over_the_warning_most_of_the_time_is_told_in_the_dwell_and_what_is_not_never():
    """Of ten windows six are over: a counter that is full only then would take five dwells."""
    mostly = [150, 150, 0, 150, 0, 150, 0, 150, 0, 150]
    seen = feed(Detector(TWO_SPEEDS), mostly * 20)
    assert [event[1:] for event in seen] == [("raise", "warning", "anomaly")] and seen[0][0] < 120
    assert feed(Detector(TWO_SPEEDS), [90 - score + 60 for score in mostly] * 200) == []


def test_a_warning_is_not_raised_by_what_is_over_already():
    assert feed(Detector(TWO_SPEEDS), [150] * 60 + [0] * 500) == []
