"""Notices for people about what the loop does, and the channels that bring them: webhook, Slack, e-mail, GitHub."""
