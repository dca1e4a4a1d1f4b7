# %% [markdown]
# # 11. Your own data: from a folder to deployment
#
# You have a folder with a folder of pictures for each class. This chapter makes such a folder, and
# then does what you would do with yours: check it, see what a comparison would cost, train one
# model, look at its mistakes, and use it in a program that knows nothing of Graft.

# %%
import os
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image

import course_data
import graft

# %% [markdown]
# ## A folder
# Your pictures would be there already; here they are written to a temporary folder, in which the
# chapter goes on. The first picture of the second class is put into the folder of the first class
# on purpose as well.

# %%
source = course_data.photographs(train=60, test=40)
os.chdir(tempfile.mkdtemp())
folder = Path("photos")
for split in ("train", "test"):
    for number, sample in enumerate(source.splits[split]):
        path = folder / split / sample.roles["label"] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        course_data.picture(sample).resize((160, 160)).save(path)
first, second = source.classes[:2]
misplaced = sorted((folder / "train" / second).glob("*.png"))[0]
(folder / "train" / first / "copy.png").write_bytes(misplaced.read_bytes())
print(f"{len(list(folder.rglob('*.png')))} pictures")

# %% [markdown]
# ## Check it
# Duplicates with two labels, test pictures that are in the training split, unreadable files,
# classes with few examples: a check takes seconds. In a terminal: `graft check photos`.

# %%
for finding in graft.check(folder):
    print(f"{finding.severity}: {finding.message}")

# %% [markdown]
# A picture with two labels is an error of the data, not of the model. Remove it, then go on.

# %%
(folder / "train" / first / "copy.png").unlink()
print([finding.code for finding in graft.check(folder) if finding.severity != "info"])

# %% [markdown]
# ## How long would it take?
# `dry_run` tries each technique for a few steps and says what a whole comparison costs here, and
# what would shorten it. In a terminal: `graft compare photos --dry-run`.

# %%
plan = graft.compare(folder, ["from-scratch", "feature-extraction"], seeds=3, dry_run=True)
print(f"{plan.runs} runs, about {plan.seconds:.0f} s")

# %% [markdown]
# ## Train one model
# Here one model will do. In a terminal:
# `graft fit photos -t feature-extraction --out ants-and-bees`.

# %%
run = graft.fit(folder, technique="feature-extraction", out="ants-and-bees")
run

# %%
graft.plot.confusion(run)

# %% [markdown]
# ## Use it
# `load` checks the model against inputs and outputs that were stored with it, and then predicts.
# The confidence is that of the network; whether 90 % means nine of ten is what calibration measures
# (`ece` in the result: 0 is perfect).

# %%
model = graft.load("ants-and-bees")
pictures = [str(path) for path in sorted((folder / "test" / first).glob("*.png"))[:4]]
started = time.perf_counter()
for row in model.predict(pictures):
    print(f"{row['prediction']:12}{row['confidence']:.0%}")
print(f"{(time.perf_counter() - started) / len(pictures) * 1000:.0f} ms a picture")
print(f"calibration error {run.result['metrics']['test']['ece']['value']:.3f}")

# %% [markdown]
# ## Deploy it
# The folder `model` of the run is safetensors and JSON. timm opens it without Graft, with the same
# outputs: a server needs torch and timm, and no more.

# %%
import timm

network = timm.create_model(f"local-dir:{run.folder / 'model'}", pretrained=True).eval()
transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=network))
with torch.no_grad():
    picture = transform(Image.open(pictures[0]).convert("RGB"))
    probabilities = network(picture[None]).softmax(1)[0]
print("timm: ", f"{probabilities.max():.4f}", model.classes[probabilities.argmax()])
row = model.predict(pictures[:1])[0]
print("Graft:", f"{row['confidence']:.4f}", row["prediction"])
files = [path for path in (run.folder / "model").rglob("*") if path.is_file()]
print(f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.0f} MB")

# %% [markdown]
# ## Watch it
# A deployed model meets pictures that are unlike those it was tested on. Evaluate it on new labeled
# pictures from time to time; when the interval no longer holds the old figure, train again.

# %%
accuracy = model.evaluate(folder / "test")["accuracy"]
print(f"accuracy {accuracy['value']:.1%} ({accuracy['low']:.1%} to {accuracy['high']:.1%})")

# %% [markdown]
# ## Exercise
# Your folder has 60 pictures. Would twice as many have been worth the work? Use the half that you
# have.

# %% [markdown]
# **Solution.** Train on half of them: what the second half brought is a guess at what another
# doubling would bring, if the curve goes on as it does. Where the intervals overlap, the test split
# is too small to tell.

# %%
half = graft.fit(folder, technique="feature-extraction", fraction=0.5)
for name, each in (("half of them", half), ("all of them", run)):
    accuracy = each.result["metrics"]["test"]["accuracy"]
    print(f"{name:14}{accuracy['value']:.1%} ({accuracy['low']:.1%} to {accuracy['high']:.1%})")
