"""A model with a choice as harnesses call it, and their logs as outcomes."""

import json
from functools import partial
from types import SimpleNamespace

import pytest
from checkpoints import CHECKPOINTS, save_checkpoint
from drawings import png
from PIL import Image

from talo_mini import BadInput, interaction_vectors, knockout, load_benchmark, load_vlm, talo
from talo_mini.harnesses import Answering, read_samples
from talo_mini.harnesses.messages import as_question
from talo_mini.harnesses.vlmevalkit import Talo
from talo_mini.interventions.names import BASE_CELL, as_knockouts


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A checkpoint and a choice of it."""
    place = tmp_path_factory.mktemp("harness")
    save_checkpoint(CHECKPOINTS["idefics3"], place / "model")
    benchmark = load_benchmark("mini-worlds", ["more", "digit_left"], 12, "choice")
    choice = talo(load_vlm(place / "model", "cpu"), benchmark, ["mlp", "self-attention"], shots=4)
    choice.save(place / "choice.json")
    return place, choice


def test_answers_are_those_under_the_choice(place):
    folder, choice = place
    task = next(task.task for task in choice.tasks if task.layer is not None)
    asked = load_benchmark("mini-worlds", [task], 5, "direct")
    model = Answering(folder / "model", choice=folder / "choice.json", task=task, device="cpu")
    pairs = [([question.image_bytes], question.text) for question in asked.questions]
    with knockout(model.vlm, *choice.knockouts(task)):
        wanted = model.vlm.generate(asked, "bare", 4)
    assert model.answers(pairs, 4) == wanted
    assert Answering(folder / "model", device="cpu").answers(pairs, 4) != wanted
    named = Answering(folder / "model", part="mlp", layer=1, device="cpu")
    assert named.knockouts == as_knockouts("mlp", "zero", 1)
    first = wanted[0][2:4]
    assert model.answers(pairs[:1], 4, [first]) == [wanted[0][:2].split(first)[0]]


def test_pictures_come_in_three_ways(place, tmp_path):
    folder, _ = place
    model = Answering(folder / "model", device="cpu")
    (tmp_path / "p.png").write_bytes(png("blue"))
    ways = png("blue"), Image.new("RGB", (64, 64), "blue"), str(tmp_path / "p.png")
    assert len(set(model.answers([([way], "what is it?") for way in ways], 3))) == 1
    for pictures, told in (([], "about no picture"), (["none.png"], "cannot be read")):
        with pytest.raises(BadInput, match=told):
            model.answers([(pictures, "?")])


def test_what_does_not_fit_is_refused(place):
    folder, _ = place
    for options, told in (
        (dict(choice="c.json"), "together"),
        (dict(part="mlp"), "together"),
        (dict(choice="c", task="t", part="mlp", layer=1), "either"),
    ):
        with pytest.raises(BadInput, match=told):
            Answering(folder / "model", **options)
    with pytest.raises(BadInput, match="the choice is of"):
        Answering("llava-mini", choice=folder / "choice.json", task="more", device="cpu")
    with pytest.raises(BadInput, match="has no task 'x'"):
        Answering(folder / "model", choice=folder / "choice.json", task="x", device="cpu")


def test_as_vlmevalkit_calls_it(place, tmp_path):
    folder, _ = place
    (tmp_path / "p.png").write_bytes(png())
    supported = {"mine": partial(Talo, folder / "model", part="mlp", layer=0, device="cpu")}
    model = supported["mine"](max_new_tokens=3)
    assert not model.use_custom_prompt("MMStar") and not model.INTERLEAVE
    model.set_dump_image(lambda line: [line["path"]])
    assert model.dump_image({"path": "p"}, "MMStar") == ["p"]
    message = [
        dict(type="image", value=str(tmp_path / "p.png")),
        dict(type="text", value="what is it?"),
    ]
    assert (
        model.generate(message=message, dataset="MMStar")
        == model.answers([([png()], "what is it?")], 3)[0]
    )


def test_a_harness_that_names_no_length_gets_whole_answers(place):
    """The tiny model hardly ever stops by itself."""
    model = Talo(place[0] / "model", device="cpu")
    written = model.generate([dict(type="image", value=png()), dict(type="text", value="what?")])
    assert written == model.answers([([png()], "what?")], 512)[0]
    assert written == model.answers([([png()], "what?")])[0]
    assert len(written) > len(model.answers([([png()], "what?")], 16)[0])


PICTURE = dict(type="image", url="p.png")


def message(role, *content):
    """A message as lmms-eval's `ChatMessages` hold it; a text stands for its part."""
    parts = [dict(type="text", text=one) if isinstance(one, str) else one for one in content]
    return SimpleNamespace(role=role, content=[SimpleNamespace(**part) for part in parts])


