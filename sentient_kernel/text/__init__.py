"""Words: one tokenizer, one stemmer, one stop list. Pure."""
