"""What status and quality tell of labels is what *profile* commits beside its offsets."""

from __future__ import annotations

import json

import pytest

from tidemill.kafka.partitions.marks import Mark
from tidemill_drift.adapters.committed import metadata_of, place_of
from tidemill_learning.drift.labels.orphans import MAX_KEPT
from tidemill_learning.drift.profiling.windows import LabelCounts, Place, RestPlace
from tidemill_operations.standing.label_counts import LabelsMet, added


def committed(place: Place) -> Place | None:
    from confluent_kafka import TopicPartition

    return place_of(TopicPartition("m-labels", 0, place.offset, metadata=metadata_of(place)))


def test_counts_are_added_up_over_partitions_of_the_labels_topic() -> None:
    counts = [LabelCounts(90, 80, 7, (40, 50, 60)), LabelCounts(20, 20, 0), LabelCounts(9, 9, 9, (8,))]
    metadata = {("m-labels", n): metadata_of(Place(5, 1, 2, one)) for n, one in enumerate(counts)}
    metadata |= {("m-clean", 0): metadata_of(Place(5, 1, 2)), ("other-labels", 0): metadata["m-labels", 2]}
    met = added(LabelsMet(), "m-labels", metadata)
    assert met == LabelsMet(109, 16, ("m-labels/0/60", "m-labels/2/8"))
    assert str(met) == "16 of 109 (14.7%); the newest: m-labels/0/60, m-labels/2/8"
    assert str(LabelsMet(5, 0)) == "0 of 5"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"clock": 1, "window": 2}', '{"labels": null}'])
def test_metadata_of_others_and_of_earlier_versions_says_nothing(text: str) -> None:
    assert added(LabelsMet(), "m-labels", {("m-labels", 0): text}) == LabelsMet()


def test_a_place_is_read_back_as_it_was_committed() -> None:
    for place in (Place(5, 1, 2), Place(5, 1, 2, LabelCounts(9, 8, 7, (6, 5), (("AbCdEfGhIjK", 5),)))):
        assert committed(place) == place
    most = LabelCounts(2**62, 2**62, 2**62, (2**62,) * 3, (("AbCdEfGhIjK", 2**62),) * MAX_KEPT)
    rest = RestPlace(*[2**62] * 6)
    assert len(metadata_of(Place(2**62, 2**62, 2**62, most, rest), Mark("A" * 22, 2**62))) < 4_096
    assert "labels" not in json.loads(metadata_of(Place(5, 1, 2)))
