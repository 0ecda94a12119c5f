from __future__ import annotations

import random

from tests.broker.validator.conftest import AT_MS, Bench
from tests.support.polling import until
from tidemill.contracts.events.platform import QualityReport
from tidemill.kafka.dead_letters import parse_dead_letter
from tidemill.kafka.headers import ORIGIN


def test_a_good_record_goes_on_byte_for_byte_to_its_partition_with_its_origin(bench: Bench) -> None:
    values: list[bytes | None] = [bench.event(f"e{k}") for k in range(8)]
    headers = [[("traceparent", b"00-x"), ("mine", b"%d" % k)] for k in range(8)]
    pushed = bench.output("raw", values, keys=[b"any"] * 8, partitions=[k % 4 for k in range(8)], headers=headers)
    bench.push("raw", pushed)
    bench.start()
    bench.until_judged("raw", 8)
    raw, clean = bench.read("raw"), bench.read("clean")
    assert [(p, key, value) for p, _, key, value, _ in clean] == [(p, key, value) for p, _, key, value, _ in raw]
    topic = bench.topics.name("raw", "flight-delay")
    for (partition, offset, _, _, given), (_, _, _, _, found) in zip(raw, clean, strict=True):
        assert found == {**given, ORIGIN: f"{topic}/{partition}/{offset}".encode()}


def test_a_bad_record_becomes_a_dead_letter_with_its_bytes_and_every_reason(bench: Bench) -> None:
    values: list[bytes | None] = [
        bench.event("a", distance=-1.0, origin="XXX"),
        b"not avro",
        None,
        bench.event(""),
    ]
    bench.push("raw", bench.output("raw", values, keys=[b"k"] * 4, partitions=2, headers=[[("h", b"1")]] * 4))
    bench.start()
    bench.until_judged("raw", 4)
    dead = bench.read("raw_dlq")
    assert [(p, key, value) for p, _, key, value, _ in dead] == [(2, b"k", value) for value in values]
    letters = [parse_dead_letter(list(headers.items())) for *_, headers in dead]
    topic = bench.topics.name("raw", "flight-delay")
    assert [letter[:4] for letter in letters if letter] == [
        (topic, 2, 0, "expect_column_values_to_be_in_set"),
        (topic, 2, 1, "UnknownFormat"),
        (topic, 2, 2, "Tombstone"),
        (topic, 2, 3, "expect_column_value_lengths_to_be_between"),
    ]
    first = letters[0]
    assert first is not None
    assert first[4] == "origin is 'XXX', not one of 'EWR', 'JFK', 'LGA'; distance is -1.0, below 0"
    assert all(headers["h"] == b"1" for *_, headers in dead)
    assert bench.count("clean") == 0


def test_a_second_occurrence_is_set_aside_also_after_a_restart(bench: Bench) -> None:
    bench.push("raw", bench.output("raw", [bench.event("a"), bench.event("b"), bench.event("a")], partitions=1))
    bench.start()
    bench.until_judged("raw", 3)
    bench.stop()
    bench.push("raw", bench.output("raw", [bench.event("b"), bench.event("c")], partitions=1))
    bench.start()
    bench.until_judged("raw", 5)
    assert bench.ids("clean") == ["a", "b", "c"]
    letters = [parse_dead_letter(list(headers.items())) for *_, headers in bench.read("raw_dlq")]
    assert [letter[3:] for letter in letters if letter] == [
        ("expect_column_values_to_be_unique", "event_id 'a' came before"),
        ("expect_column_values_to_be_unique", "event_id 'b' came before"),
    ]


def test_labels_are_validated_beside_events(bench: Bench) -> None:
    values: list[bytes | None] = [
        bench.label("a"),
        bench.label("a", label=False),
        bench.label("b"),
        bench.event("a"),
    ]
    bench.push("labels_raw", bench.output("labels_raw", values, partitions=0))
    bench.start()
    bench.until_judged("labels_raw", 4)
    assert bench.ids("labels") == ["a", "b"]
    letters = [parse_dead_letter(list(headers.items())) for *_, headers in bench.read("labels_raw_dlq")]
    assert [letter[3] for letter in letters if letter] == [
        "expect_compound_columns_to_be_unique",
        "IncompatibleSchema",
    ]
    assert [key for _, _, key, _, _ in bench.read("labels")] == [b"a", b"b"]


