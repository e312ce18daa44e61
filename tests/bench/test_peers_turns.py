"""Who comes when, in a contest of servers that measure nothing; and what results are made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from sotto.bench.compare import compare
from sotto.bench.files import Ear, File, Result
from sotto.bench.peers.contest import Attempt, Contest, Entry, brief, told
from sotto.bench.peers.files import Hearer, measure
from sotto.bench.peers.results import HEAD, apart, missing, of_files, rows
from sotto.bench.servers import Server
from sotto.bench.streams.dialect import Dialect
from sotto.bench.streams.generator import GeneratorFailed
from sotto.bench.streams.run import in_turn
from sotto.bench.streams.score import Result as StreamResult
from sotto.bench.streams.search import Search
from sotto.bench.streams.sotto_stream import SottoStream
from sotto.bench.streams.step import Generated, Load, Step
from sotto.errors import ServerError
from sotto.training.evaluation.scoring import Score


class Bench:
    """Measures nothing, and notes who came."""

    def __init__(self, came: list[tuple[str, int]], fails: Sequence[tuple[str, int]]) -> None:
        self.came, self.fails = came, fails
        self.name = ""
        self.firsts: list[tuple[str, int, int | None]] = []

    def at(self, server: Server, dialect: Dialect) -> Bench:
        self.name = server.address
        return self

    def steps(self, choose, paired, tell, first) -> Iterator[Step]:
        clients = choose([])
        self.came.append((self.name, clients))
        self.firsts.append((self.name, clients, first and first.clients))
        if (self.name, clients) in self.fails:
            raise GeneratorFailed("broke")
        yield step(clients, borne=clients <= 4)


def step(clients: int, *, borne: bool) -> Step:
    result = StreamResult(clients, (), 1, 1, None, None, None, None, 0.0, Score(words=1), 0, 0.0, 0)
    why = () if borne else ("too much",)
    return Step(clients, result, Generated(None, None, 0.1), Load(1.0), None, borne, why)


def contest(names: str, choose, rounds: int = 1, fails=(), **options) -> tuple[Bench, Contest]:
    bench = Bench([], fails)
    entries = [
        Entry(name, lambda name=name: nullcontext(Server(name)), SottoStream(name=name), **options)
        for name in names
    ]
    return bench, Contest(entries, bench.at, choose, rounds)


def done(of: Contest) -> list[Attempt]:
    return list(of.attempts(lambda what: None))


def test_all_take_turns_step_by_step_and_round_by_round():
    bench, of = contest("AB", in_turn([1, 2]), rounds=2)
    order = [("A", 1), ("B", 1), ("A", 2), ("B", 2)]
    assert [(one.round, one.name, one.clients) for one in done(of)] == [
        (number, *one) for number in (1, 2) for one in order
    ]
    assert bench.came == 2 * order
    # Each is held against its own first step of the round.
    assert [one for *_, one in bench.firsts] == [None, None, 1, 1] * 2


def test_each_searches_for_itself():
    search = Search(first=4)
    bench, of = contest("AB", search.following, fails=[("B", 4), ("B", 2), ("B", 1)])
    attempts = done(of)
    own = {
        name: [(one.clients, one.borne) for one in attempts if one.name == name] for name in "AB"
    }
    assert own["A"] == [(4, True), (8, False), (6, False), (5, False)]
    assert own["B"] == [(4, False), (2, False), (1, False)]
    assert (search.best(own["A"]), search.best(own["B"])) == (4, 0)
    assert bench.came[:4] == [("A", 4), ("B", 4), ("A", 8), ("B", 2)]
    assert [one.error for one in attempts if one.name == "B"] == ["broke"] * 3


def test_who_does_not_start_is_not_started_again_in_this_round():
    @contextmanager
    def broken() -> Iterator[Server]:
        raise ServerError("expected a server, but it ended:\nTraceback\n  in a file\nNoModel: x")
        yield

    bench, of = contest("A", in_turn([1, 2]), rounds=2)
    entries = [*of.entries, Entry("B", broken, SottoStream())]
    attempts = done(Contest(entries, bench.at, of.choose, of.rounds))
    failed = [(one.round, one.clients, one.error) for one in attempts if one.name == "B"]
    why = "expected a server, but it ended: … NoModel: x"
    assert failed == [(1, 1, why), (2, 1, why)]
    assert len(attempts) == 6
    assert told(attempts[1]) == f"B, round 1: {why}"


def test_who_serves_one_is_not_asked_for_two():
    bench, of = contest("A", in_turn([1, 2]), most=1)
    one, two = done(of)
    assert (one.error, two.error) == (None, "it serves 1 at once at most")
    assert bench.came == [("A", 1)]


def test_who_cannot_run_has_a_row_that_says_why():
    _, of = contest("A", in_turn([1]))
    entries = [*of.entries, Entry("B", nullcontext, SottoStream(), obstacle="it needs wings")]
    _, of = contest("A", in_turn([1]))
    attempts = done(Contest(entries, of.bench, of.choose))
    made = rows(entries, attempts)
    assert [row[0] for row in made] == ["A", "B"]
    assert {len(row) for row in made} == {len(HEAD)}
    assert (made[0][-1], made[1][-1]) == ("", "it needs wings")


def test_an_error_is_short():
    assert brief(ServerError("one")) == "one"
    assert brief(ServerError("")) == ""
    assert len(brief(ServerError("x" * 9_999))) == 300


# Files


class Scripted:
    """An ear that breaks in its third file."""

    heard = 0

    def usage(self) -> None:
        return None

    def hear(self, file: File) -> tuple[str, float]:
        Scripted.heard += 1
        if Scripted.heard > 3:
            raise ServerError("it is full")
        return "two", 2.0


@contextmanager
def scripted() -> Iterator[Ear]:
    yield Scripted()


def test_who_fails_keeps_the_rounds_that_it_ended():
    files = [File("a.wav", 10.0, b"", "two")]
    (turns,) = measure([Hearer("A", scripted)], files, 3, lambda what: None)
    assert turns.obstacle == "it is full"
    assert isinstance(turns.result, Result)
    assert (turns.result.speed, turns.result.wer, len(turns.result.heard)) == (5.0, 0.0, 1)
    result = of_files({}, [turns])
    assert missing(result) == ["A: it is full"]
    ((name, part),) = apart("all", result)
    assert (name, part["kind"], part["speed"]) == ("all: A", "files", 5.0)
    assert [one for one, _ in apart("", result)] == ["A"]
    assert [one.ratio for one in compare(part, part)] == [1.0, None]


def test_a_result_of_one_server_is_not_taken_apart():
    assert apart("own", {"kind": "idle"}) == [("own", {"kind": "idle"})]
    assert missing({"kind": "idle"}) == []
