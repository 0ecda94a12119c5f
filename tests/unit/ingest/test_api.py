from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.ingest.conftest import NOW_MS, Failure, Ingest, ingest_of
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.ids import uuid7_time_ms
from tidemill_ingest.records import Target

EVENTS = "/v1/events/flight-delay"
LABELS = "/v1/labels/flight-delay"
AT = "2013-01-31T17:05:00Z"
AT_MS = 1_359_651_900_000


def event(event_id: str = "a", **fields: Any) -> dict[str, Any]:
    return {"event_id": event_id, "scheduled_at": AT, "tail_number": "N1", **fields}


def label(**fields: Any) -> dict[str, Any]:
    return {"event_id": "a", "label": True, "event_time": AT, "observed_at": AT, **fields}


def test_one_object_is_stored_and_its_id_comes_back(ingest: Ingest) -> None:
    answer = ingest.client.post(EVENTS, json=event(distance=100, scheduled_at=AT_MS))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "event_ids": ["a"], "errors": []})
    assert ingest.sink.published[0].topic == "p-flight-delay-raw"
    assert ingest.sink.published[0].record.key == b"N1"
    stored = ingest.events()[0]
    assert (stored["scheduled_at"], stored["distance"], stored["carrier"]) == (AT_MS, 100.0, None)


def test_what_rows_have_to_be_is_told_to_whom_may_push(ingest: Ingest) -> None:
    told = ingest.client.get("/v1/models/flight-delay").json()
    assert told["name"] == "flight-delay"
    assert told["events"]["schema"] == ingest.schemas.record("flight-delay").json
    assert told["labels"]["schema"] == ingest.schemas.label("flight-delay").json
    assert (told["events"]["entity"], told["events"]["received"]) == ("tail_number", None)
    assert (told["labels"]["event_id"], told["labels"]["received"]) == ("event_id", "observed_at")
    assert told["labels"]["other_names"]["late"] == "label"
    unknown = ingest.client.get("/v1/models/flights")
    assert (unknown.status_code, unknown.json()["models"]) == (404, ["flight-delay"])


def test_an_array_is_stored_in_order(ingest: Ingest) -> None:
    answer = ingest.client.post(EVENTS, json=[event("a"), event("b"), event("c")])
    assert answer.json()["event_ids"] == ["a", "b", "c"]
    assert [row["event_id"] for row in ingest.events()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "content_type", ["application/x-ndjson", "application/jsonl; charset=utf-8", "application/json"]
)
def test_lines_are_known_by_their_type_or_by_their_look(ingest: Ingest, content_type: str) -> None:
    body = "\n".join(json.dumps(event(name)) for name in "abc") + "\r\n\n"
    headers = {"Content-Type": content_type}
    answer = ingest.client.post(EVENTS, content=body, headers=headers)
    assert (answer.status_code, answer.json()["event_ids"]) == (202, ["a", "b", "c"])


def test_a_bad_line_does_not_spoil_the_others(ingest: Ingest) -> None:
    body = f"{json.dumps(event('a'))}\n{{oops\n{json.dumps(event('b'))}"
    answer = ingest.client.post(EVENTS, content=body, headers={"Content-Type": "application/x-ndjson"})
    assert (answer.status_code, answer.json()["event_ids"]) == (202, ["a", "b"])
    assert answer.json()["errors"][0]["index"] == 1
    assert "is not JSON" in answer.json()["errors"][0]["reason"]


def test_an_event_without_id_gets_one_that_carries_its_time_where_that_is_asked_for(ingest: Ingest) -> None:
    item = event(tail_number=None)
    del item["event_id"]
    items = [item, {**item, "event_id": None}]
    refused = ingest.client.post(EVENTS, json=items)
    assert refused.status_code == 422 and "?make_ids=true" in refused.json()["errors"][0]["reason"]
    made = ingest.client.post(f"{EVENTS}?make_ids=true", json=items).json()["event_ids"]
    assert len(set(made)) == 2
    assert [uuid7_time_ms(event_id) for event_id in made] == [NOW_MS, NOW_MS]
    assert [p.record.key.decode() for p in ingest.sink.published] == made


def test_every_wrong_field_of_every_item_is_named(ingest: Ingest) -> None:
    answer = ingest.client.post(
        EVENTS, json=[event("ok"), {"event_id": "", "distence": 1}, 5, event("x", distance="far")]
    )
    assert answer.status_code == 202
    found = [(e["index"], e["field"], e["reason"]) for e in answer.json()["errors"]]
    assert found == [
        (1, "scheduled_at", "is missing"),
        (1, "distence", "is not a field of the record; did you mean distance?"),
        (2, "", "is not a JSON object"),
        (3, "distance", "'far' is not a number"),
    ]
    assert len(ingest.sink.published) == 1


