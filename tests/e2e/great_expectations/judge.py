"""Runs in an environment of its own: Great Expectations' judgement of a table, row by row.

Reads JSON from standard input: {"rows": [...], "expectations": [{"name", "kwargs"}, ...]}; prints a list with, for each
expectation, the indices of the rows that do not meet it.
"""

from __future__ import annotations

import json
import sys

import great_expectations as gx
import pandas as pd

asked = json.load(sys.stdin)
frame = pd.DataFrame(asked["rows"], dtype=object)
context = gx.get_context(mode="ephemeral")
batch = (
    context.data_sources.add_pandas("p")
    .add_dataframe_asset("a")
    .add_batch_definition_whole_dataframe("b")
    .get_batch({"dataframe": frame})
)
answers = []
for asked_one in asked["expectations"]:
    name = "".join(part.capitalize() for part in asked_one["name"].split("_"))
    found = batch.validate(getattr(gx.expectations, name)(**asked_one["kwargs"]), result_format="COMPLETE")
    if found.exception_info.get("raised_exception"):
        raise SystemExit(f"{asked_one}: {found.exception_info}")
    answers.append(sorted(found.result.get("unexpected_index_list") or []))
print(json.dumps(answers))
