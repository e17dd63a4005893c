"""The budget of the list of cameras: bursts at once, a quarter of the API's time in the long run."""

from vigil_operator.sync.answer_budget import BURST_SECONDS, SHARE, AnswerBudget


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def answer(clock: Clock, budget: AnswerBudget, seconds: float) -> float:
    """Let an answer take its time; return the pause after it."""
    clock.seconds += seconds
    budget.spend(seconds)
    return budget.pause_seconds()


def test_a_few_slow_answers_follow_one_another_without_a_pause() -> None:
    clock = Clock()
    budget = AnswerBudget(clock)
    assert [answer(clock, budget, 2.0) for _ in range(4)] == [0.0] * 4


def test_answers_take_their_share_of_the_time_in_the_long_run() -> None:
    clock = Clock()
    budget = AnswerBudget(clock)
    began, spent = clock.seconds, 0.0
    for _ in range(200):
        clock.seconds += answer(clock, budget, 2.0)
        spent += 2.0
    share = (spent - BURST_SECONDS) / (clock.seconds - began)
    assert SHARE * 0.95 <= share <= SHARE * 1.05


def test_a_quiet_time_allows_the_next_burst_but_no_longer_one() -> None:
    clock = Clock()
    budget = AnswerBudget(clock)
    while not answer(clock, budget, 2.0):
        pass
    clock.seconds += 3600
    pauses = [answer(clock, budget, 2.0) for _ in range(6)]
    assert pauses[:4] == [0.0] * 4
    assert pauses[5] > 0
