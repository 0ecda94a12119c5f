"""The model file: the one thing that a user writes, read into frozen types, with errors that say where.

`load_model` reads one file, `load_models` a folder. What a file says about its record is checked against the `.avsc` by
`tidemill.contracts.record_check`, which `SchemaCatalog.load` asks for every model.
"""

from tidemill.contracts.model_file.errors import ModelFileError
from tidemill.contracts.model_file.load import load_model, load_models
from tidemill.contracts.model_file.spec import (
    DecisionCost,
    Drift,
    ExpectationSpec,
    ExternalSource,
    Feature,
    FieldPath,
    Gate,
    ModelSpec,
    PrivacyRule,
    Release,
    ReleaseLimits,
    Retrain,
    Step,
    Target,
    Training,
)

__all__ = [
    "DecisionCost",
    "Drift",
    "ExpectationSpec",
    "ExternalSource",
    "Feature",
    "FieldPath",
    "Gate",
    "ModelFileError",
    "ModelSpec",
    "PrivacyRule",
    "Release",
    "ReleaseLimits",
    "Retrain",
    "Step",
    "Target",
    "Training",
    "load_model",
    "load_models",
]