def test_a_task_of_lmms_eval_is_asked_as_it_is_written():
    for content, pictures, text in (
        ([PICTURE, " which?\n"], 1, " which?\n"),
        ([PICTURE, PICTURE, "which?", "A. red", "\nB. blue ", "", "now"], 2, None),
        (["which?", PICTURE], 1, "which?"),
        ([PICTURE, "\n", PICTURE, "which?"], 2, "\nwhich?"),
    ):
        text = text or "which?\nA. red\nB. blue now"
        assert as_question("t", [message("user", *content)]) == (["p.png"] * pictures, text, "")
    system = message("system", "Be brief.", "Be kind.")
    found = as_question("t", [system, message("user", PICTURE, "which?")])
    assert found == (["p.png"], "which?", "Be brief.\nBe kind.")


def test_a_task_of_lmms_eval_that_is_no_single_question_is_refused():
    asked = message("user", PICTURE, "which?")
    for messages, told in (
        ([asked, message("assistant", "red"), asked], r"several turns \(user, assistant, user\)"),
        ([asked, asked], "several turns"),
        ([message("system", PICTURE), asked], "has image in its system message"),
        ([message("user", PICTURE, dict(type="video", url="v"), "which?")], "has video in its"),
        ([message("user", PICTURE, dict(type="audio", url="a"), "which?")], "has audio in its"),
        ([message("user", "the left of", PICTURE, "is?")], "both sides of a picture"),
        ([message("user", PICTURE, "or", PICTURE)], "both sides of a picture"),
    ):
        with pytest.raises(BadInput, match=rf"the task 'phyx' .*{told}"):
            as_question("phyx", messages)


def test_a_system_message_is_the_system_prompt(place):
    model = Answering(place[0] / "model", device="cpu")
    question = load_benchmark("mini-worlds", ["more"], 1, "direct").questions[:1]
    pairs = [([question[0].image_bytes], question[0].text)]
    wanted = model.vlm.generate(question, "Be {brief}.\n---\n{question}", 4)
    assert model.answers(pairs, 4, system="Be {brief}.") == wanted != model.answers(pairs, 4)


def log(folder, right, task="toy", **more):
    """A sample log as lmms-eval 0.7.3 writes it."""
    folder.mkdir(parents=True)
    lines = [
        dict(doc_id=i, target="a", filtered_resps="a" if one else "b", exact_match=float(one))
        | dict(input="?", doc_hash="0", token_counts=None)
        | more
        for i, one in enumerate(right)
    ]
    text = "\n".join(map(json.dumps, lines))
    (folder / f"20261126_100000_samples_{task}.jsonl").write_text(text + "\n")


def test_logs_become_vectors(tmp_path):
    log(tmp_path / "base", [0, 0, 1, 1])
    log(tmp_path / "without" / "model", [1, 1, 1, 0])
    cell = ("self-attention", "zero", 3)
    table = read_samples({BASE_CELL: tmp_path / "base", cell: tmp_path / "without"})
    vectors = interaction_vectors(table)
    assert vectors.delta.tolist() == [0.25] and vectors.layer.tolist() == [3]
    assert vectors.base[0] == 0.5 and table.written.tolist()[:3] == ["b", "b", "a"]


def test_logs_that_cannot_be_compared_are_refused(tmp_path):
    log(tmp_path / "base", [0, 1])
    log(tmp_path / "other", [0, 1, 1])
    log(tmp_path / "twice" / "a", [0, 1])
    log(tmp_path / "twice" / "b", [0, 1])
    cell, base = ("mlp", "zero", 0), tmp_path / "base"
    for logs, told in (
        ({cell: base}, "no log of the whole model"),
        ({BASE_CELL: base, cell: tmp_path / "other"}, "not asked the same: 'toy/2'"),
        ({BASE_CELL: base, cell: tmp_path / "twice"}, "several logs of 'toy'"),
        ({BASE_CELL: base, cell: tmp_path / "none"}, "no sample logs"),
    ):
        with pytest.raises(BadInput, match=told):
            read_samples(logs)
    for more in (dict(target="c"), dict(input="how many?")):
        other = tmp_path / next(iter(more.values()))
        log(other, [0, 1], **more)
        with pytest.raises(BadInput, match=rf"'toy/0' has the {next(iter(more))} .* in another"):
            read_samples({BASE_CELL: base, cell: other})
    log(tmp_path / "older", [0, 1], target=None)
    read_samples({BASE_CELL: base, cell: tmp_path / "older"})
    with pytest.raises(BadInput, match="tells no 'anls'"):
        read_samples({BASE_CELL: base}, "anls")
    (tmp_path / "base" / "20261126_100000_samples_more.jsonl").write_bytes(b"\xff\xfe{")
    with pytest.raises(BadInput, match=r"samples_more.jsonl cannot be read .*; logs are UTF-8"):
        read_samples({BASE_CELL: base})
