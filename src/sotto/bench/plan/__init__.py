"""How many machines so many streams need, by what was measured, and what comes when some die."""
