"""Streams without a network: how many an engine bears, `sotto bench streams --virtual`.

Real sessions under the real driver, with the model's own recognizer, in this process. What differs
from a server is what lies before the core: each clip is heard once, and its frames are given to all
who say it, at the pace of speech. So the door costs nothing here, nor do sockets, and thousands of
streams need no second machine.
"""
