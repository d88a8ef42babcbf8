from .model import ANSWER as ANSWER, OutsideModel as OutsideModel, Told as Told, Wanted as Wanted
