"""Language models behind one protocol. Without any, research is extractive: reports are made of the
sources' own sentences.

May import: the vocabulary (errors, settings, clock), failures, transport. Knows no run, no journal,
no widget. The invariant: an answer that was cut off or cannot be read is an error, never an answer.

.. code-block:: text

    base           the protocol, and its values
    llm            any provider; opens a model by name
    check          whether a model can be asked at all
    provider       all that knows pydantic-ai
    client         the HTTP client that SDKs are given
    server_manner  how a server takes requests (pure)
    attempt        one answer: attempts, pauses, counting, room for reasoning
    call           one request, while it runs
    limits         how many requests at once, and in a minute
    stream         a stream of server-sent events as one body (pure)
    reasoning      reasoning within the text (pure)
    structured     JSON in what a model wrote (pure)
    fitting        whether it fits a schema (pure)
    pricing        what a call cost
    embedding      texts as vectors, from an embedding model
    scripted       says what it is told, for tests
"""
