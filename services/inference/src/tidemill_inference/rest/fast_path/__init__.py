"""The common request answered inside uvicorn's protocol, before the framework."""
