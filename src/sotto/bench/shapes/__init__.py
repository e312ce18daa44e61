"""Checkpoints of Whisper's shapes with crafted weights: `sotto bench make-shape`.

They cost what real ones cost, layer by layer, and say a fixed number of words for each second of
sound, so that servers can be compared at real sizes without a download. What they say means
nothing. How it works, along the road of a sound:

- The sound's loudness below 1 kHz lands in one channel of the encoder (`hearing.py`). Its positions
  carry the number of their slot, one `rate`-th of a second each, as two digits in a one-hot code.
  Nothing writes to these channels again: random layers pass them by.
- Each slot has a word of its own, whose embedding holds the slot's digits (`telling.py`). From the
  last word's digits the decoder's first layer looks by cross-attention for the earliest loud slot
  after it: one head in the same row of ten or so, one in later rows. What it finds are the next
  word's digits; where it finds nothing, the text ends.
- So silent slots give no words, the decoder's own positions and all earlier text do not matter, and
  sound that is longer begins with the same words, if its window begins at the same place.
- One head of the last layer attends to the slot whose word is being said, to align by.
"""
