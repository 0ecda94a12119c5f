"""The benchmarks' own arithmetic, and the codec's benchmark in its short form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.__main__ import main
from benchmarks.cases import CASES
from benchmarks.events import BAD_EVERY, bad_among, payments
from benchmarks.harness.children import stages
from benchmarks.harness.result import Goal, Result, rotated
from benchmarks.harness.sizes import QUICK
from benchmarks.harness.world import Written, contract

from tidemill.contracts.model_file import load_models


def test_figures_are_medians_of_what_each_reached_in_its_runs() -> None:
    runs = [{"ours": 3.0, "limit": 4.0, "other": 1.0}, {"limit": 8.0, "ours": 9.0}, {"ours": 4.0, "limit": 5.0}]
    result = Result.of_runs("x", "records/s", runs)
    assert (result.ours, result.limit, result.rivals) == (4.0, 5.0, {"other": 1.0})
    assert result.ratio == pytest.approx(0.8)


def test_a_result_is_written_with_all_that_the_table_needs(tmp_path: Path) -> None:
    result = Result("x", "records/s", 4.0, 5.0, {"other": 2.0}, stages_us={"decode": 1.5})
    result.goals = [Goal("share", 0.8, 0.9)]
    found = json.loads(result.write(tmp_path).read_text())
    assert {"name", "unit", "ours", "limit", "ratio", "rivals", "runs", "stages_us"} <= found.keys()
    assert found["goals"] == [{"what": "share", "figure": 0.8, "bound": 0.9, "at_most": False, "reached": False}]
    text = "\n".join(result.lines())
    assert "2.0x slower" in text
    assert "NOT REACHED: share 0.8 ≥ 0.9" in text


def test_a_goal_may_be_an_upper_bound() -> None:
    assert Goal("ms", 240, 250, at_most=True).reached
    assert not Goal("ms", 260, 250, at_most=True).reached


def test_participants_take_turns_at_the_beginning() -> None:
    assert [rotated(["a", "b", "c"], run)[0] for run in range(4)] == ["a", "b", "c", "a"]


def test_a_rate_leaves_out_what_was_there_at_the_first_moment() -> None:
    assert Written.of([1_000, 1_000, 1_500, 2_000], 40).rate == pytest.approx(2.0)
    assert Written.of([], 0).records == 0


def test_a_rate_leaves_out_the_first_burst() -> None:
    bursts = [at for burst in range(10) for at in [burst * 100] * 5]
    assert Written.of(bursts, 0).rate == pytest.approx(50)


def test_stages_are_microseconds_a_record() -> None:
    metrics = {'tidemill_stage_seconds_total{stage="process"}': 0.5, "process_cpu_seconds_total": 9.0}
    assert stages(metrics, 1_000_000) == {"process": 0.5}


@pytest.mark.parametrize(("first", "n"), [(0, 5_000), (1_500, 2_000), (999, 1)])
def test_the_number_of_bad_payments_is_known(first: int, n: int) -> None:
    amounts = payments(n, first=first).column("amount").to_pylist()
    assert sum(amount < 0 for amount in amounts) == bad_among(first, n)


def test_payments_follow_from_their_number() -> None:
    assert payments(3, first=BAD_EVERY).equals(payments(3, first=BAD_EVERY))


def test_a_contract_with_several_models_loads(tmp_path: Path) -> None:
    names = contract(tmp_path, 3)
    models = load_models(tmp_path / "models")
    assert sorted(models) == sorted(names)
    assert all(len(spec.expectations) == 10 and len(spec.features) == 10 for spec in models.values())


def test_an_unknown_name_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["decoed"])
    assert "known are decode, encode" in capsys.readouterr().err


def test_the_codec_benchmark_runs() -> None:
    result = CASES["decode"](QUICK)
    assert result.ours > result.rivals["fastavro"] > 0


def test_a_benchmark_that_fails_is_told_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(sizes: object) -> Result:
        raise RuntimeError("no broker")

    monkeypatch.setattr("benchmarks.__main__.VAR", tmp_path)
    monkeypatch.setitem(CASES, "decode", broken)
    monkeypatch.setitem(CASES, "encode", lambda sizes: Result("encode", "records/s", 4.0))
    assert main(["--quick", "decode", "encode"]) == 1
    told = capsys.readouterr().out
    assert "decode               FAILED" in told
    assert "4 records/s" in told
    assert not (tmp_path / "quick" / "decode.json").exists()
