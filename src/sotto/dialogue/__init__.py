"""Speech, thought, speech: turns, answers, and what of them was heard."""
