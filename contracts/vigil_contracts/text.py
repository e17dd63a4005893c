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


MAX_NAMED = 20


def text_problems(value: object) -> dict[str, str]:
    """Return the problem of each such text by its field's dotted name, at most MAX_NAMED; "" names the whole value.

    A key that cannot be stored cannot be named: its object stands for it.
    """
    found: dict[str, str] = {}
    waiting: list[tuple[str, object]] = [("", value)]
    while waiting and len(found) < MAX_NAMED:
        name, one = waiting.pop(0)
        if isinstance(one, dict):
            if problem := text_problem(list(one)):
                found[name] = problem
            else:
                waiting += [(f"{name}.{key}" if name else str(key), child) for key, child in one.items()]
        elif isinstance(one, list | tuple):
            waiting += [(f"{name}.{index}" if name else str(index), child) for index, child in enumerate(one)]
        elif problem := text_problem(one):
            found[name] = problem
    return found
