"""`make mutants`: what is changed, what counts as noticed, and that a survivor without a reason fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.mutants import report, survivors
from lab.mutants.dropped_statement import DropStatement
from lab.mutants.mutations import Mutant, mutants
from lab.mutants.survivors import ListError, Survivor
from lab.mutants.targets import ROOT, TARGETS, Target
from lab.mutants.trials import Copy, TrialFailure, time_needed_s, tried

SOURCE = '''"""A store."""

LIMIT = 3


class Store:
    def take(self, n: int | None) -> int | None:
        """Take n."""
        if n < LIMIT and self.open:
            self.held.append(n)
            return n + 1
        self.lost += 1
        raise ValueError
'''
TAKE = "Store.take"


def made(source: str) -> list[tuple[str, str, str]]:
    return [one.identity for one in mutants(source)]


def test_each_operator_is_changed_to_its_neighbour_and_its_opposite() -> None:
    found = [becomes for where, was, becomes in made(SOURCE) if was.startswith("if ") and where == TAKE]
    assert found == [
        "if n <= LIMIT and self.open:",
        "if n >= LIMIT and self.open:",
        "if not n < LIMIT and self.open:",
        "if n < LIMIT or self.open:",
    ]
    assert {("", "LIMIT = 3", "LIMIT = 4"), ("", "LIMIT = 3", "LIMIT = 2")} <= set(made(SOURCE))


def test_what_is_done_for_its_effect_is_left_out() -> None:
    dropped = [was for where, was, becomes in made(SOURCE) if becomes == "pass"]
    assert dropped == ["self.held.append(n)", "return n + 1", "self.lost += 1", "raise ValueError"]
    for example in DropStatement.examples():
        (one,) = [m.code for m in mutants(example.pre_mutation_code) if m.becomes == "pass"]
        assert one == example.post_mutation_code


def test_the_same_change_is_made_once_and_annotations_and_documents_stay() -> None:
    found = list(mutants(SOURCE))
    assert len({one.code for one in found}) == len(found)
    assert all("int | None) -> int | None:" in one.code and "Take n." in one.code for one in found)


def test_a_mutant_is_known_by_its_lines_wherever_they_stand() -> None:
    assert made(SOURCE) == made(SOURCE.replace("LIMIT = 3", "OTHER = None\n\nLIMIT = 3"))


def test_a_change_over_several_lines_is_described_whole() -> None:
    source = "def f(a, b):\n    return (\n        a\n        and b\n    )\n"
    assert ("f", "and b", "or b") in made(source)
    assert ("f", "return ( a and b )", "pass") in made(source)


# The list

ONE = Mutant("code", "take", "a < b", "a <= b", 7)
LISTED = Survivor("a.py", "take", "a < b", "a <= b", "both are the same here")


def test_a_survivor_must_be_listed_and_a_listed_one_must_survive() -> None:
    assert survivors.unlisted("a.py", [ONE], []) == survivors.unlisted("b.py", [ONE], [LISTED]) == [ONE]
    assert survivors.unlisted("a.py", [ONE], [LISTED]) == []
    assert survivors.outdated("a.py", [], [LISTED]) == [LISTED]
    assert survivors.outdated("a.py", [ONE], [LISTED]) == survivors.outdated("b.py", [], [LISTED]) == []


def test_an_entry_is_taken_once_it_has_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "survivors.toml"
    path.write_text(survivors.as_entry("a.py", ONE))
    with pytest.raises(
        ListError, match=r"entry 1: .*accepted: file, where, was, becomes, reason, none empty"
    ):
        survivors.read(path)
    path.write_text(
        survivors.as_entry("a.py", ONE).replace('reason = ""', 'reason = "both are the same here"')
    )
    assert survivors.read(path) == [LISTED]
    path.write_text("[[survivor]\n")
    with pytest.raises(ListError, match=r"^survivors\.toml: "):
        survivors.read(path)


def test_the_committed_list_is_of_files_that_are_tried() -> None:
    assert {one.file for one in survivors.read()} <= {target.file for target in TARGETS}


# Scores


def test_scores_are_kept_by_file_with_what_survived(tmp_path: Path) -> None:
    score = report.Score(20, 18, 1, 66.0)
    assert score.share == 0.9
    path = tmp_path / "build" / "mutants.json"
    file = TARGETS[0].file
    report.write("b.py", score, [], path)
    report.write(file, score, [ONE], path)
    assert report.scores(path) == {"b.py": score, file: score}
    assert f"| `{file}` | `test_firmware_detector.py` | 20 | 18 | 90.0% |" in report.table(
        report.scores(path)
    )
    assert report.survived_last(file, 20, path) == {ONE.identity}
    assert report.survived_last("b.py", 20, path) == set()
    for other, mutants_made in ((file, 21), ("c.py", 20)):  # another file than was measured
        assert report.survived_last(other, mutants_made, path) is None


def test_the_table_goes_between_its_marks() -> None:
    text = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.into_document(text, "new") == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    assert report.BEGIN in report.DOCUMENT.read_text()
    with pytest.raises(ValueError, match="no place for the table"):
        report.into_document("text", "new")


# Trials, in a copy of this repository

SIGNING = Target("firmware/vibnode/signing.py", ("test_firmware_signing.py",))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("mutants") / "0")


def test_a_mutant_is_killed_or_survives_and_the_sources_stay(copy: Copy) -> None:
    source = (ROOT / SIGNING.file).read_text()
    broken = Mutant(source.replace("return difference == 0", "return True"), "", "", "", 1)
    harmless = Mutant(source + "\n# the same\n", "", "", "", 1)
    told: list[str] = []
    outcomes = tried(SIGNING, [broken, harmless], [copy], lambda mutant, outcome: told.append(outcome))
    assert [outcome for _, outcome in outcomes] == told == ["killed", "survived"]
    assert (ROOT / SIGNING.file).read_text() == (copy.folder / SIGNING.file).read_text() == source


def test_trials_that_would_show_nothing_are_refused(copy: Copy) -> None:
    with pytest.raises(TrialFailure, match="its tests do not import it"):
        time_needed_s(Target("firmware/vibnode/detector.py", SIGNING.tests), copy)
    with pytest.raises(TrialFailure, match="its tests fail on the code as it is"):
        time_needed_s(Target(SIGNING.file, ("no_such_file.py",)), copy)
