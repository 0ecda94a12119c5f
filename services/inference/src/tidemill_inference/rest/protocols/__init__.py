"""The protocols that REST speaks: our own, the Open Inference Protocol, Arrow; and their OpenAPI."""