def test_nothing_right_in_it_is_unprocessable(ingest: Ingest) -> None:
    answer = ingest.client.post(EVENTS, json=[{"event_id": ""}])
    assert answer.status_code == 422
    assert answer.json()["accepted"] == 0
    assert ingest.sink.published == []


def test_an_empty_array_is_accepted_as_nothing(ingest: Ingest) -> None:
    assert ingest.client.post(EVENTS, content=b"[]").json() == {"accepted": 0, "event_ids": [], "errors": []}


@pytest.mark.parametrize("name", ["entity", "tail_number"])
def test_a_label_is_keyed_by_the_entity_that_is_given_beside_it(ingest: Ingest, name: str) -> None:
    answer = ingest.client.post(LABELS, json=label(**{name: "N1"}))
    assert answer.status_code == 202
    assert (ingest.sink.published[0].topic, ingest.sink.published[0].record.key) == (
        "p-flight-delay-labels-raw",
        b"N1",
    )
    assert ingest.labels() == [{"event_id": "a", "label": True, "event_time": AT_MS, "observed_at": AT_MS}]


def test_a_label_whose_event_has_no_entity_is_keyed_by_its_event_id_and_observed_now(ingest: Ingest) -> None:
    item = label(entity=None)
    del item["observed_at"]
    ingest.client.post(LABELS, json=item)
    assert ingest.sink.published[0].record.key == b"a"
    assert ingest.labels()[0]["observed_at"] == NOW_MS


@pytest.mark.parametrize(
    "wrong", [label(label="yes", entity="N"), label(label=None, entity="N"), label(entity=[1]), label()]
)
def test_a_wrong_label_is_refused(ingest: Ingest, wrong: dict[str, Any]) -> None:
    assert ingest.client.post(LABELS, json=wrong).status_code == 422


def test_an_unknown_model_is_answered_with_the_known_ones(ingest: Ingest) -> None:
    answer = ingest.client.post("/v1/events/flight-delya", json=event())
    assert (answer.status_code, answer.json()["models"]) == (404, ["flight-delay"])


def test_a_model_with_a_source_of_its_own_takes_no_events_here(contract: tuple[SchemaCatalog, list[Target]]) -> None:
    schemas, targets = contract
    ingest = ingest_of(
        schemas, [replace(one, topic="ops.flights", external=True) if one.role == "raw" else one for one in targets]
    )
    answer = ingest.client.post(EVENTS, json=event())
    assert (answer.status_code, answer.json()["error"]) == (409, "external_source")
    assert "ops.flights" in answer.json()["message"]
    assert ingest.client.post(LABELS, json=label(entity="N1")).status_code == 202
    told = ingest.client.get("/v1/models/flight-delay").json()
    assert told["events"] is None and told["labels"]["event_id"] == "event_id"


def test_what_is_not_json_is_answered_with_the_position(ingest: Ingest) -> None:
    answer = ingest.client.post(EVENTS, content=b'{"event_id": "a",\n  oops}')
    assert answer.status_code == 400
    assert (answer.json()["error"], answer.json()["line"]) == ("malformed_json", 2)


def test_a_body_beyond_the_limit_is_refused_whether_it_says_so_or_not(ingest: Ingest) -> None:
    large = json.dumps([event(str(k)) for k in range(1000)]).encode()
    assert ingest.client.post(EVENTS, content=large).status_code == 413
    chunks = (large[at : at + 1000] for at in range(0, len(large), 1000))
    assert ingest.client.post(EVENTS, content=chunks).status_code == 413
    assert ingest.client.post(EVENTS, content=b"[" + b",".join([b"{}"] * 101) + b"]").status_code == 413
    assert ingest.sink.published == []


def test_a_compressed_body_is_refused_in_words(ingest: Ingest) -> None:
    answer = ingest.client.post(EVENTS, content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["error"]) == (415, "unsupported_encoding")


def test_what_kafka_did_not_acknowledge_is_never_called_accepted(ingest: Ingest) -> None:
    ingest.sink.failures[1] = Failure("not in time", stored=None)
    answer = ingest.client.post(EVENTS, json=[event("a"), event("b"), event("c")])
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "7"
    assert answer.json()["event_ids"] == ["a", "c"]
    (error,) = answer.json()["errors"]
    assert (error["index"], error["event_id"], error["stored"], error["reason"]) == (
        1,
        "b",
        None,
        "not in time",
    )


def test_a_record_that_never_fits_is_an_error_of_its_own(ingest: Ingest) -> None:
    ingest.sink.failures[0] = Failure("too large", stored=False, lasting=True)
    assert ingest.client.post(EVENTS, json=[event("a"), event("b")]).status_code == 202
    assert ingest.client.post(EVENTS, json=event("a")).status_code == 422


def test_a_trace_goes_on_with_the_records(ingest: Ingest) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ingest.client.post(EVENTS, json=event(), headers={"traceparent": parent})
    carried = ingest.sink.published[0].headers["traceparent"].decode()
    assert carried.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert carried.endswith("-01")
    assert carried != parent


