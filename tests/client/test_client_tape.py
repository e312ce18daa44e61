from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sotto.client.tape import Piece, Tape


def sound(at: int, end: int, width: int = 1) -> bytes:
    """Bytes that tell their place, so that what is lost or doubled shows."""
    return bytes(place * width % 251 for place in range(at, end) for _ in range(width))


def recorded(pieces: int, width: int = 1) -> Tape:
    tape = Tape(width)
    for number in range(pieces):
        tape.add(sound(number * 10, number * 10 + 10, width))
    return tape


def taken(tape: Tape) -> bytes:
    return b"".join(piece.data for piece in iter(tape.take, None))


def test_what_was_added_is_taken_once_in_order():
    tape = recorded(3)
    assert (tape.taken, tape.end, tape.has_waiting) == (0, 30, True)
    assert taken(tape) == sound(0, 30)
    assert (tape.taken, tape.take(), tape.has_waiting) == (30, None, False)
    tape.add(sound(30, 35))
    assert taken(tape) == sound(30, 35)


def test_after_a_cut_all_that_is_not_settled_is_taken_again():
    tape = recorded(5, width=2)
    taken(tape)
    tape.settle(23)
    assert tape.unsettled == 27
    assert tape.rewind() == 23
    assert taken(tape) == sound(23, 50, width=2)


def test_what_was_never_sent_is_not_settled():
    tape = recorded(3)
    tape.take()
    tape.settle(99)
    assert (tape.settled, tape.rewind()) == (10, 10)
    assert taken(tape) == sound(10, 30)


def test_settling_is_not_undone():
    tape = recorded(2)
    taken(tape)
    tape.settle(15)
    tape.settle(5)
    assert tape.rewind() == 15


def test_a_mark_keeps_its_place_and_is_sent_again_with_the_sound_around_it():
    tape = recorded(1)
    tape.mark()
    tape.add(sound(10, 20))
    flush = Piece(10, b"")
    assert list(iter(tape.take, None))[1] == flush
    tape.rewind()
    assert list(iter(tape.take, None))[1] == flush
    tape.settle(10)
    tape.rewind()
    assert taken(tape) == sound(10, 20)


def test_what_is_settled_is_not_kept():
    tape = Tape(1)
    for number in range(10_000):
        tape.add(sound(number, number + 1))
        tape.take()
        tape.settle(number)
        assert tape.unsettled <= 1
    tape.rewind()
    assert tape.take() == Piece(9_999, sound(9_999, 10_000))
    assert tape.take() is None


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 9)),
        st.tuples(st.just("take"), st.integers(1, 4)),
        st.tuples(st.just("settle"), st.integers(0, 200)),
        st.tuples(st.just("rewind"), st.just(0)),
    ),
    max_size=60,
)


@given(steps, st.integers(1, 3))
def test_each_stream_is_sent_what_follows_the_settled_without_a_hole(steps, width):
    """Against a tape that keeps everything."""
    tape, end, settled, began, sent = Tape(width), 0, 0, 0, b""
    for step, number in steps:
        match step:
            case "add":
                tape.add(sound(end, end + number, width))
                end += number
            case "take":
                for _ in range(number):
                    piece = tape.take()
                    if piece is not None:
                        assert piece.at == began + len(sent) // width
                        sent += piece.data
            case "settle":
                tape.settle(number)
                settled = max(settled, min(number, began + len(sent) // width))
            case "rewind":
                began, sent = tape.rewind(), b""
                assert began == settled
        assert sent == sound(began, began + len(sent) // width, width)
        assert (tape.settled, tape.end) == (settled, end)
        assert tape.taken == began + len(sent) // width
