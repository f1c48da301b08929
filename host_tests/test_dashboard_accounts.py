"""Users, their passwords and sessions, as they stand in the database."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from vibdash.access import accounts as accounts_module
from vibdash.access.accounts import KNOWN_MS, MOST_KNOWN, SESSION_MS, Account, AccountError, Accounts, Role
from vibdash.database.opening import open_database
from vibdash.database.schema import account, journal, login_session

from lab.rigs.databases import KINDS, new_database

NOW_MS = 1_760_000_000_000
PASSWORD = "correct horse"
SECURE_HASHER = accounts_module._hasher


@pytest.fixture(params=KINDS)
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    opened = open_database(new_database(request.param, tmp_path))
    yield opened
    opened.dispose()


@pytest.fixture
def accounts(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """No users yet; passwords are hashed as cheaply as can be."""
    monkeypatch.setattr(accounts_module, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    accounts_module._no_hash.cache_clear()
    return Accounts(engine)


def rows(engine: sa.Engine, *columns: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*columns))]


def test_a_password_opens_its_own_account_only(accounts: Accounts) -> None:
    assert not accounts.exist()
    accounts.add("ada", Role.OPERATOR, PASSWORD, NOW_MS)
    accounts.add("bob", Role.VIEWER, "another secret", NOW_MS)
    assert accounts.exist()
    assert accounts.check("ada", PASSWORD) == Account("ada", Role.OPERATOR)
    assert accounts.check("ada", "another secret") is None
    assert accounts.check("bob", PASSWORD) is None
    assert accounts.check("eve", PASSWORD) is None


def test_a_session_ends_by_time_by_logout_by_removal_and_by_a_new_password(accounts: Accounts) -> None:
    accounts.add("ada", Role.OPERATOR, PASSWORD, NOW_MS)

    def lives(token: str, at_ms: int = NOW_MS) -> bool:
        return accounts.of_session(token, at_ms) is not None

    token = accounts.begin_session("ada", NOW_MS)
    assert lives(token, NOW_MS + SESSION_MS - 1)
    assert not lives(token, NOW_MS + SESSION_MS)
    assert not lives(token + "x")
    accounts.end_session(token)
    assert not lives(token)
    token = accounts.begin_session("ada", NOW_MS)
    accounts.set_password("ada", "something else", NOW_MS)
    assert not lives(token)
    token = accounts.begin_session("ada", NOW_MS)
    accounts.remove("ada", NOW_MS)
    assert not lives(token)


@pytest.mark.parametrize(
    ("name", "password"),
    [("Ada", PASSWORD), ("", PASSWORD), ("local", PASSWORD), ("ada", "short"), ("a b", PASSWORD)],
)
def test_bad_names_and_passwords_are_refused(accounts: Accounts, name: str, password: str) -> None:
    with pytest.raises(AccountError, match="; accepted: "):
        accounts.add(name, Role.VIEWER, password, NOW_MS)
    assert not accounts.exist()


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("operator", True), ("engineer", True)])
def test_roles_hold_each_other(role: str, may: bool) -> None:
    assert Account("ada", Role(role)).may(Role.OPERATOR) is may


def test_what_is_stored_of_a_password_is_a_hash_that_takes_memory_to_guess(
    accounts: Accounts, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_module, "_hasher", SECURE_HASHER)
    accounts.add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    ((stored, at_ms),) = rows(engine, account.c.password_hash, account.c.created_at_ms)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$") and PASSWORD not in stored
    assert at_ms == NOW_MS


def test_a_name_that_there_is_not_takes_as_long_as_a_wrong_password(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[str, str]] = []
    hasher = accounts_module._hasher

    class Noting:
        def hash(self, password: str) -> str:
            return hasher.hash(password)

        def verify(self, stored: str, password: str) -> bool:
            tried.append((stored, password))
            return hasher.verify(stored, password)

    monkeypatch.setattr(accounts_module, "_hasher", Noting())
    accounts.add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    assert accounts.check("eve", "guess") is None and accounts.check("eve", "again") is None
    (first, _), (second, password) = tried
    assert first == second and first.startswith("$argon2id$") and password == "again"
    with pytest.raises(VerifyMismatchError):
        hasher.verify(first, "")


def test_not_even_the_password_of_nobody_opens_an_account(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_module, "_no_hash", lambda: accounts_module._hasher.hash("known"))
    assert accounts.check("eve", "known") is None


def test_a_hash_that_is_none_opens_nothing(accounts: Accounts, engine: sa.Engine) -> None:
    accounts.add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    with engine.begin() as connection:
        connection.execute(account.update().values(password_hash="damaged"))
    assert accounts.check("ada", PASSWORD) is None


def test_a_role_cannot_be_given_to_an_account_in_passing() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Account("ada", Role.VIEWER).role = Role.ENGINEER  # type: ignore[misc]


def test_users_are_told_by_name(accounts: Accounts) -> None:
    assert accounts.all() == []
    for name, role in (("bob", Role.ENGINEER), ("ada", Role.VIEWER), ("eve", Role.OPERATOR)):
        accounts.add(name, role, PASSWORD, NOW_MS)
    assert accounts.all() == [
        Account("ada", Role.VIEWER),
        Account("bob", Role.ENGINEER),
        Account("eve", Role.OPERATOR),
    ]


@pytest.mark.parametrize("name", ["a", "0", "a" * 32, "a.b-c_d"])
def test_good_names_are_taken(accounts: Accounts, name: str) -> None:
    accounts.add(name, Role.VIEWER, PASSWORD, NOW_MS)
    assert accounts.check(name, PASSWORD) == Account(name, Role.VIEWER)


@pytest.mark.parametrize("name", ["a" * 33, ".a", "-a", "_a", "local", "a\n", "Ada", ""])
def test_a_name_that_is_none_is_told_what_one_is(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccountError) as refused:
        accounts.add(name, Role.VIEWER, PASSWORD, NOW_MS)
    assert str(refused.value) == f"user: {name!r}; accepted: 1 to 32 of a-z, 0-9, dot, - and _, and not local"
    assert not accounts.exist()


def test_a_password_has_12_to_128_characters(accounts: Accounts) -> None:
    for number, length in enumerate((12, 128)):
        accounts.add(f"u{number}", Role.VIEWER, "x" * length, NOW_MS)
        accounts.set_password(f"u{number}", "y" * length, NOW_MS)
        assert accounts.check(f"u{number}", "y" * length) and not accounts.check(f"u{number}", "x" * length)
    for length in (0, 11, 129):
        said = rf"^password: {length} characters; accepted: 12 to 128 characters$"
        with pytest.raises(AccountError, match=said):
            accounts.add("ada", Role.VIEWER, "x" * length, NOW_MS)
        with pytest.raises(AccountError, match=said):
            accounts.set_password("u0", "x" * length, NOW_MS)
    assert [one.name for one in accounts.all()] == ["u0", "u1"] and accounts.check("u0", "y" * 12)


def test_a_name_is_given_once(accounts: Accounts, engine: sa.Engine) -> None:
    accounts.add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    said = "^user ada: is defined already; accepted: another name, or vibdash user password$"
    with pytest.raises(AccountError, match=said):
        accounts.add("ada", Role.ENGINEER, "something else", NOW_MS)
    assert accounts.check("ada", PASSWORD) == Account("ada", Role.VIEWER)
    assert len(rows(engine, journal.c.id)) == 1


def test_who_is_not_there_is_told_where_to_look(accounts: Accounts, engine: sa.Engine) -> None:
    said = "^user ada: not defined; accepted: one that vibdash user list shows$"
    with pytest.raises(AccountError, match=said):
        accounts.set_password("ada", PASSWORD, NOW_MS)
    with pytest.raises(AccountError, match=said):
        accounts.remove("ada", NOW_MS)
    assert rows(engine, journal.c.id) == []


def test_a_change_is_of_one_user_only_and_in_the_journal(accounts: Accounts, engine: sa.Engine) -> None:
    for name in ("ada", "bob", "eve"):
        accounts.add(name, Role.VIEWER, PASSWORD, NOW_MS)
    tokens = {name: accounts.begin_session(name, NOW_MS) for name in ("ada", "bob", "eve")}
    accounts.set_password("ada", "something else", NOW_MS + 1)
    accounts.remove("eve", NOW_MS + 2)
    assert accounts.check("ada", "something else") and not accounts.check("ada", PASSWORD)
    assert accounts.check("bob", PASSWORD) and not accounts.check("eve", PASSWORD)
    alive = {name: accounts.of_session(token, NOW_MS) for name, token in tokens.items()}
    assert alive == {"ada": None, "bob": Account("bob", Role.VIEWER), "eve": None}
    assert rows(engine, login_session.c.account) == [("bob",)]
    told = rows(engine, journal.c.id, journal.c.at_ms, journal.c.author, journal.c.action, journal.c.note)
    assert [one[1:] for one in told] == [
        *((NOW_MS, "command line", "user-add", f"{name}, viewer") for name in ("ada", "bob", "eve")),
        (NOW_MS + 1, "command line", "user-password", "ada"),
        (NOW_MS + 2, "command line", "user-remove", "eve"),
    ]


def test_a_session_is_stored_as_a_digest_and_swept_away_when_it_is_over(
    accounts: Accounts, engine: sa.Engine
) -> None:
    accounts.add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    first = accounts.begin_session("ada", NOW_MS)
    second = accounts.begin_session("ada", NOW_MS + 1)
    assert first != second and len(first) == 43  # 256 bits
    columns = (login_session.c.expires_at_ms, login_session.c.token_digest)
    kept = [
        (NOW_MS + i + SESSION_MS, hashlib.sha256(t.encode()).hexdigest())
        for i, t in enumerate((first, second))
    ]
    assert rows(engine, *columns) == kept
    third = accounts.begin_session("ada", NOW_MS + SESSION_MS)
    assert [at for at, _ in rows(engine, *columns)] == [NOW_MS + 1 + SESSION_MS, NOW_MS + 2 * SESSION_MS]
    accounts.end_session(second)
    assert accounts.of_session(third, NOW_MS + SESSION_MS) and len(rows(engine, *columns)) == 1
    assert SESSION_MS == 12 * 60 * 60 * 1000


def test_a_browser_is_known_to_the_user_of_it_for_a_time_and_until_the_password_changes(
    accounts: Accounts,
) -> None:
    for name in ("ada", "bob"):
        accounts.add(name, Role.VIEWER, PASSWORD, NOW_MS)
    token = accounts.make_known("ada", NOW_MS)
    assert accounts.is_known("ada", token, NOW_MS)
    assert not accounts.is_known("bob", token, NOW_MS)
    assert not accounts.is_known("ada", "guess", NOW_MS)
    assert not accounts.is_known("ada", token, NOW_MS + KNOWN_MS)
    for n in range(MOST_KNOWN - 1):
        accounts.make_known("ada", NOW_MS + 1 + n)
    assert accounts.is_known("ada", token, NOW_MS)
    newest = accounts.make_known("ada", NOW_MS + 100)
    assert not accounts.is_known("ada", token, NOW_MS)
    accounts.set_password("ada", "something else", NOW_MS)
    assert not accounts.is_known("ada", newest, NOW_MS)


def test_each_change_waits_until_nobody_else_writes(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(accounts_module, "be_the_only_writer", lambda connection: seen.append("waits"))
    accounts.add("ada", Role.VIEWER, PASSWORD, NOW_MS)
    token = accounts.begin_session("ada", NOW_MS)
    assert len(seen) == 2
    accounts.end_session(token)
    assert len(seen) == 3
    accounts.set_password("ada", "something else", NOW_MS)
    assert len(seen) == 4
    accounts.make_known("ada", NOW_MS)
    assert len(seen) == 5
    accounts.remove("ada", NOW_MS)
    assert len(seen) == 6