def test_a_record_without_key_gets_its_entity_or_its_event_id(bench: Bench) -> None:
    values: list[bytes | None] = [bench.event("a", tail_number="N9"), bench.event("b", tail_number=None)]
    bench.push("raw", bench.output("raw", values, partitions=3))
    bench.start()
    bench.until_judged("raw", 2)
    assert [(p, key) for p, _, key, _, _ in bench.read("clean")] == [(3, b"N9"), (3, b"b")]


def test_reports_add_up_to_what_was_judged(bench: Bench) -> None:
    values: list[bytes | None] = [bench.event(f"e{k}", carrier=None if k % 3 == 0 else "UA") for k in range(60)]
    bench.push("raw", bench.output("raw", values, partitions=[k % 4 for k in range(60)]))
    bench.start(batch_size=7)
    bench.until_judged("raw", 60)
    schema = bench.schemas.platform("quality-report")
    records = until(lambda: bench.read("quality_reports"), 60, "reports")
    reports = [QualityReport.from_dict(bench.codec.decode_one(value, schema)) for _, _, _, value, _ in records]
    assert {key for _, _, key, _, _ in records} == {b"flight-delay"}
    assert (sum(r.rows for r in reports), sum(r.clean for r in reports), sum(r.dead for r in reports)) == (
        60,
        40,
        20,
    )
    assert len({r.report_id for r in reports}) == len(reports)
    nulls = [e for r in reports for e in r.expectations if e.expectation == "expect_column_values_to_not_be_null"]
    assert ({e.column for e in nulls}, sum(e.failed for e in nulls)) == ({"carrier"}, 20)


def test_two_validators_that_come_and_go_write_everything_exactly_once(bench: Bench) -> None:
    chance = random.Random(7)
    total, rounds = 3_000, 6
    ids = [f"e{chance.randrange(2_200)}" for _ in range(total)]
    first = bench.start(instance=0, batch_size=40)
    second = None
    for turn in range(rounds):
        part = ids[turn * total // rounds : (turn + 1) * total // rounds]
        values: list[bytes | None] = [bench.event(i, scheduled_at=AT_MS + turn * 1000) for i in part]
        bench.push("raw", bench.output("raw", values, partitions=[int(i[1:]) % 4 for i in part]))
        if turn == 1:
            second = bench.start(instance=1, batch_size=40)
        if turn == 3:
            first.set()
        bench.until_judged("raw", (turn + 1) * total // rounds)
    assert second is not None
    clean, dead = bench.read("clean"), bench.read("raw_dlq")
    origins = [headers[ORIGIN] for *_, headers in clean]
    positions = {(p, o) for p, o, *_ in bench.read("raw")}
    letters = [parse_dead_letter(list(headers.items())) for *_, headers in dead]
    judged = [tuple(map(int, (origin or b"").decode().split("/")[1:])) for origin in origins]
    judged += [letter[1:3] for letter in letters if letter]
    assert sorted(judged) == sorted(positions)
    assert sorted(bench.ids("clean")) == sorted(set(ids))


def test_the_largest_record_of_raw_fits_into_clean_and_into_dead_letters(bench: Bench) -> None:
    good = bench.event("a", tail_number="N" * 1_047_000)
    bad = bench.event("b", tail_number="N" * 1_047_000, origin="XXX", dest="D" * 500)
    bench.push("raw", bench.output("raw", [good], partitions=0), bench.output("raw", [bad], partitions=1))
    bench.start()
    bench.until_judged("raw", 2)
    assert [value for _, _, _, value, _ in bench.read("clean")] == [good]
    assert [value for _, _, _, value, _ in bench.read("raw_dlq")] == [bad]
