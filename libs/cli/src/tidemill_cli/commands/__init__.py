"""The sub-commands of `tidemill`, one module each; `tidemill_cli.app` imports a module when its command is
used.
"""
