"""The server under test: its start and end, what it uses, what it counts."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pytest

from sotto.bench.calls import transcribe, wav
from sotto.bench.figures import between, parse, read
from sotto.bench.servers import Command, answers_ready, free_port, running, sotto_command, started
from sotto.bench.usage import usage
from sotto.errors import ServerError
from sotto.runtime.container import read_file
from sotto.runtime.metrics import Metrics
from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is read from /proc")

BUSY = "sum(range(20_000_000)); print('done', flush=True); input()"
PARENT = (
    "import subprocess, sys;"
    f"child = subprocess.Popen([sys.executable, '-c', {BUSY!r}], stdin=subprocess.PIPE);"
    "input(); child.communicate(b'\\n')"
)


@linux
def test_a_process_is_measured_with_all_below_it():
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "done\n"  # the child's: it shares the pipe
    found = usage(process.pid)
    process.communicate("\n")
    assert found.cpu > 0.1  # the sum is the child's work
    assert found.rss > 2 * 2**20
    assert usage(process.pid) is None


@linux
def test_memory_is_bytes():
    before = usage(os.getpid()).rss
    held = np.ones(8 * 2**20, np.uint8)
    assert usage(os.getpid()).rss - before == pytest.approx(held.nbytes, rel=0.5)


def test_a_server_that_is_started_answers_and_is_stopped():
    with started(sotto_command(("serve", "--model", "nano"), {})) as server:
        assert answers_ready(server.address)
        assert read(server.address).total("sotto_errors_total", code="model_not_ready") >= 0
        heard = transcribe(server.address, CLIP.read_bytes(), {"language": "en"})
        pid = server.pid
    assert heard == CLIP_TEXT
    assert not answers_ready(server.address)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_ends_at_once_says_why():
    broken = (sys.executable, "-c", "raise SystemExit('no such model')")
    command = Command(broken, f"http://127.0.0.1:{free_port()}", answers_ready)
    with pytest.raises(ServerError, match=r"ended with 1: no such model"), started(command):
        pass


def test_a_server_that_never_answers_is_stopped():
    words = (sys.executable, "-c", "import time; time.sleep(600)")
    command = Command(words, "", lambda address: False)
    with pytest.raises(ServerError, match=r"within 0.1 s"), started(command, patience=0.1):
        pass


@linux
def test_a_process_that_is_not_there():
    with pytest.raises(ServerError, match="expected a process of the number"):
        running("http://127.0.0.1:1", 2**22 + 1).__enter__()


def test_what_is_not_a_file_is_told(server: Served):
    with pytest.raises(ServerError, match="expected an answer, got HTTP 400"):
        transcribe(server.url, b"nonsense", {})


def test_samples_as_a_file():
    pcm = np.array([0, 16_384, -32_768] * 400, np.int16)
    samples = np.concatenate(list(read_file(io.BytesIO(wav(pcm)))))
    assert samples.tolist() == (pcm / 32_768).tolist()


def test_the_servers_counts_between_two_times():
    metrics = Metrics()
    jobs = metrics.jobs.labels
    metrics.batch_size.labels("nano").observe(7)
    jobs("nano", "final", "done").inc(2)
    first = parse(metrics.render().decode())
    for size in (1, 1, 4, 5):
        metrics.batch_size.labels("nano").observe(size)
    jobs("nano", "final", "done").inc(3)
    jobs("nano", "partial", "withdrawn").inc()
    metrics.errors.labels("overloaded").inc(2)
    metrics.decode_seconds.labels("nano").observe(0.5)
    metrics.queue_seconds.labels("nano", "final").observe(0.25)
    work = between(first, parse(metrics.render().decode()))
    assert (work.batches, work.mean_batch) == (4, 2.75)
    assert work.batch_sizes == {"1": 2, "4": 1, "6": 1}
    assert work.jobs == {"final done": 3, "partial withdrawn": 1}
    assert work.errors == {"overloaded": 2}
    assert (work.decode_seconds, work.mean_wait) == (0.5, 0.25)


def test_a_server_without_counts():
    assert read(f"http://127.0.0.1:{free_port()}") is None
