"""How soon a conversation answers, and how soon it stops when it is interrupted."""
