from .part import Remembered as Remembered
