from .servers import Servers as Servers, told_plainly as told_plainly
