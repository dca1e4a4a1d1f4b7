"""The topic of a review and its stars, by one network. Some reviews lack one of the two.

python examples/several_tasks.py
"""

from __future__ import annotations

import graft

REVIEWS = [
    ("The best soup I have had this year.", "food", 5.0),
    ("Wonderful bread and fresh fish.", "food", 4.9),
    ("The waiter was friendly and quick.", "service", 4.6),
    ("A lovely cake, though a little sweet.", "food", None),
    ("They forgot our table twice.", "service", 1.6),
    ("Good coffee, good croissants.", "food", 4.0),
    ("Nobody answered the phone.", "service", 1.9),
    ("Neither good nor bad.", None, 3.0),
    ("It was fine, but nothing more.", None, 3.1),
    ("The soup was cold.", "food", 2.1),
    ("We waited for an hour.", "service", 1.8),
    ("The manager shouted at a waitress.", "service", 1.1),
    ("The fish was dry and dull.", "food", 1.9),
    ("She helped us with the menu, very kind.", "service", 4.7),
    ("Decent pasta, stale bread.", "food", 2.5),
    ("Perfect from start to finish.", None, 5.0),
    ("Rude staff.", "service", None),
    ("The rice was burnt.", "food", 1.5),
]


def main() -> None:
    rows = [{"text": text, "about": about, "stars": stars} for text, about, stars in REVIEWS]
    run = graft.fit(
        rows,
        technique="feature-extraction",
        task=["about", "stars=text-regression:unit=stars"],
        out="runs/several-tasks-example",
    )
    for text in ("Superb cooking.", "The staff was nice.", "The worst meal in town."):
        (row,) = run.model.predict(text)
        print(f"{text:30}{run.model.task.say(row['prediction'])}")
    for name, part in run.result["parts"].items():
        print(f"{name}: {part['task']}, alone in {run.folder / part['model']}")


if __name__ == "__main__":
    main()
