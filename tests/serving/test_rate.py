from serving.rate import RateLimit


def test_a_minutes_worth_may_come_at_once_and_then_one_by_one(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    limit = RateLimit(60)
    assert [limit.wait_s(0) for _ in range(60)] == [0.0] * 60
    assert limit.wait_s(0) == 1.0
    now[0] += 1.0
    assert limit.wait_s(0) == 0.0
    assert limit.wait_s(0) == 1.0
    now[0] += 3600.0
    assert [limit.wait_s(0) > 0 for _ in range(61)] == [False] * 60 + [True]


def test_each_key_has_its_own():
    limit = RateLimit(1)
    assert limit.wait_s(0) == 0.0
    assert limit.wait_s(1) == 0.0
    assert limit.wait_s(0) > 0


def test_workers_count_together(tmp_path):
    one, other = (RateLimit(4, tmp_path / "rates") for _ in range(2))
    assert [limit.wait_s(3) > 0 for limit in (one, other, one, other, one)] == [False] * 4 + [True]
