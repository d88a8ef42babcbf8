"""The files device: a folder under an overlay, which others see once it is committed."""
