"""How far what was heard is from what was said: scores and reports."""
