import pytest

from features.errors import TenureError
from serving import live
from serving.live import Live, NotReadyError, Snapshot


class World:
    """What stands outside: a registry with a champion, and scores by it."""

    def __init__(self) -> None:
        self.version: str | None = None
        self.broken = False
        self.computed = 0

    def champion(self) -> str:
        if self.version is None:
            raise TenureError("No model serves yet.", "Run tenure train.")
        return self.version

    def compute(self) -> Snapshot:
        self.computed += 1
        if self.broken:
            raise ZeroDivisionError
        return Snapshot({"version": self.version}, ({"account_id": "a"},))


@pytest.fixture
def world():
    return World()


@pytest.fixture
def current(world):
    return Live(world.champion, world.compute)


def test_before_the_first_look_it_says_that_it_works(current):
    with pytest.raises(NotReadyError, match="being computed"):
        _ = current.snapshot


def test_without_a_champion_it_says_what_to_do_and_goes_on(world, current):
    current.refresh()
    with pytest.raises(NotReadyError, match="Run tenure train"):
        _ = current.snapshot
    world.version = "1"
    current.refresh()
    assert current.snapshot.version == "1"
    assert current.problem is None


def test_nothing_is_computed_twice_for_the_same_champion(world, current):
    world.version = "1"
    current.refresh()
    current.refresh()
    assert world.computed == 1


def test_a_new_champion_replaces_the_whole_snapshot(world, current):
    world.version = "1"
    current.refresh()
    before = current.snapshot
    world.version = "2"
    current.refresh()
    assert (before.version, current.snapshot.version) == ("1", "2")


def test_a_broken_champion_leaves_the_old_scores(world, current):
    world.version = "1"
    current.refresh()
    world.version, world.broken = "2", True
    current.refresh()
    assert current.snapshot.version == "1"
    assert "log says why" in str(current.problem)


def test_old_scores_are_computed_anew(world, current, monkeypatch):
    monkeypatch.setattr(live, "REFRESH_SECONDS", -1.0)
    world.version = "1"
    current.refresh()
    current.refresh()
    assert world.computed == 2


def test_a_source_that_cannot_be_read_anew_leaves_the_old_scores(world, monkeypatch, champion):
    from serving.current import _read

    def compute() -> Snapshot:
        if world.computed:
            _read()
        return world.compute()

    monkeypatch.setattr(live, "REFRESH_SECONDS", -1.0)
    monkeypatch.setenv("TENURE_SOURCE", str(champion.company / "moved away"))
    current = Live(world.champion, compute)
    world.version = "1"
    current.refresh()
    current.refresh()
    assert current.snapshot.version == "1"
    assert "moved away" in str(current.problem)
    assert "log says why" not in str(current.problem)


def test_a_better_champion_is_taken_at_once_after_a_broken_one(world, current):
    world.version = "1"
    current.refresh()
    world.version, world.broken = "2", True
    current.refresh()
    current.refresh()
    assert world.computed == 2, "the broken one is not tried again at once"
    world.version, world.broken = "3", False
    current.refresh()
    assert current.snapshot.version == "3"
    assert current.problem is None


def test_the_tag_says_whether_the_scores_say_the_same():
    def tag(version: str = "1", **row: object) -> str:
        return Snapshot({"version": version}, ({"account_id": "a", **row},)).tag

    assert tag(scored_at="1") == tag(scored_at="2")
    assert len({tag(), tag("2"), tag(name="b")}) == 3
