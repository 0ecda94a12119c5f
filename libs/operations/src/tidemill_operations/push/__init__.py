"""`tidemill push`: a file becomes events on a model's topic: read, converted strictly, encoded in columns,
sent, resumable.
"""
