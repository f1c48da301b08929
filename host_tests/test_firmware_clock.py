"""Calendar time: its quality, and what is known of it after the power was gone. Portable: CPython and MicroPython."""

from power_cut import every_cut
from vibnode import clock

NOON_S = 1_760_000_000


class Board:
    """A board's clock, in seconds since 1970; one that lost its power begins in the year 2000."""

    def __init__(self, now=946_684_800):
        self.now = now

    def time_s(self):
        return self.now

    def set(self, unix_s):
        self.now = unix_s
        return True


class Computer(Board):
    """A clock that is not ours to set."""

    def set(self, unix_s):
        return False


def test_a_clock_that_was_never_set_has_no_time(tmp_path):
    made = clock.Clock(str(tmp_path), Board())
    assert made.unix_time() == (None, "none") and not made.dates_hold()


def test_a_computer_s_clock_is_taken_as_it_is(tmp_path):
    made = clock.Clock(str(tmp_path), Computer(NOON_S))
    assert made.unix_time() == (NOON_S, "rtc") and made.dates_hold()


def test_a_time_server_sets_the_board_s_clock_and_its_quality_ends_after_a_week(tmp_path):
    board = Board()
    made = clock.Clock(str(tmp_path), board)
    made.set(NOON_S * 1000 + 999)
    assert made.unix_time() == (NOON_S, "ntp") or made.unix_time() == (NOON_S + 1, "ntp")
    assert board.now == NOON_S and made.dates_hold()
    made._uptime_ms += clock.NTP_LASTS_MS
    time_s, quality = made.unix_time()
    assert quality == "rtc" and NOON_S + 7 * 86400 <= time_s < NOON_S + 7 * 86400 + 60


def test_after_a_power_cut_the_last_time_serves_for_dates_and_dates_nothing(tmp_path):
    clock.Clock(str(tmp_path), Board()).set(NOON_S * 1000)
    board = Board()
    again = clock.Clock(str(tmp_path), board)
    assert board.now == NOON_S and again.dates_hold()
    assert again.unix_time() == (None, "none")
    board.now += 100  # a reset that leaves the board's clock running does not make the guess better
    third = clock.Clock(str(tmp_path), board)
    assert third.unix_time() == (None, "none") and third.dates_hold()
    third.set((NOON_S + 500) * 1000)
    board.now += 10
    assert clock.Clock(str(tmp_path), board).unix_time() == (NOON_S + 510, "rtc")


def test_a_computer_whose_clock_went_back_is_not_believed(tmp_path):
    clock.Clock(str(tmp_path), Computer(NOON_S)).note()
    assert clock.Clock(str(tmp_path), Computer(NOON_S - 86400)).unix_time() == (None, "none")


def test_a_note_cut_short_at_any_byte_is_as_none(tmp_path):
    path = str(tmp_path) + "/time.bin"
    clock.Clock(str(tmp_path), Computer(NOON_S)).note()
    with open(path, "rb") as file:
        whole = file.read()
    for cut in range(len(whole)):
        with open(path, "wb") as file:
            file.write(whole[:cut])
        assert clock.Clock(str(tmp_path), Board()).unix_time() == (None, "none")


def test_power_cut_at_every_byte_leaves_the_old_note_or_the_new(tmp_path):
    def scene(supply):
        clock.Clock(str(tmp_path), Computer(NOON_S)).note()
        with supply:
            clock.Clock(str(tmp_path), Computer(NOON_S + 60)).note()

    for supply in every_cut(scene):
        board = Board()
        clock.Clock(str(tmp_path), board)
        assert board.now == (NOON_S if supply.is_cut else NOON_S + 60)
