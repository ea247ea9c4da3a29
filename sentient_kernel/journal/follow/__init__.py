"""Who follows a journal: consumers of its events, in order.

hub.py          hands on what was committed
subscriber.py   an async iterator, and a callback
ring.py         the last events, in bounded memory
"""
