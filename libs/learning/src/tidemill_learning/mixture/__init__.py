"""Several versions as one: their graphs side by side in one graph, weighted, measured and made again."""
