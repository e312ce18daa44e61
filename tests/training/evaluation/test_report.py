from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from sotto.training.evaluation.normalization import Normalization, NormalizationName
from sotto.training.evaluation.page import page
from sotto.training.evaluation.report import Outcome, Report, Take, rows, side_by_side, takes
from sotto.training.evaluation.scoring import compare
from sotto.training.manifest import Entry

VOID = {"meta", "rect", "br"}


def clip(
    name: str, said: str, offline: str, streamed: str | None = None, **more: object
) -> Outcome:
    entry = Entry(f"m.jsonl:{name}", Path(name), name, said, **more)
    stream = None if streamed is None else Take(said, streamed, 3.0)
    return Outcome("calls", entry, 60.0, Take(said, offline, 1.5), stream)


CLIPS = (
    clip("1", "one two", "one two", "one", speaker="ann"),
    clip("2", "one two", "one two three", "one two", speaker="bob"),
    clip("3", "", "hm", "", kind="noise"),
)
REPORT = Report("nano", "1.0", CLIPS)


def test_the_sums_of_both_ways() -> None:
    total = REPORT.total
    assert (total.utterances, total.words, total.minutes) == (2, 4, 2.0)
    assert (total.quiet_clips, total.quiet_minutes) == (1, 1.0)
    assert total.streamed is not None
    assert (total.offline.score.wer, total.streamed.score.wer) == (0.25, 0.25)
    assert (total.offline.score.insertions, total.streamed.score.deletions) == (1, 1)
    assert (total.offline.invented, total.streamed.invented) == (1, 0)
    assert (total.offline.factor, total.streamed.factor) == (0.025, 0.05)
    assert total.difference == 0.0
    assert [speaker.difference for speaker in REPORT.speakers] == [50.0, -50.0]


def test_without_streams_there_is_no_difference() -> None:
    report = Report("nano", "1.0", (clip("1", "one", "two"),))
    assert (report.total.streamed, report.total.difference) == (None, None)
    assert len(rows(report)) == 1


def test_noise_alone_has_no_rate() -> None:
    report = Report("nano", "1.0", CLIPS[2:])
    assert report.total.difference is None
    expected = ["calls", "offline", "0", "0", *"–––––", "1 in 1.0 min", "0.025"]
    assert rows(report)[0] == expected


def test_one_set_needs_no_line_for_all() -> None:
    assert [row[:2] for row in rows(REPORT)] == [["calls", "offline"], ["calls", "streamed"]]


def test_the_worst_come_first_and_the_good_not_at_all() -> None:
    report = Report(
        "nano", "1.0", (clip("1", "a", "a"), clip("2", "a", "b"), clip("3", "a", "b c"))
    )
    assert [outcome.entry.name for outcome in report.worst()] == ["3", "2"]


def test_takes_are_compared_in_their_normalization() -> None:
    def digits(text: str) -> str:
        return text.replace("five", "5")

    five = Normalization(NormalizationName.ENGLISH, digits)
    entry = Entry("m.jsonl:1", Path("1"), "1", "five")
    outcome = Outcome(
        "calls", entry, 1.0, Take("five", "5", 1.0, five), Take("five", "five", 1.0, five)
    )
    report = Report("nano", "1.0", (outcome,), five)
    assert report.total.offline.score.wer == 0.0
    assert report.worst() == []
    assert outcome.offline.alignment.hits == 1
    assert list(takes(outcome)) == ["both"]
    assert report.json()["normalization"] == "english"
    assert "Normalization: english." in parsed(report).text


def test_a_report_is_of_the_basic_normalization_where_nothing_is_said() -> None:
    assert REPORT.json()["normalization"] == "basic"
    assert "Normalization: basic. Streamed against offline: +0.00" in parsed(REPORT).text


def test_words_stand_under_words() -> None:
    assert side_by_side(compare("one two three", "one three four")) == (
        "one two three ****",
        "one *** three four",
    )


class Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(report: Report) -> Outline:
    outline = Outline()
    outline.feed(page(report))
    outline.close()
    assert outline.open == []
    return outline


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    outline = parsed(REPORT)
    assert outline.tags.count("svg") == 2
    assert outline.tags.count("rect") == 2 + 4
    assert not {"script", "link", "img", "iframe"} & set(outline.tags)
    assert not {"src", "href"} & {name for name, _ in outline.attributes}
    assert "://" not in page(REPORT)
    assert "url(" not in page(REPORT)
    assert "prefers-color-scheme: dark" in page(REPORT)


def test_what_others_wrote_is_text() -> None:
    said, name = "<script>alert(1)</script> a<b", '"><script>'
    nasty = Outcome(
        name,
        Entry("m:1", Path(name), name, said, speaker=name),
        1.0,
        Take(said, "a&lt", 1.0),
    )
    outline = parsed(Report(name, "1.0", (nasty, *CLIPS)))
    assert "script" not in outline.tags
    assert f"How {name} hears" in outline.text


def test_a_page_without_errors_says_so() -> None:
    assert "No clip has an error." in parsed(Report("nano", "1.0", (clip("1", "a", "A."),))).text
