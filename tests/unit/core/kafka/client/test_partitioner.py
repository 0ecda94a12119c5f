"""Keys go where Kafka's own clients send them."""

from __future__ import annotations

import pytest

from tidemill.kafka.client.partitioner import murmur2, partition_of


# From Kafka's own test, org.apache.kafka.common.utils.UtilsTest.testMurmur2.
@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_kafkas(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % (1 << 32)


def test_a_partition_is_one_of_those_there_are() -> None:
    assert {partition_of(f"key-{number}".encode(), 4) for number in range(100)} == {0, 1, 2, 3}
