"""Grafana's dashboards, one module each; `panels` and `frame` say what they are made of, `alerts` what they are held
against.
"""
