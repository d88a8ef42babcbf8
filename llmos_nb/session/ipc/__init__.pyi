from . import pipes as pipes
