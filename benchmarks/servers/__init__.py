"""The same model behind other people's servers, each a process of its own; nothing here imports ours.

Each is started with its port and the graph's path, takes one payment as JSON and gives its probability. `work.py` is
what all of them do; they differ in what stands around it.
"""
