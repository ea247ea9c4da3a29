"""Who follows a journal: everything live arrives here, in order.

hub.py          hands on what was committed, by this process or another one; wakes who waits for a
                run
subscriber.py   an async iterator over what a topic brings, with a place of its own in the stream
ring.py         the last events, in bounded memory
"""
