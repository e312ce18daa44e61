from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from sotto.errors import BadOption, ModelUnavailable
from sotto.training.learning.runs import Run
from sotto.training.release.publish import Standing, look, plan, publish
from tests.finished import finished_run
from tests.hub import TOKEN, Hub, Repo, serving_hub

REPO = "ann/tiny"
TARGETS = [
    "README.md",
    "config.json",
    "curves.svg",
    "data.json",
    "metrics.jsonl",
    "model.bin",
    "recipe.json",
    "sotto.json",
    "transformers/config.json",
    "transformers/model.safetensors",
    "transformers/tokenizer.json",
    "versions.json",
    "vocabulary.json",
]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving_hub() as hub:
        yield hub


@pytest.fixture
def api(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.url, token=TOKEN)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return finished_run(tmp_path)


def test_the_plan_has_both_forms_and_all_that_tells_of_the_run(run):
    publication = plan(run, REPO)
    assert [file.target for file in publication.files] == TARGETS
    content = {file.target: file.read().decode() for file in publication.files}
    assert content["config.json"] == '{"of": "export/config.json"}'
    assert content["transformers/config.json"] == '{"of": "model/config.json"}'
    assert content["README.md"] == publication.card
    assert publication.warnings == ()
    assert [file.size for file in publication.files] == [len(content[name]) for name in TARGETS]


def test_the_card_is_of_now_with_license_data_and_scores(run):
    card = plan(run, REPO).card
    assert card.startswith("---\nlicense: cc-by-4.0\nlanguage: [en]\n")
    assert "| digits | 7 | 0.5 | 3 | 1 |" in card
    assert "| e | 1 | 3 | 0.0 | 33.3 | 0 in 1.0 min |" in card
    assert "From `base`." in card


def test_paths_begin_with_roots_or_are_cut_to_their_last_part(run, tmp_path):
    content = {file.target: file.read() for file in plan(run, REPO).files}
    recipe = json.loads(content["recipe.json"])
    assert recipe["roots"] == {"data": "data", "made": "made"}
    sets = [one["manifest"] for one in recipe["data"]]
    assert sets == ["{data}/digits", "{made}/strings/manifest.jsonl"]
    assert recipe["never"] == ["{data}/kept_out"]
    assert recipe["augment"]["noises"] == "noise"
    assert recipe["model"]["start"] == "base"
    assert json.loads(content["data.json"])[0]["manifest"] == "{data}/digits/manifest.jsonl"
    assert not [name for name, file in content.items() if str(tmp_path).encode() in file]


def test_a_path_in_a_file_that_is_not_rewritten_stops_it(run):
    (run.model / "config.json").write_text(json.dumps({"_name_or_path": f"{run.folder}/model"}))
    with pytest.raises(BadOption, match=r"expected no path of this machine in transformers/conf"):
        plan(run, REPO)


