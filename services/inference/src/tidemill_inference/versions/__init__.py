"""From a published version to a model that serves: watched, fetched, loaded, swapped in."""
