"""Rights are given many at once. The admin client is a stand-in: a broker takes all of one principal, or none."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from tidemill_operations.provision.cluster import allow
from tidemill_operations.provision.rights import GROUP, TOPIC, Right


class Admin:
    """Refuses rights on topics."""

    def create_acls(self, bindings: list[Any], **options: Any) -> dict[Any, Future[Any]]:
        return {binding: self._answer(binding) for binding in bindings}

    def _answer(self, binding: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if binding.restype.name == "TOPIC":
            future.set_exception(KafkaException(KafkaError(KafkaError.POLICY_VIOLATION)))
        else:
            future.set_result(None)
        return future


def test_no_right_of_a_principal_that_is_given_hides_one_that_is_refused() -> None:
    given = [
        Right("User:a", TOPIC, "t", "READ"),
        Right("User:a", GROUP, "g", "READ"),
        Right("User:b", GROUP, "g", "READ"),
    ]
    assert allow(Admin(), given).keys() == {"User:a"}  # type: ignore[arg-type]
    assert not allow(Admin(), given[1:])  # type: ignore[arg-type]
