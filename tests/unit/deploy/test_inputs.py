"""What a user gives to a trained model."""

from __future__ import annotations

from graft.deploy.inputs import read_inputs


def test_an_empty_text_is_a_text_and_not_the_folder_around(tmp_path, monkeypatch):
    (tmp_path / "other.csv").write_text("text,label\nnot asked for,a\n")
    monkeypatch.chdir(tmp_path)
    for inputs in ("", [""]):
        (sample,) = read_inputs(inputs, "text")
        assert (sample.id, sample.roles) == ("text:1", {"text": ""})
