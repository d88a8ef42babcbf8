from .store import Remembered as Remembered