@pytest.mark.parametrize("parent", [None, "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "é"])
def test_without_a_valid_trace_a_new_one_begins(ingest: Ingest, parent: str | None) -> None:
    headers = {"traceparent": parent.encode("latin-1")} if parent else {}
    ingest.client.post(EVENTS, json=event(), headers=headers)
    assert re.fullmatch(
        rb"00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-0[01]", ingest.sink.published[0].headers["traceparent"]
    )


def test_a_request_id_comes_back_or_is_made(ingest: Ingest) -> None:
    assert ingest.client.post(EVENTS, json=event(), headers={"X-Request-ID": "r-1"}).headers["X-Request-ID"] == "r-1"
    made = ingest.client.post(EVENTS, json=event(), headers={"X-Request-ID": "a b"}).headers["X-Request-ID"]
    assert uuid7_time_ms(made)


def test_readiness_says_why_not(ingest: Ingest) -> None:
    assert ingest.client.get("/health/ready").status_code == 200
    ingest.unready.append("Kafka does not answer")
    answer = ingest.client.get("/health/ready")
    assert (answer.status_code, answer.json()["reasons"]) == (503, {"kafka": "Kafka does not answer"})
    assert ingest.client.get("/health/live").status_code == 200


def test_metrics_count_records_by_outcome(ingest: Ingest) -> None:
    ingest.client.post(EVENTS, json=event())
    text = ingest.client.get("/metrics").text
    assert 'tidemill_ingest_records_total{model="flight-delay",outcome="accepted",role="raw"}' in text
    assert 'http_requests_total{method="POST",path="/v1/events/{model}",status="202"}' in text
    assert 'http_request_duration_seconds_bucket{le="1.0",method="POST",path="/v1/events/{model}"}' in text


def test_failures_of_a_path_are_counted_from_0_on_so_that_an_alert_sees_the_first_of_them(ingest: Ingest) -> None:
    ingest.client.post(EVENTS, json=event())
    text = ingest.client.get("/metrics").text
    assert 'http_request_errors_total{method="POST",path="/v1/events/{model}",status="500"} 0.0' in text
    assert 'http_request_errors_total{method="POST",path="/v1/events/{model}",status="503"} ' in text


def test_what_is_the_callers_fault_is_no_error_of_the_service(ingest: Ingest) -> None:
    def counted() -> dict[str, float]:
        lines = ingest.client.get("/metrics").text.splitlines()
        found = {"http_request_errors_total": 0.0, "http_request_refusals_total": 0.0}
        for line in lines:
            name = line.partition("{")[0]
            if name in found:
                found[name] += float(line.rpartition(" ")[2])
        return found

    before = counted()
    for number in range(5):
        assert ingest.client.request(f"BREW{number}", "/v1/events/x").status_code == 405
        assert ingest.client.post(f"/v1/events/model-{number}", json={}).status_code == 404
        assert ingest.client.get(f"/nowhere/{number}").status_code == 404
    after = counted()
    assert after["http_request_errors_total"] == before["http_request_errors_total"]
    assert after["http_request_refusals_total"] == before["http_request_refusals_total"] + 15
    text = ingest.client.get("/metrics").text
    assert "BREW" not in text
    assert "model-3" not in text
    ingest.sink.failures[0] = Failure("not in time", stored=None)
    assert ingest.client.post(EVENTS, json=event()).status_code == 503
    assert counted()["http_request_errors_total"] == before["http_request_errors_total"] + 1


def test_the_openapi_document_describes_routes_and_answers(ingest: Ingest) -> None:
    document = ingest.client.get("/openapi.json").json()
    route = document["paths"]["/v1/events/{model}"]["post"]
    assert set(route["responses"]) >= {"202", "400", "404", "413", "422", "503"}
    assert set(route["requestBody"]["content"]) == {"application/json", "application/x-ndjson"}


def test_the_openapi_document_says_how_a_caller_proves_who_it_is(ingest: Ingest) -> None:
    document = ingest.client.get("/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}
    assert schemes["key"] | {"description": ""} == {
        "type": "apiKey", "in": "header", "name": "X-API-Key", "description": "",
    }  # fmt: skip
    for path, operations in document["paths"].items():
        for operation in operations.values():
            wanted = [{name: []} for name in schemes] if path.startswith("/v1/") else []
            assert operation.get("security", []) == wanted, path


def test_whether_ids_are_made_is_true_or_false(ingest: Ingest) -> None:
    answer = ingest.client.post(f"{EVENTS}?make_ids=maybe", json=event())
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_parameter")
    parameters = ingest.client.get("/openapi.json").json()["paths"]["/v1/events/{model}"]["post"]["parameters"]
    assert {parameter["name"] for parameter in parameters} == {"model", "make_ids"}