def test_a_web_address_and_a_piece_of_text_are_no_paths(run, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    (run.model / "config.json").write_text('{"url": "https://example.org/home/ann"}')
    (run.model / "tokenizer.json").write_text('{"vocab": {"/home/ann": 1}}')
    assert [file.target for file in plan(run, REPO).files] == TARGETS


def test_what_somebody_may_not_have_meant_is_told(run):
    recipe = json.loads((run.folder / "recipe.json").read_text())
    recipe["claims"]["license"] = "other"
    run.write("recipe.json", recipe)
    (run.folder / "report.json").unlink()
    (run.folder / "curves.svg").unlink()
    publication = plan(run, REPO)
    first, second, third = publication.warnings
    assert "`license: other`" in first
    assert "no report.json" in second
    assert third.startswith("there is no curves.svg")
    assert "curves.svg" not in {file.target for file in publication.files}


@pytest.mark.parametrize("repo", ["tiny", "a/b/c", "ann/ti ny", "ann/..", "ann/tiny.git"])
def test_an_id_that_the_hub_would_not_take(run, repo):
    with pytest.raises(BadOption, match="expected owner/name") as error:
        plan(run, repo)
    assert error.value.param == "repo"


@pytest.mark.parametrize(("gone", "expected"), [("model", "finished"), ("export", "exported")])
def test_a_run_without_its_results(run, gone, expected):
    (run.folder / gone).rename(run.folder / "away")
    with pytest.raises(BadOption, match=f"expected an? {expected} run"):
        plan(run, REPO)


def test_looking_changes_nothing(run, hub, api):
    assert look(plan(run, REPO), api) == Standing("ann", True, None, ())
    assert look(plan(run, "choir/tiny"), api).allowed
    assert not look(plan(run, "bob/tiny"), api).allowed
    hub.models[REPO] = Repo(private=True, files=(".gitattributes", "config.json", "old.bin"))
    assert look(plan(run, REPO), api) == Standing("ann", True, True, ("old.bin",))
    assert hub.writes == []


def test_looking_without_a_token(run, hub):
    assert look(plan(run, REPO), HfApi(endpoint=hub.url, token=False)).user is None


@pytest.mark.parametrize("there", [False, True])
def test_one_commit_has_the_planned_files_and_no_others(run, hub, api, tmp_path, there):
    if there:
        hub.models[REPO] = Repo(private=True)
    publication = plan(run, REPO)
    url = publish(publication, api)
    (commit,) = hub.commits
    assert url.startswith(f"{hub.url}/ann/tiny/commit/")
    assert commit.summary == "Publish tiny"
    assert commit.files == {file.target: file.read() for file in publication.files}
    assert sorted(commit.files) == TARGETS
    assert not [name for name, file in commit.files.items() if str(tmp_path).encode() in file]
    assert hub.models[REPO].private is there


def test_a_new_repository_is_private_if_asked_for(run, hub, api):
    publish(plan(run, REPO, private=True), api)
    assert hub.models[REPO].private
    assert len(hub.commits) == 1


def test_what_is_to_be_private_is_not_put_where_all_can_see_it(run, hub, api):
    hub.models[REPO] = Repo(private=False)
    with pytest.raises(BadOption, match="to be private, got one that is public"):
        publish(plan(run, REPO, private=True), api)
    assert hub.writes == []


def test_without_a_token_nothing_is_sent(run, hub):
    with pytest.raises(BadOption, match="expected a token that may write, got none"):
        publish(plan(run, REPO), HfApi(endpoint=hub.url, token=False))
    assert hub.asked == []


def test_a_token_that_is_refused(run, hub):
    api = HfApi(endpoint=hub.url, token="hf_nobody")
    with pytest.raises(BadOption, match=r"refuses \(401") as error:
        look(plan(run, REPO), api)
    assert error.value.param == "token"


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_may_not_write(run, hub, api, status):
    hub.faults["/api/repos/create"] = (status, "No")
    with pytest.raises(BadOption, match=rf"may write to ann/tiny, got one .* \({status}: No\)"):
        publish(plan(run, REPO), api)
    assert hub.commits == []


@pytest.mark.parametrize("at", ["/api/repos/create", "/api/models/ann/tiny/commit"])
def test_a_hub_that_fails(run, hub, api, at):
    hub.faults[at] = (500, "Out of order")
    with pytest.raises(ModelUnavailable, match=r"cannot publish ann/tiny: .* says 500: Out of ord"):
        publish(plan(run, REPO), api)
    assert hub.commits == []


def test_a_request_that_the_hub_does_not_take(run, hub, api):
    hub.faults["/api/models/ann/tiny/commit"] = (413, "Too much")
    with pytest.raises(BadOption, match=r"refuses ann/tiny \(413: Too much\)"):
        publish(plan(run, REPO), api)


def test_front_matter_that_the_hub_does_not_take(run, hub, api):
    hub.faults["/api/validate-yaml"] = (400, "no such license")
    with pytest.raises(BadOption, match=r"Invalid metadata in README.md") as error:
        publish(plan(run, REPO), api)
    assert error.value.param == "card"


def test_no_hub(run):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        api = HfApi(endpoint=f"http://127.0.0.1:{reserved.getsockname()[1]}", token=TOKEN)
        with pytest.raises(ModelUnavailable, match="cannot publish ann/tiny to http://127"):
            look(plan(run, REPO), api)
        with pytest.raises(ModelUnavailable, match="cannot publish ann/tiny to http://127"):
            publish(plan(run, REPO), api)


def test_offline(run, hub, api, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable, match="HF_HUB_OFFLINE is set"):
        look(plan(run, REPO), api)
    assert hub.asked == []
