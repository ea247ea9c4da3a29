"""Language models behind one protocol. Without any, research is extractive: reports are made of the
sources' own sentences.

May import: the vocabulary (errors, settings, clock), failures, transport. Knows no run, no journal,
    no widget.
The invariant: an answer that was cut off or cannot be read is an error, never an answer.

.. code-block:: text

    base        the protocol, and its values            scripted   says what it is told, for tests
    llm         any provider; opens a model by name     pricing    what a call cost
    structured  JSON in what a model wrote (pure)       fitting    whether it fits a schema (pure)
    attempt     one answer: attempts, pauses, counting  limits      how many at once
    check       whether a model can be asked at all     client     the HTTP client that SDKs are
                given
    provider    all that knows pydantic-ai
    call        one request, while it runs              stream     a stream as one body (pure)
    answer      what a response holds and used          sse        events out of a stream's bytes
                (pure)
    server_manner     how a server takes requests (pure)      token_limits      tokens for reasoning
                      (pure)
    reasoning   reasoning within the text (pure)        embedding  texts as directions of meaning
"""
