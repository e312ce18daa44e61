"""How a model learns: the network, its losses, the loop, and what outlives a kill."""
