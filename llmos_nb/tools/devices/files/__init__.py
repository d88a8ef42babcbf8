"""The files device: a workspace with an overlay, written to disk by a commit."""
