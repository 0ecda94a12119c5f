"""The pages of docs/reference, one module for each: text made of what the code says, the same at every run."""
