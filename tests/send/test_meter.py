from hypothesis import given
from hypothesis import strategies as st

from etl.send.account import SendProgress
from etl.send.meter import MAX_SAMPLES, Histogram, Meter, Timeline
from etl.values.outcome import SendSample


@given(st.lists(st.lists(st.floats(0, 200), max_size=50), max_size=5), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_right_to_within_a_tenth(batches: list[list[float]], share: float) -> None:
    histogram = Histogram()
    for batch in batches:
        histogram.add_sorted(sorted(batch))
    everything = sorted(value for batch in batches for value in batch)
    assert sum(histogram.counts) == len(everything)
    found = histogram.quantile(share)
    if not everything:
        assert found == 0
        return
    exact = next(value for rank, value in enumerate(everything, 1) if rank >= share * len(everything))
    assert exact <= found * 1.0001 or found == histogram.largest
    assert found <= max(exact * 1.1001, 0.0001) or exact > 147


def test_histograms_add_up() -> None:
    one, other = Histogram(), Histogram()
    one.add_sorted([0.01, 0.02])
    other.add_sorted([0.5])
    one.add(other)
    assert sum(one.counts) == 3
    assert one.largest == 0.5


def second(at: float, settled: int = 10, p95: float = 0.1) -> SendSample:
    return SendSample(at, 1.0, settled, settled, 0.05, p95, 3, 4)


def test_a_long_timeline_joins_neighbours_and_loses_no_count() -> None:
    timeline = Timeline()
    for number in range(10_000):
        timeline.add(second(float(number), settled=number, p95=5.0 if number == 4321 else 0.1))
    samples = timeline.samples()
    assert MAX_SAMPLES / 2 <= len(samples) <= MAX_SAMPLES
    assert sum(sample.settled for sample in samples) == sum(range(10_000))
    assert sum(sample.seconds for sample in samples) == 10_000
    assert [sample.at_seconds for sample in samples] == sorted(sample.at_seconds for sample in samples)
    assert max(sample.p95_seconds for sample in samples) == 5.0
    ends = [sample.at_seconds + sample.seconds for sample in samples]
    assert ends[:-1] == [sample.at_seconds for sample in samples[1:]]


def test_a_short_timeline_has_a_sample_a_second() -> None:
    timeline = Timeline()
    for number in range(100):
        timeline.add(second(float(number)))
    assert [sample.seconds for sample in timeline.samples()] == [1.0] * 100


def test_a_window_takes_what_was_measured_since_the_last() -> None:
    meter = Meter(100.0)
    meter.latencies += [0.3, 0.1, 0.2]
    meter.failures, meter.held_seconds = 2, 1.5
    assert meter.window_age_seconds(100.5) == 0.5
    window = meter.close_window(100.5)
    assert window == (0.5, 3, 2, 0.3 + 0.1 + 0.2 + 1.5, 0.2)
    assert meter.close_window(101.0) == (0.5, 0, 0, 0.0, None)


def test_a_second_is_sampled_once_it_is_over() -> None:
    meter, progress = Meter(100.0), SendProgress()
    meter.latencies += [0.1] * 10
    meter.close_window(100.5)
    progress.delivered, progress.refused, progress.attempts, progress.in_flight, progress.limit = (
        8,
        2,
        11,
        3,
        4,
    )
    assert not meter.close_second(100.9, progress)
    assert meter.close_second(101.0, progress)
    progress.delivered = 13
    meter.close_second(101.25, progress, at_end=True)
    first, last = meter.timeline()
    assert (first.at_seconds, first.seconds, first.settled, first.attempts) == (0.0, 1.0, 10, 11)
    assert (last.at_seconds, last.seconds, last.settled, last.attempts) == (1.0, 0.25, 5, 0)
    assert 0.1 <= first.p50_seconds <= 0.11
    assert meter.latencies_so_far().p99_seconds == first.p95_seconds


def test_requests_answered_with_429_or_not_at_all_are_not_accepted() -> None:
    meter = Meter(0.0)
    meter.statuses.update({0: 5, 200: 10, 422: 2, 429: 7, 500: 1})
    assert meter.accepted() == 13
