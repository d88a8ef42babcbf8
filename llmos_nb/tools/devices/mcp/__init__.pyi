from .servers import Servers as Servers
