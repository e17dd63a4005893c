"""Texts that a database can store: PostgreSQL has no NUL characters, and UTF-8 has no surrogates."""

NO_NUL = "must not contain NUL characters"
NO_SURROGATES = "must be Unicode text, without unpaired surrogates"


def text_problem(value: object) -> str | None:
    """Return what is wrong with the texts in a value as JSON has it, its keys included; None if all can be stored."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, str) and not one.isprintable():  # which is fast, and false for both
            if "\x00" in one:
                return NO_NUL
            if any("\ud800" <= character <= "\udfff" for character in one):
                return NO_SURROGATES
    return None
