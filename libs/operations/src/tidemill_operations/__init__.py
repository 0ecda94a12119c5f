"""What a person does to a platform, without a terminal: push, audit, trace, replay, provision, predict, import."""
