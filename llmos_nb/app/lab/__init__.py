"""The extension of JupyterLab and Notebook 7, and what it talks to."""
